"""verify --deep: from the published bytes back to the commit, every link either proved or listed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from altai_build.config.lockfile import load_lock
from altai_build.errors import AltaiError
from altai_build.model.findings import SignatureCheck, VerificationReport, waive
from altai_build.model.lock import LOCK_FILE_NAME, Lock
from altai_build.model.package import RpmHeader
from altai_build.model.release import ComponentOrigin, Manifest, MirrorOrigin, ReleasedPackage, SpecOrigin
from altai_build.model.reproduction import Similarity
from altai_build.model.srpm import Srpm
from altai_build.model.trace import TraceStatus, TraceStep, TraceStepKind, list_trace_findings
from altai_build.pipeline.build.srpms import SrpmBatch, make_discovered_srpms
from altai_build.pipeline.published.reproduce import clean_workspace, rebuild_number
from altai_build.pipeline.published.verify import make_verify_context, trusted_keys, verify_published
from altai_build.pipeline.run import Run
from altai_build.rules.view import ReleaseView
from altai_build.stages.discover import Discovery, discover
from altai_build.tools.files import scratch_directory
from altai_build.tools.git.superproject import ComponentSource
from altai_build.tools.rpm.header import compare_packages

_MADE_FROM = "Made from commit "  # in the newest changelog entry of everything that is built here


@dataclass(frozen=True)
class ProvenanceTrace:
    """The findings of a verification with those on links, and all links that were looked at."""

    verification: VerificationReport
    steps: tuple[TraceStep, ...]


def trace_provenance(run: Run, directory: Path) -> ProvenanceTrace:
    """All that `verify` finds about the release in a folder, and the way back of each of its packages."""
    shallow = verify_published(run, directory)
    view = ReleaseView(directory, trusted_keys(run.config))
    if view.manifest is None:
        return ProvenanceTrace(verification=shallow, steps=())
    links = tuple(_links(run, view, view.manifest))
    context = make_verify_context(run, directory.name)
    found = waive(
        list_trace_findings(links),
        context.waivers,
        context.today,
    )
    return ProvenanceTrace(
        verification=replace(shallow, findings=(*shallow.findings, *found)),
        steps=links,
    )


def _links(run: Run, view: ReleaseView, manifest: Manifest) -> Iterator[TraceStep]:
    commit = manifest.superproject.commit
    yield _superproject(run, manifest)
    with clean_workspace(run) as again:
        discovery: Discovery | str
        srpm_batch: SrpmBatch | None = None
        try:
            discovery = discover(again.superproject, again.config, commit, jobs=again.jobs)
            srpm_batch = make_discovered_srpms(again, discovery, version=manifest.version)
        except AltaiError as error:
            discovery = error.what
        walk = _ProvenanceTracer(again, view, manifest, discovery, srpm_batch, _lock(again, commit))
        for package in manifest.packages:
            yield from walk.links(package)


def _superproject(run: Run, manifest: Manifest) -> TraceStep:
    """The superproject has the commit, on a branch or under a tag: it will not vanish with the next clean-up."""
    commit = manifest.superproject.commit

    def link(state: TraceStatus, detail: str) -> TraceStep:
        return TraceStep(
            subject=manifest.version, kind=TraceStepKind.SUPERPROJECT, state=state, detail=detail
        )

    try:
        if not run.superproject.open_store(commit).has_commit_object(commit):
            return link(TraceStatus.UNPROVED, f"{run.superproject.path} does not have its commit {commit}")
        names = run.superproject.list_refs_containing(commit)
    except AltaiError as error:
        return link(TraceStatus.UNPROVED, error.what)
    if not names:
        return link(
            TraceStatus.UNPROVED, f"no branch and no tag of the superproject contains its commit {commit}"
        )
    return link(TraceStatus.PROVED, f"{commit} is in {names[0]}")


def _lock(run: Run, commit: str) -> Lock | str:
    """The lock of third-party packages as the superproject's commit has it, or why it cannot be had."""
    try:
        root = run.superproject.path.resolve()
        name = (run.config.root.resolve() / LOCK_FILE_NAME).relative_to(root).as_posix()
        store = run.superproject.open_store(commit)
        entry = next((one for one in store.read_tree(commit) if one.path == name and one.is_file), None)
        if entry is None:
            return f"the superproject's commit has no {name}"
        with scratch_directory(run.workspace.scratch, "lock") as scratch:
            place = scratch / LOCK_FILE_NAME
            place.write_bytes(store.read_blobs([entry.oid])[0])
            return load_lock(place)
    except ValueError:
        return "repos.yaml does not lie in the superproject"
    except AltaiError as error:
        return error.what


@dataclass(frozen=True)
class _ProvenanceTracer:
    """What the ways back of all packages are held against."""

    run: Run
    view: ReleaseView
    manifest: Manifest
    discovery: Discovery | str
    srpm_batch: SrpmBatch | None
    lock: Lock | str

    def links(self, package: ReleasedPackage) -> Iterator[TraceStep]:
        """The way back of one package."""
        subject = package.path

        def link(kind: TraceStepKind, answer: tuple[TraceStatus, str]) -> TraceStep:
            return TraceStep(subject=subject, kind=kind, state=answer[0], detail=answer[1])

        yield link(TraceStepKind.SIGNATURE, self._signature(package))
        if isinstance(package.origin, MirrorOrigin):
            yield link(TraceStepKind.LOCK, self._locked(package, subject))
            return
        header = self.view.headers.get(subject)
        sourced = self._sourced(package.origin)
        yield link(TraceStepKind.HEADER, _header(header, package.origin.commit))
        yield link(TraceStepKind.SOURCE, self._source(package, header, sourced))
        yield link(TraceStepKind.COMMIT, _commit(sourced, package.origin.commit))
        yield link(TraceStepKind.GITLINK, self._gitlink(package.origin, sourced))

    def _signature(self, package: ReleasedPackage) -> tuple[TraceStatus, str]:
        checks = self.view.signature_checks.get(package.repository, "the release has no such repository")
        if isinstance(checks, str):
            return TraceStatus.UNPROVED, checks
        check: SignatureCheck | None = next((one for one in checks if one.path.name == package.file), None)
        if check is None:
            return TraceStatus.CONTRADICTED, "the release does not have the file"
        if not check.is_good:
            return TraceStatus.CONTRADICTED, f"{check.status.value}: {check.detail}"
        return TraceStatus.PROVED, f"signed by {check.fingerprint}"

    def _locked(self, package: ReleasedPackage, subject: str) -> tuple[TraceStatus, str]:
        if isinstance(self.lock, str):
            return TraceStatus.UNPROVED, self.lock
        sha256 = self.view.digests.get(subject)
        same = [one for one in self.lock.packages if one.nevra == package.nevra]
        if any(one.sha256 == sha256 for one in same):
            return TraceStatus.PROVED, f"{LOCK_FILE_NAME} names {sha256}"
        if same:
            return TraceStatus.CONTRADICTED, f"{LOCK_FILE_NAME} names other bytes: {same[0].sha256}"
        return TraceStatus.UNPROVED, f"{LOCK_FILE_NAME} of the superproject's commit does not name it"

    def _sourced(self, origin: ComponentOrigin | SpecOrigin) -> ComponentSource | str:
        """The component at a path, or why it cannot be had."""
        if isinstance(self.discovery, str):
            return self.discovery
        found = [one for one in self.discovery.sourced if one.component.path == origin.path]
        if not found:
            out = [one for one in self.discovery.without_srpm if one.path == origin.path]
            return out[0].reason if out else f"the superproject's commit has no component at {origin.path}"
        same = [one for one in found if one.component.commit == origin.commit]
        return (same or found)[0]

    def _source(
        self, package: ReleasedPackage, header: RpmHeader | None, sourced: ComponentSource | str
    ) -> tuple[TraceStatus, str]:
        """The source package, made again from the commit, is the published one, or has the name the header gives."""
        if isinstance(sourced, str) or self.srpm_batch is None:
            return TraceStatus.UNPROVED, str(sourced)
        if header is None:
            return TraceStatus.UNPROVED, "its header cannot be trusted"
        made = self._made(package)
        if not made:
            name = sourced.component.name
            results = [result for result in self.srpm_batch.results if result.component == name]
            reason = results[0].reason.splitlines()[0] if results else "nothing was made"
            return TraceStatus.UNPROVED, f"its source package cannot be made again: {reason}"
        wanted = package.file if header.is_source else header.sourcerpm
        try:
            srpm = next(
                (one for one in (_named(self.srpm_batch, *pair, wanted) for pair in made) if one), None
            )
        except AltaiError as error:
            return TraceStatus.UNPROVED, f"its source package cannot be made again: {error.what}"
        if srpm is None:
            names = ", ".join(one.path.name for _, one in made)
            return TraceStatus.CONTRADICTED, f"its source package is {wanted}, and the commit gives {names}"
        published = self._published(wanted)
        if published is None:
            return TraceStatus.PROVED, f"the commit gives {wanted}"
        found = compare_packages(srpm.path, published)
        if found.sameness is Similarity.DIFFERENT:
            # With the same files inside it is the same source, packaged by another version of rpm.
            state = TraceStatus.CONTRADICTED if found.is_in_file else TraceStatus.UNPROVED
            return state, f"the published {wanted} is not what the commit gives: {found.where}"
        return TraceStatus.PROVED, f"the commit gives {wanted}, {found.sameness.value}"

    def _made(self, package: ReleasedPackage) -> list[tuple[ComponentSource, Srpm]]:
        """The source packages that the path and commit of a package give; several specs may lie there."""
        origin = package.origin
        pairs = self.srpm_batch.srpms if self.srpm_batch else ()
        return [
            (sourced, srpm)
            for sourced, srpm in pairs
            if not isinstance(origin, MirrorOrigin)
            and (sourced.component.path, sourced.component.commit) == (origin.path, origin.commit)
        ]

    def _published(self, name: str) -> Path | None:
        """The published source package of a name, where its signature is good."""
        for repository in self.manifest.repositories:
            if repository.source and f"{repository.name}/{name}" in self.view.headers:
                return self.view.directory / repository.name / name
        return None

    def _gitlink(
        self, origin: ComponentOrigin | SpecOrigin, sourced: ComponentSource | str
    ) -> tuple[TraceStatus, str]:
        if isinstance(sourced, str):
            return TraceStatus.UNPROVED, sourced
        pinned = sourced.component.commit
        if pinned != origin.commit:
            return (
                TraceStatus.CONTRADICTED,
                f"the superproject has {pinned} at {origin.path}, not {origin.commit}",
            )
        return TraceStatus.PROVED, f"the superproject has {pinned} at {origin.path}"


def _named(srpm_batch: SrpmBatch, sourced: ComponentSource, srpm: Srpm, wanted: str) -> Srpm | None:
    """The source package of that name which the commit gives: the first, or the n-th rebuild."""
    if srpm.path.name == wanted:
        return srpm
    number = rebuild_number(srpm.path.name, wanted)
    return srpm_batch.maker.make_srpm(sourced, rebuild_count=number) if number is not None else None


def _header(header: RpmHeader | None, commit: str) -> tuple[TraceStatus, str]:
    if header is None:
        return TraceStatus.UNPROVED, "its header cannot be trusted"
    _, found, rest = header.changelog.partition(_MADE_FROM)
    if not found:
        return TraceStatus.UNPROVED, "its changelog names no commit"
    named = rest.split()[0].rstrip(".,;") if rest.split() else ""
    if named != commit:
        return TraceStatus.CONTRADICTED, f"its changelog names the commit {named}, the manifest {commit}"
    return TraceStatus.PROVED, f"its changelog names {commit}"


def _commit(sourced: ComponentSource | str, commit: str) -> tuple[TraceStatus, str]:
    if isinstance(sourced, str):
        return TraceStatus.UNPROVED, sourced
    if not sourced.store.has_commit_object(commit):
        return TraceStatus.UNPROVED, f"{sourced.store.origin} does not have {commit}"
    return TraceStatus.PROVED, f"{sourced.store.origin} has it"
