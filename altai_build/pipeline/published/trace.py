"""`verify --deep`: trace every package from its published bytes to the superproject's commit, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from altai_build.config.lockfile import load_lock
from altai_build.errors import AltaiError
from altai_build.model.findings import VerificationReport, waive
from altai_build.model.gitlink import GITLINK_MODE, CommitId, require_commit
from altai_build.model.lock import LOCK_FILE_NAME, Lock
from altai_build.model.package import RpmHeader
from altai_build.model.release import BuildOrigin, Manifest, ReleasedPackage
from altai_build.model.reproduction import Similarity
from altai_build.model.srpm import Srpm
from altai_build.model.srpm_making import describe_other_making
from altai_build.model.trace import TraceStatus, TraceStep, TraceStepKind, list_trace_findings
from altai_build.pipeline.build.srpms import SrpmBatch, make_discovered_srpms
from altai_build.pipeline.published.reproduce import clean_workspace, find_making, make_srpm_named
from altai_build.pipeline.published.verify import open_view
from altai_build.pipeline.run import Run
from altai_build.regular_files import resolve_links
from altai_build.rules.view import ReleaseView
from altai_build.stages.discover.components import Discovery, discover
from altai_build.stages.verify import verify_view
from altai_build.tools.files import scratch_directory
from altai_build.tools.git.component_source import ComponentSource
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.rpm.package_comparison import compare_packages

# In the newest changelog entry of every package that is built here.
_COMMIT_MARKER = "Made from commit "

_Result = tuple[TraceStatus, str]  # with the evidence, or the reason why there is none


@dataclass(frozen=True)
class ProvenanceTrace:
    """The findings of a verification, with those of the trace, and all steps of the trace."""

    verification: VerificationReport
    steps: tuple[TraceStep, ...]


def trace_provenance(
    run: Run, directory: Path, *, signers: Sequence[Path] = (), version: str = ""
) -> ProvenanceTrace:
    """Verify the release in a folder like `verify_published`, and trace each package to the superproject's commit."""
    view = open_view(run, directory, signers=signers, version=version)
    verification = verify_view(view)
    steps = tuple(_trace_release(run, view, view.manifest)) if view.manifest is not None else ()
    findings = waive(
        list_trace_findings(verification.release, steps), view.context.waivers, view.context.today
    )
    return ProvenanceTrace(
        verification=replace(verification, findings=(*verification.findings, *findings)),
        steps=steps,
    )


def _trace_release(run: Run, view: ReleaseView, manifest: Manifest) -> Iterator[TraceStep]:
    commit = manifest.superproject.commit
    status, detail = _check_superproject(run, commit)
    yield TraceStep(subject=manifest.version, kind=TraceStepKind.SUPERPROJECT, status=status, detail=detail)
    if status is TraceStatus.UNEXAMINED:
        # Nothing of it can be read, for the one reason.
        tracer = _PackageTracer(view, manifest, detail, detail, None, detail)
        for package in manifest.packages:
            yield from tracer.trace(package)
        return
    pins = _open_pins(run, commit)
    with clean_workspace(run) as clean_run:
        discovery: Discovery | str
        srpm_batch: SrpmBatch | None = None
        try:
            discovery = discover(
                clean_run.superproject, clean_run.config, clean_run.workspace, commit, jobs=clean_run.jobs
            )
            srpm_batch = make_discovered_srpms(clean_run, discovery, version=manifest.version)
        except AltaiError as error:
            discovery = error.what
        tracer = _PackageTracer(view, manifest, pins, discovery, srpm_batch, _read_lock(clean_run, commit))
        for package in manifest.packages:
            yield from tracer.trace(package)


def _check_superproject(run: Run, commit: str) -> _Result:
    """A branch or tag of the superproject contains the commit, so that `git gc` keeps it."""
    try:
        pinned = require_commit(commit)
        if not run.superproject.open_store(pinned).has_commit_object(pinned):
            return TraceStatus.UNEXAMINED, f"{run.superproject.path} does not have its commit {commit}"
        names = run.superproject.list_refs_containing(pinned)
    except AltaiError as error:
        return TraceStatus.UNEXAMINED, error.what
    if not names:
        return TraceStatus.UNPROVED, f"no branch or tag of the superproject contains its commit {commit}"
    return TraceStatus.PROVED, f"{commit} is in {names[0]}"


class _Pins:
    """What the superproject's commit pins, read from the superproject alone."""

    def __init__(self, store: ObjectStore, commit: CommitId) -> None:
        """Raises InputError when the commit or its tree is missing."""
        self._store = store
        self._commit = commit
        tree = store.read_tree(commit)
        self._gitlinks = {entry.path: CommitId(entry.oid) for entry in tree if entry.mode == GITLINK_MODE}
        self._folders = {str(folder) for entry in tree for folder in PurePosixPath(entry.path).parents}
        self._changes: dict[str, CommitId | None] = {}

    def find(self, path: str) -> CommitId | None:
        """The commit that is pinned at a path; None where there is nothing. Raises InputError in a shallow clone.

        A folder of specs has the newest change to it, the root the superproject's commit itself.
        """
        if path == ".":
            return self._commit
        if path in self._gitlinks or path not in self._folders:
            return self._gitlinks.get(path)
        if path not in self._changes:
            self._changes[path] = self._store.find_last_change(self._commit, path)
        return self._changes[path]


def _open_pins(run: Run, commit: str) -> _Pins | str:
    """The pins of the superproject's commit, or why they cannot be read."""
    try:
        pinned = require_commit(commit)
        return _Pins(run.superproject.open_store(pinned), pinned)
    except AltaiError as error:
        return error.what


def _read_lock(run: Run, commit: str) -> Lock | str:
    """The lock of third-party packages in the superproject's commit, or why it cannot be read."""
    try:
        root = resolve_links(run.superproject.path)
        name = (resolve_links(run.config.root) / LOCK_FILE_NAME).relative_to(root).as_posix()
        pinned = require_commit(commit)
        store = run.superproject.open_store(pinned)
        entry = next(
            (entry for entry in store.read_tree(pinned) if entry.path == name and entry.is_file), None
        )
        if entry is None:
            return f"the superproject's commit has no {name}"
        content = store.read_blobs([entry.oid])[0]
    except ValueError:
        return "repos.yaml is outside the superproject"
    except AltaiError as error:
        return error.what
    with scratch_directory(run.workspace.scratch, "lock") as scratch:
        file = scratch / LOCK_FILE_NAME
        file.write_bytes(content)
        try:
            return load_lock(file)
        except AltaiError as error:
            reasons = "; ".join(line.strip() for line in error.why.splitlines())
            return f"{name} in the superproject's commit is not valid: {reasons}"


@dataclass(frozen=True)
class _PackageTracer:
    """The trace of one package after another, against the superproject's commit; a text says why a part is missing."""

    view: ReleaseView
    manifest: Manifest
    pins: _Pins | str
    discovery: Discovery | str
    srpm_batch: SrpmBatch | None
    lock: Lock | str

    def trace(self, package: ReleasedPackage) -> Iterator[TraceStep]:
        """The steps of one package."""
        built = package.build_origin
        origin = built.path if built is not None else package.repository
        for kind, (status, detail) in self._check_steps(package):
            yield TraceStep(subject=package.path, kind=kind, status=status, detail=detail, origin=origin)

    def _check_steps(self, package: ReleasedPackage) -> Iterator[tuple[TraceStepKind, _Result]]:
        yield TraceStepKind.SIGNATURE, self._check_signature(package)
        origin = package.build_origin
        if origin is None:
            yield TraceStepKind.LOCK, self._check_lock(package)
            return
        header = self.view.headers.get(package.path)
        source = self._find_source(origin)
        yield TraceStepKind.HEADER, _check_header(header, origin.commit)
        yield TraceStepKind.SOURCE, self._check_source_package(package, header, source)
        yield TraceStepKind.COMMIT, _check_commit(source, origin.commit)
        yield TraceStepKind.GITLINK, _check_gitlink(self.pins, origin)

    def _check_signature(self, package: ReleasedPackage) -> _Result:
        checks = self.view.signature_checks.get(package.repository, "the release has no such repository")
        if isinstance(checks, str):
            return TraceStatus.UNEXAMINED, checks
        check = next((check for check in checks if check.path.name == package.file), None)
        if check is None:
            return TraceStatus.CONTRADICTED, "the release does not have the file"
        if not check.is_good:
            return TraceStatus.CONTRADICTED, check.description
        return TraceStatus.PROVED, f"signed by {check.fingerprint}"

    def _check_lock(self, package: ReleasedPackage) -> _Result:
        """The lock in the superproject's commit lists the bytes of a mirrored package."""
        if isinstance(self.lock, str):
            return TraceStatus.UNEXAMINED, self.lock
        sha256 = self.view.digests.get(package.path)
        locked = [entry.sha256 for entry in self.lock.packages if entry.nevra == package.nevra]
        if sha256 in locked:
            return TraceStatus.PROVED, f"{LOCK_FILE_NAME} lists SHA-256 {sha256}"
        if locked:
            return TraceStatus.CONTRADICTED, f"{LOCK_FILE_NAME} lists another SHA-256: {locked[0]}"
        return (
            TraceStatus.UNPROVED,
            f"{LOCK_FILE_NAME} of the superproject's commit does not list the package",
        )

    def _find_source(self, origin: BuildOrigin) -> ComponentSource | str:
        """The component at the path of an origin, or why there is none."""
        if isinstance(self.discovery, str):
            return self.discovery
        sources = [source for source in self.discovery.sourced if source.component.path == origin.path]
        if not sources:
            reasons = (skip.reason for skip in self.discovery.without_srpm if skip.path == origin.path)
            return next(reasons, f"repos.yaml has no component at {origin.path} in the superproject's commit")
        same_commit = (source for source in sources if source.component.commit == origin.commit)
        return next(same_commit, sources[0])

    def _check_source_package(
        self, package: ReleasedPackage, header: RpmHeader | None, source: ComponentSource | str
    ) -> _Result:
        """The source package, made again from the commit, equals the published one, or has the name in the header."""
        if isinstance(source, str) or self.srpm_batch is None:
            return TraceStatus.UNEXAMINED, str(source)
        if header is None:
            return TraceStatus.UNPROVED, "the header cannot be trusted"
        candidates = self._list_srpms(self.srpm_batch, package)
        if not candidates:
            component, pinned = source.component.name, source.component.commit
            if package.build_origin is not None and package.build_origin.commit != pinned:
                return TraceStatus.UNPROVED, f"the superproject pins another commit: {pinned}"
            results = (result for result in self.srpm_batch.results if result.component == component)
            reason = next((result.reason.partition("\n")[0] for result in results), "nothing was made")
            return TraceStatus.UNEXAMINED, f"the source package cannot be made again: {reason}"
        name = package.file if header.is_source else header.sourcerpm
        try:
            named = (make_srpm_named(self.srpm_batch.maker, *candidate, name) for candidate in candidates)
            srpm = next((srpm for srpm in named if srpm is not None), None)
        except AltaiError as error:
            return TraceStatus.UNEXAMINED, f"the source package cannot be made again: {error.what}"
        if srpm is None:
            names = ", ".join(made.path.name for _, made in candidates)
            others = self._describe_other_making(self.srpm_batch, name, candidates[0][1])
            if others:
                return (
                    TraceStatus.INCOMPARABLE,
                    f"the commit gives a source package of another name: {others}",
                )
            return TraceStatus.CONTRADICTED, f"the source package is {name}, but the commit gives {names}"
        return self._compare_with_published(self.srpm_batch, srpm, name)

    def _compare_with_published(self, srpm_batch: SrpmBatch, srpm: Srpm, name: str) -> _Result:
        published = self._find_published(name)
        if published is None:
            return TraceStatus.PROVED, f"the commit gives {name}"
        found = compare_packages(srpm.path, published)
        if found.similarity is not Similarity.DIFFERENT:
            return TraceStatus.PROVED, f"the commit gives {name}, {found.similarity.value}"
        others = self._describe_other_making(srpm_batch, name, srpm)
        if others:
            return TraceStatus.INCOMPARABLE, f"the source package cannot be made as it was: {others}"
        if found.is_in_compression:
            return TraceStatus.UNPROVED, f"the published {name} is compressed by another library"
        return (
            TraceStatus.CONTRADICTED,
            f"the published {name} differs from what the commit gives: {found.first_difference}",
        )

    def _describe_other_making(self, srpm_batch: SrpmBatch, name: str, srpm: Srpm) -> str:
        """How what made the source package of that name differs from what makes them here; "" where it does not."""
        then = next((build.made_with for build in self.manifest.builds if build.source == name), None)
        return "; ".join(describe_other_making(then, find_making(srpm_batch.maker.ledger, srpm)))

    def _list_srpms(
        self, srpm_batch: SrpmBatch, package: ReleasedPackage
    ) -> list[tuple[ComponentSource, Srpm]]:
        """The source packages made from the path and commit of a package: one for each spec there."""
        origin = package.build_origin
        return [
            (source, srpm)
            for source, srpm in srpm_batch.srpms
            if origin is not None
            and (source.component.path, source.component.commit) == (origin.path, origin.commit)
        ]

    def _find_published(self, name: str) -> Path | None:
        """The published source package with that file name, if its signature is good."""
        for repository in self.manifest.repositories:
            if repository.source and f"{repository.name}/{name}" in self.view.headers:
                return self.view.directory / repository.name / name
        return None


def _check_header(header: RpmHeader | None, commit: str) -> _Result:
    """The changelog in the signed header names the commit."""
    if header is None:
        return TraceStatus.UNPROVED, "the header cannot be trusted"
    _, marker, rest = header.changelog.partition(_COMMIT_MARKER)
    if not marker:
        return TraceStatus.UNPROVED, "the changelog names no commit"
    words = rest.split(maxsplit=1)
    named = words[0].rstrip(".,;") if words else ""
    if named != commit:
        return TraceStatus.CONTRADICTED, f"the changelog names commit {named}, the manifest {commit}"
    return TraceStatus.PROVED, f"the changelog names {commit}"


def _check_commit(source: ComponentSource | str, commit: str) -> _Result:
    """The component's repository has the commit."""
    if isinstance(source, str):
        return TraceStatus.UNEXAMINED, source
    if not source.store.has_commit_object(require_commit(commit)):
        return TraceStatus.UNPROVED, f"{source.store.origin} does not have {commit}"
    return TraceStatus.PROVED, f"{source.store.origin} has {commit}"


def _check_gitlink(pins: _Pins | str, origin: BuildOrigin) -> _Result:
    """The superproject's commit pins the commit; the component's own repository is not needed to know."""
    if isinstance(pins, str):
        return TraceStatus.UNEXAMINED, pins
    try:
        pinned = pins.find(origin.path)
    except AltaiError as error:
        return TraceStatus.UNEXAMINED, error.what
    if pinned is None:
        return TraceStatus.CONTRADICTED, f"the superproject's commit has nothing at {origin.path}"
    if pinned != origin.commit:
        return (
            TraceStatus.CONTRADICTED,
            f"the superproject pins {pinned} at {origin.path}, not {origin.commit}",
        )
    return TraceStatus.PROVED, f"the superproject pins {pinned} at {origin.path}"
