"""verify --deep: from the published bytes back to the commit, every link either proved or listed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from altai_build.config.lockfile import load_lock
from altai_build.errors import AltaiError
from altai_build.model.audit import SignatureCheck, Verification, waive
from altai_build.model.chain import Link, LinkKind, State, unproved
from altai_build.model.comparison import Sameness
from altai_build.model.lock import LOCK_NAME, Lock
from altai_build.model.package import RpmHeader
from altai_build.model.release import ComponentOrigin, Manifest, MirrorOrigin, ReleasedPackage, SpecOrigin
from altai_build.pipeline.remake import fresh, rebuild_number
from altai_build.pipeline.run import Run
from altai_build.pipeline.srpms import Sourcing, make_srpms_of
from altai_build.pipeline.verify import judge, surroundings, trusted_keys
from altai_build.rules.view import ReleaseView
from altai_build.stages.discover import Discovery, discover
from altai_build.stages.srpm import Srpm
from altai_build.tools.files import scratch_directory
from altai_build.tools.rpmfile import compare_packages
from altai_build.tools.superproject import Sourced

_MADE_FROM = "Made from commit "  # in the newest changelog entry of everything that is built here


@dataclass(frozen=True)
class Deep:
    """The findings of a verification with those on links, and all links that were looked at."""

    verification: Verification
    links: tuple[Link, ...]


def verify_deep(run: Run, directory: Path) -> Deep:
    """All that `verify` finds about the release in a folder, and the way back of each of its packages."""
    shallow = judge(run, directory)
    view = ReleaseView(directory, trusted_keys(run.config))
    if view.manifest is None:
        return Deep(verification=shallow, links=())
    links = tuple(_links(run, view, view.manifest))
    around = surroundings(run, directory.name)
    found = waive(
        unproved(links), [one for one in around.waivers if one.expires >= around.today], around.today
    )
    return Deep(
        verification=replace(shallow, findings=(*shallow.findings, *found)),
        links=links,
    )


def _links(run: Run, view: ReleaseView, manifest: Manifest) -> Iterator[Link]:
    commit = manifest.superproject.commit
    yield _superproject(run, manifest)
    with fresh(run) as again:
        discovery: Discovery | str
        sourcing: Sourcing | None = None
        try:
            discovery = discover(again.superproject, again.config, commit, jobs=again.jobs)
            sourcing = make_srpms_of(again, discovery, version=manifest.version)
        except AltaiError as error:
            discovery = error.what
        walk = _Walk(again, view, manifest, discovery, sourcing, _lock(again, commit))
        for package in manifest.packages:
            yield from walk.links(package)


def _superproject(run: Run, manifest: Manifest) -> Link:
    """The superproject has the commit, on a branch or under a tag: it will not vanish with the next clean-up."""
    commit = manifest.superproject.commit

    def link(state: State, detail: str) -> Link:
        return Link(subject=manifest.version, kind=LinkKind.SUPERPROJECT, state=state, detail=detail)

    try:
        if not run.superproject.store(commit).has(commit):
            return link(State.UNPROVED, f"{run.superproject.path} does not have its commit {commit}")
        names = run.superproject.refs_with(commit)
    except AltaiError as error:
        return link(State.UNPROVED, error.what)
    if not names:
        return link(State.UNPROVED, f"no branch and no tag of the superproject contains its commit {commit}")
    return link(State.PROVED, f"{commit} is in {names[0]}")


def _lock(run: Run, commit: str) -> Lock | str:
    """The lock of third-party packages as the superproject's commit has it, or why it cannot be had."""
    try:
        root = run.superproject.path.resolve()
        name = (run.config.root.resolve() / LOCK_NAME).relative_to(root).as_posix()
        store = run.superproject.store(commit)
        entry = next((one for one in store.tree(commit) if one.path == name and one.is_file), None)
        if entry is None:
            return f"the superproject's commit has no {name}"
        with scratch_directory(run.workspace.scratch, "lock") as scratch:
            place = scratch / LOCK_NAME
            place.write_bytes(store.read([entry.oid])[0])
            return load_lock(place)
    except ValueError:
        return "repos.yaml does not lie in the superproject"
    except AltaiError as error:
        return error.what


@dataclass(frozen=True)
class _Walk:
    """What the ways back of all packages are held against."""

    run: Run
    view: ReleaseView
    manifest: Manifest
    discovery: Discovery | str
    sourcing: Sourcing | None
    lock: Lock | str

    def links(self, package: ReleasedPackage) -> Iterator[Link]:
        """The way back of one package."""
        subject = f"{package.repository}/{package.file}"

        def link(kind: LinkKind, answer: tuple[State, str]) -> Link:
            return Link(subject=subject, kind=kind, state=answer[0], detail=answer[1])

        yield link(LinkKind.SIGNATURE, self._signature(package))
        if isinstance(package.origin, MirrorOrigin):
            yield link(LinkKind.LOCK, self._locked(package, subject))
            return
        header = self.view.headers.get(subject)
        sourced = self._sourced(package.origin)
        yield link(LinkKind.HEADER, _header(header, package.origin.commit))
        yield link(LinkKind.SOURCE, self._source(package, header, sourced))
        yield link(LinkKind.COMMIT, _commit(sourced, package.origin.commit))
        yield link(LinkKind.GITLINK, self._gitlink(package.origin, sourced))

    def _signature(self, package: ReleasedPackage) -> tuple[State, str]:
        checks = self.view.signature_checks.get(package.repository, "the release has no such repository")
        if isinstance(checks, str):
            return State.UNPROVED, checks
        check: SignatureCheck | None = next((one for one in checks if one.path.name == package.file), None)
        if check is None:
            return State.CONTRADICTED, "the release does not have the file"
        if not check.good:
            return State.CONTRADICTED, f"{check.verdict.value}: {check.detail}"
        return State.PROVED, f"signed by {check.fingerprint}"

    def _locked(self, package: ReleasedPackage, subject: str) -> tuple[State, str]:
        if isinstance(self.lock, str):
            return State.UNPROVED, self.lock
        sha256 = self.view.digests.get(subject)
        same = [one for one in self.lock.packages if one.nevra == package.nevra]
        if any(one.sha256 == sha256 for one in same):
            return State.PROVED, f"{LOCK_NAME} names {sha256}"
        if same:
            return State.CONTRADICTED, f"{LOCK_NAME} names other bytes: {same[0].sha256}"
        return State.UNPROVED, f"{LOCK_NAME} of the superproject's commit does not name it"

    def _sourced(self, origin: ComponentOrigin | SpecOrigin) -> Sourced | str:
        """The component at a path, or why it cannot be had."""
        if isinstance(self.discovery, str):
            return self.discovery
        found = [one for one in self.discovery.sourced if one.component.path == origin.path]
        if not found:
            out = [one for one in self.discovery.left_out if one.path == origin.path]
            return out[0].reason if out else f"the superproject's commit has no component at {origin.path}"
        same = [one for one in found if one.component.commit == origin.commit]
        return (same or found)[0]

    def _source(
        self, package: ReleasedPackage, header: RpmHeader | None, sourced: Sourced | str
    ) -> tuple[State, str]:
        """The source package, made again from the commit, is the published one, or has the name the header gives."""
        if isinstance(sourced, str) or self.sourcing is None:
            return State.UNPROVED, str(sourced)
        if header is None:
            return State.UNPROVED, "its header cannot be trusted"
        made = self._made(package)
        if not made:
            rows = [row for row in self.sourcing.rows if row.component == sourced.component.name]
            reason = rows[0].reason.splitlines()[0] if rows else "nothing was made"
            return State.UNPROVED, f"its source package cannot be made again: {reason}"
        wanted = package.file if header.is_source else header.sourcerpm
        try:
            srpm = next((one for one in (_named(self.sourcing, *pair, wanted) for pair in made) if one), None)
        except AltaiError as error:
            return State.UNPROVED, f"its source package cannot be made again: {error.what}"
        if srpm is None:
            names = ", ".join(one.path.name for _, one in made)
            return State.CONTRADICTED, f"its source package is {wanted}, and the commit gives {names}"
        published = self._published(wanted)
        if published is None:
            return State.PROVED, f"the commit gives {wanted}"
        found = compare_packages(srpm.path, published)
        if found.sameness is Sameness.DIFFERENT:
            # With the same files inside it is the same source, packaged by another version of rpm.
            state = State.CONTRADICTED if found.in_file else State.UNPROVED
            return state, f"the published {wanted} is not what the commit gives: {found.where}"
        return State.PROVED, f"the commit gives {wanted}, {found.sameness.value}"

    def _made(self, package: ReleasedPackage) -> list[tuple[Sourced, Srpm]]:
        """The source packages that the path and commit of a package give; several specs may lie there."""
        origin = package.origin
        pairs = self.sourcing.made if self.sourcing else ()
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

    def _gitlink(self, origin: ComponentOrigin | SpecOrigin, sourced: Sourced | str) -> tuple[State, str]:
        if isinstance(sourced, str):
            return State.UNPROVED, sourced
        pinned = sourced.component.commit
        if pinned != origin.commit:
            return State.CONTRADICTED, f"the superproject has {pinned} at {origin.path}, not {origin.commit}"
        return State.PROVED, f"the superproject has {pinned} at {origin.path}"


def _named(sourcing: Sourcing, sourced: Sourced, srpm: Srpm, wanted: str) -> Srpm | None:
    """The source package of that name which the commit gives: the first, or the n-th rebuild."""
    if srpm.path.name == wanted:
        return srpm
    number = rebuild_number(srpm.path.name, wanted)
    return sourcing.maker.make(sourced, rebuild=number) if number is not None else None


def _header(header: RpmHeader | None, commit: str) -> tuple[State, str]:
    if header is None:
        return State.UNPROVED, "its header cannot be trusted"
    _, found, rest = header.changelog.partition(_MADE_FROM)
    if not found:
        return State.UNPROVED, "its changelog names no commit"
    named = rest.split()[0].rstrip(".,;") if rest.split() else ""
    if named != commit:
        return State.CONTRADICTED, f"its changelog names the commit {named}, the manifest {commit}"
    return State.PROVED, f"its changelog names {commit}"


def _commit(sourced: Sourced | str, commit: str) -> tuple[State, str]:
    if isinstance(sourced, str):
        return State.UNPROVED, sourced
    if not sourced.store.has(commit):
        return State.UNPROVED, f"{sourced.store.origin} does not have {commit}"
    return State.PROVED, f"{sourced.store.origin} has it"
