"""Third-party packages: lock what ours need, fetch what is locked, and see that a release has what it needs."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.config import SourceKind
from altai_build.config.lockfile import dump_lock, load_lock
from altai_build.config.upstreams import Upstream, list_upstreams
from altai_build.errors import BuildError, InputError
from altai_build.model.build import ComponentStatus
from altai_build.model.checksum import SHA256, Checksum
from altai_build.model.compat import list_unreadable_packages
from altai_build.model.lock import LOCK_FILE_NAME, Lock, LockChange, LockedPackage
from altai_build.model.package import LocalRpm, RpmHeader
from altai_build.model.release import MirrorOrigin
from altai_build.pipeline.published.releases import load_manifest
from altai_build.pipeline.run import Run
from altai_build.stages.deps import (
    compare_packages,
    find_base_requirements,
    make_lock_content,
    resolve_closure,
)
from altai_build.stages.fetch import (
    FetchedPackage,
    PackageRequest,
    PackageSources,
    PackageStore,
    fetch_packages,
)
from altai_build.stages.lock_check import find_lock_errors, make_stale_lock_error
from altai_build.stages.publish import list_releases
from altai_build.stages.upstreams import find_mirrors, read_upstreams
from altai_build.tools.download import join_url
from altai_build.tools.files import write_atomically
from altai_build.tools.repo.metadata import RepositoryMetadata
from altai_build.tools.rpm.header import read_header
from altai_build.tools.solver.closure import Closure, ClosurePackage
from altai_build.tools.solver.pool import PackagePool

if TYPE_CHECKING:
    from altai_build.pipeline.build.run import BuildRun


@dataclass(frozen=True)
class LockUpdate:
    """A lock that was made, and how it differs from the one before."""

    lock: Lock
    path: Path
    changes: tuple[LockChange, ...]
    rewritten: bool  # the file has other bytes than before


def lock_path(run: Run) -> Path:
    """Where the lock lies: beside repos.yaml."""
    return run.config.root / LOCK_FILE_NAME


def read_lock(run: Run) -> Lock:
    """The lock as it is. Raises InputError when it is missing or faulty."""
    return load_lock(lock_path(run))


# ---- for the release ---------------------------------------------------------------------------------------------


def our_packages(build_run: BuildRun) -> tuple[LocalRpm, ...]:
    """The binary packages of all components and misc. Raises BuildFailed when one has none: its needs are unknown."""
    bad = [row for row in build_run.rows if row.status in (ComponentStatus.FAILED, ComponentStatus.BLOCKED)]
    if bad:
        error = BuildError(
            f"{len(bad)} components have no packages, so what they require is not known",
            why="\n".join(
                f"  {row.component} {row.status.value}: {row.reason.splitlines()[0]}" for row in bad
            ),
            todo="mend them first (`altai-build build` shows their logs)",
        )
        error.exit_code = build_run.exit_code
        raise error
    # Packages of bootstrap builds are replaced by those of the second build, and never leave the workspace.
    return tuple(rpm for row in sorted(build_run.rows, key=lambda row: row.component) for rpm in row.rpms)


def read_required_lock(run: Run) -> Lock | None:
    """The lock; None where repos.yaml mirrors nothing. Raises InputError when it is missing or faulty."""
    return read_lock(run) if _mirrors_something(run) else None


def check_lock(run: Run, lock: Lock, ours: Sequence[LocalRpm]) -> dict[LockedPackage, Path]:
    """The files of the lock, as `fetch_locked` brings them. Raises InputError unless it holds exactly what `ours` need.

    Upstream is asked only for missing files.
    """
    known = [one for one in lock.packages if one.repository in run.config.repositories]
    files = fetch_locked(run, known)
    shipped = {
        one: LocalRpm(path=path, header=read_header(path), sha256=one.sha256) for one, path in files.items()
    }
    target = run.config.get_target()
    lines = find_lock_errors(
        lock,
        target,
        list_upstreams(run.config),
        ours,
        shipped,
        cache=run.workspace.cache / "solv",
    )
    if lines:
        raise make_stale_lock_error(lines, lock_path(run))
    return files


def fetch_locked(run: Run, packages: Sequence[LockedPackage]) -> dict[LockedPackage, Path]:
    """The files of locked packages, each of the locked size and SHA-256 and signed by its repository's own key.

    Taken from what is kept, from earlier releases, or from upstream, in this order. Raises InputError naming all
    that cannot be had.
    """
    keys = run.config.keys
    wanted = {
        one: PackageRequest(
            repository=one.repository,
            location=one.location,
            checksum=Checksum(SHA256, one.sha256),
            size=one.size,
            key_file=keys[run.config.repositories[one.repository].key].file,
        )
        for one in packages
    }
    fetched = _fetch_packages(run, list(wanted.values()), {})
    wrong = [
        f"  {one.path}: signed by {fetched[two].signer.fingerprint}, "
        f"and locked as signed by {one.signer.fingerprint}"
        for one, two in wanted.items()
        if fetched[two].signer != one.signer
    ]
    if wrong:
        raise InputError(
            f"{len(wrong)} packages are not signed as they were when they were locked",
            why="\n".join(wrong),
            todo="if the key under `keys` in repos.yaml was replaced on purpose, run `altai-build deps lock`",
        )
    return {one: fetched[two].path for one, two in wanted.items()}


def make_mirror_origin(run: Run, package: LockedPackage) -> MirrorOrigin:
    """Where a locked package came from, for the manifest."""
    repository = run.config.repositories[package.repository]
    url = repository.url or ""
    return MirrorOrigin(
        url=join_url(url, package.location) if repository.listing is None else f"{url}#{package.location}",
        sha256=package.sha256,
        needed_by=package.needed_by_names,
    )


def _mirrors_something(run: Run) -> bool:
    return run.config.find_repository(SourceKind.MIRROR) is not None


# ---- the verbs ---------------------------------------------------------------------------------------------------


def make_lock(
    run: Run, revision: str, *, update: bool = False, names: Sequence[str] = (), older: bool = False
) -> LockUpdate:
    """Build or reuse our packages, compute what they need, fetch and prove that, and write the lock.

    Locked versions stay where they do; with `update` those of `names` (all, when there are none) may move. `older`
    accepts repodata that is older than the lock's. Raises InputError.
    """
    path = lock_path(run)
    before = load_lock(path) if path.exists() else None
    upstreams, metadata, closure, pool = _resolve(
        run, revision, _packages_to_keep(before, update=update, names=names), known=None if older else before
    )
    fetched = _fetch_members(run, upstreams, metadata, closure)
    headers = [read_header(one.path) for one in fetched.values()]
    _refuse_unreadable(run, headers)
    packages = [_make_locked_package(member, one) for member, one in fetched.items()]
    from_base = find_base_requirements(closure, pool, headers)
    lock = make_lock_content(run.config.get_target(), upstreams, metadata, from_base, packages)
    text = dump_lock(lock).encode()
    rewritten = not path.exists() or path.read_bytes() != text
    if rewritten:
        write_atomically(path, text)
    changes = compare_packages(before.packages if before else (), closure.packages)
    return LockUpdate(lock=lock, path=path, changes=changes, rewritten=rewritten)


def find_updates(run: Run, revision: str) -> tuple[LockChange, ...]:
    """What `deps lock --update` would change. Raises InputError when there is no lock."""
    lock = read_lock(run)
    _, _, closure, _ = _resolve(run, revision, (), known=lock)
    return compare_packages(lock.packages, closure.packages)


def _packages_to_keep(
    before: Lock | None, *, update: bool, names: Sequence[str]
) -> tuple[LockedPackage, ...]:
    """The locked packages whose versions are to stay. Raises InputError for names that are not locked."""
    packages = before.packages if before else ()
    unknown = sorted(set(names) - {one.nevra.name for one in packages})
    if unknown:
        raise InputError(
            f"not locked: {', '.join(unknown)}", todo="`altai-build deps list` shows what is locked"
        )
    if not update:
        return packages
    return tuple(one for one in packages if names and one.nevra.name not in names)


def _resolve(
    run: Run, revision: str, locked: Sequence[LockedPackage], *, known: Lock | None
) -> tuple[tuple[Upstream, ...], tuple[RepositoryMetadata, ...], Closure, PackagePool]:
    # Half of all there is to load; who lists a lock builds nothing.
    from altai_build.pipeline.build.plan import plan_build
    from altai_build.pipeline.build.run import build_all

    upstreams = list_upstreams(run.config)
    target = run.config.get_target()
    ours = our_packages(build_all(run, plan_build(run, revision, (), None)))
    with run.reporter.run_step("repodata of the mirrors"):
        metadata = read_upstreams(
            upstreams, cache=run.workspace.cache / "metadata", known=known, jobs=run.jobs
        )
    with run.reporter.run_step("resolution"):
        closure, pool = resolve_closure(
            ours,
            upstreams,
            metadata,
            arch=target.arch,
            cache=run.workspace.cache / "solv",
            locked=locked,
        )
    return upstreams, metadata, closure, pool


def _fetch_members(
    run: Run, upstreams: Sequence[Upstream], metadata: Sequence[RepositoryMetadata], closure: Closure
) -> dict[ClosurePackage, FetchedPackage]:
    """The members of a closure, fetched and proved."""
    keys = {one.name: one.key.file for one in upstreams}
    urls = {
        one.name: tuple(dict.fromkeys((state.url, *state.source.urls)))
        for one, state in zip(upstreams, metadata)
    }
    wanted = {
        one: PackageRequest(
            repository=one.repository,
            location=one.resolved.location,
            checksum=one.resolved.checksum,
            size=one.resolved.size,
            key_file=keys[one.repository],
        )
        for one in closure.packages
    }
    fetched = _fetch_packages(run, list(wanted.values()), urls)
    return {one: fetched[two] for one, two in wanted.items()}


def _refuse_unreadable(run: Run, headers: Sequence[RpmHeader]) -> None:
    faults = list_unreadable_packages(run.config.get_target().compat, headers)
    if faults:
        raise InputError(
            "the target could not read some of the packages",
            why="\n".join(faults),
            todo="`exclude` them in repos.yaml, mirror a repository that is made for the target, or package "
            "them in specs/",
        )


def _make_locked_package(member: ClosurePackage, fetched: FetchedPackage) -> LockedPackage:
    return LockedPackage(
        nevra=member.resolved.nevra,
        repository=member.repository,
        location=member.resolved.location,
        sha256=fetched.sha256,
        size=member.resolved.size,
        license=member.license,
        signer=fetched.signer,
        needed_by=member.needed_by,
        choice=member.choice,
    )


def _fetch_packages(
    run: Run, wanted: Sequence[PackageRequest], urls: Mapping[str, Sequence[str]]
) -> dict[PackageRequest, FetchedPackage]:
    run.workspace.prepare()
    sources = PackageSources(
        package_store=PackageStore(run.workspace.packages),
        released=functools.cache(lambda: _find_released_files(run)),
        cache=run.workspace.cache / "packages",
        urls=urls or _Urls(run),
    )
    with run.reporter.track("third-party packages", len(wanted), counted="reused") as work:
        fetched = fetch_packages(wanted, sources, jobs=run.jobs, work=work)
    weak = sorted({(one.repository, word) for one, two in fetched.items() for word in two.weaknesses})
    for repository, word in weak:
        run.reporter.warn(f"{repository}: signatures with a {word}, which modern systems refuse")
    return fetched


class _Urls(Mapping[str, Sequence[str]]):
    """The URLs of the mirrored repositories; a list of mirrors is asked when it is first needed, if ever."""

    def __init__(self, run: Run) -> None:
        self._upstreams = {one.name: one for one in list_upstreams(run.config) if one.policy is not None}
        self._known: dict[str, Sequence[str]] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> Sequence[str]:
        with self._lock:
            if name not in self._known:
                self._known[name] = find_mirrors(self._upstreams[name]).urls
            return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._upstreams)

    def __len__(self) -> int:
        return len(self._upstreams)


def _find_released_files(run: Run) -> dict[str, Path]:
    """SHA-256 → file of the mirrored packages of earlier releases."""
    found: dict[str, Path] = {}
    releases = run.config.release.directory if run.config.release else None
    if releases is None:
        return found
    for name in list_releases(releases):
        for package in load_manifest(releases / name).packages:
            if isinstance(package.origin, MirrorOrigin):
                found[package.sha256] = releases / name / package.path
    return found
