"""Third-party packages: lock what our packages require, fetch what is locked, and check the lock for a release."""

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
from altai_build.model.build import BuildResult, ComponentStatus
from altai_build.model.checksum import SHA256, Checksum
from altai_build.model.compat import list_unreadable_packages
from altai_build.model.lock import LOCK_FILE_NAME, Lock, LockChange, LockedPackage
from altai_build.model.package import LocalRpm, RpmHeader
from altai_build.model.quantity import format_count
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
    """A lock that was written, and how it differs from the lock before."""

    lock: Lock
    path: Path
    changes: tuple[LockChange, ...]
    # The file has other bytes than before.
    rewritten: bool


@dataclass(frozen=True)
class _Resolution:
    """A closure, and the repositories that it was computed from."""

    upstreams: tuple[Upstream, ...]
    metadata: tuple[RepositoryMetadata, ...]
    closure: Closure
    pool: PackagePool


def lock_path(run: Run) -> Path:
    """Where the lock is: beside repos.yaml."""
    return run.config.root / LOCK_FILE_NAME


def read_lock(run: Run) -> Lock:
    """The current lock. Raises InputError when it is missing or has errors."""
    return load_lock(lock_path(run))


# ---- for the release ---------------------------------------------------------------------------------------------


def our_packages(build_run: BuildRun) -> tuple[LocalRpm, ...]:
    """The binary packages of all components. Raises BuildError when one has none: its requirements are unknown."""
    bad = [row for row in build_run.rows if row.status in (ComponentStatus.FAILED, ComponentStatus.BLOCKED)]
    if bad:
        error = BuildError(
            f"{format_count(len(bad), 'component')} without packages: what they require is unknown",
            why="\n".join(map(_describe_failure, bad)),
            todo="fix them first",
        )
        error.exit_code = build_run.exit_code
        raise error
    # Packages of bootstrap builds are replaced by those of the second build, and never leave the workspace.
    return tuple(rpm for row in sorted(build_run.rows, key=lambda row: row.component) for rpm in row.rpms)


def _describe_failure(row: BuildResult) -> str:
    """Why a component has no packages, and its log."""
    reason = row.reason.replace("\n", "\n    ") if row.status is ComponentStatus.FAILED else row.reason
    return f"  {row.component} {row.status.value}: {reason}" + (f"\n    log: {row.log}" if row.log else "")


def read_required_lock(run: Run) -> Lock | None:
    """The lock; None if repos.yaml mirrors no repository. Raises InputError when it is missing or has errors."""
    return read_lock(run) if run.config.find_repository(SourceKind.MIRROR) is not None else None


def check_lock(run: Run, lock: Lock, ours: Sequence[LocalRpm]) -> dict[LockedPackage, Path]:
    """The files of the locked packages. Raises InputError unless the lock holds exactly what `ours` require.

    Only missing files are downloaded.
    """
    known = [package for package in lock.packages if package.repository in run.config.repositories]
    files = fetch_locked(run, known)
    shipped = {
        package: LocalRpm(path=path, header=read_header(path), sha256=package.sha256)
        for package, path in files.items()
    }
    lines = find_lock_errors(
        lock,
        run.config.get_target(),
        list_upstreams(run.config),
        ours,
        shipped,
        cache=run.workspace.cache / "solv",
    )
    if lines:
        raise make_stale_lock_error(lines, lock_path(run))
    return files


def fetch_locked(run: Run, packages: Sequence[LockedPackage]) -> dict[LockedPackage, Path]:
    """The files of locked packages, each verified by size, SHA-256 and the signature of the locked key.

    Taken from the workspace, from earlier releases, or from upstream, in this order. Raises InputError naming all
    packages that are unavailable or not genuine.
    """
    keys = run.config.keys
    requests = {
        package: PackageRequest(
            repository=package.repository,
            location=package.location,
            checksum=Checksum(SHA256, package.sha256),
            size=package.size,
            key_file=keys[run.config.repositories[package.repository].key].file,
        )
        for package in packages
    }
    fetched = _fetch_packages(run, list(requests.values()), {})
    wrong = [
        f"  {package.path}: signed by {fetched[request].signer.fingerprint}, "
        f"locked with a signature by {package.signer.fingerprint}"
        for package, request in requests.items()
        if fetched[request].signer != package.signer
    ]
    if wrong:
        raise InputError(
            f"{format_count(len(wrong), 'package')} not signed by the locked key",
            why="\n".join(wrong),
            todo="if you replaced the key under `keys` in repos.yaml on purpose, run `altai-build deps lock`",
        )
    return {package: fetched[request].path for package, request in requests.items()}


def make_mirror_origin(run: Run, package: LockedPackage) -> MirrorOrigin:
    """Where a locked package came from, for the manifest."""
    repository = run.config.repositories[package.repository]
    url = repository.url or ""
    return MirrorOrigin(
        url=join_url(url, package.location) if repository.listing is None else f"{url}#{package.location}",
        sha256=package.sha256,
        needed_by=package.needed_by_names,
    )


# ---- for the command line ----------------------------------------------------------------------------------------


def make_lock(
    run: Run, revision: str, *, update: bool = False, names: Sequence[str] = (), older: bool = False
) -> LockUpdate:
    """Build or reuse our packages, resolve what they require, fetch and verify that, and write the lock.

    Locked versions stay if possible; `update` accepts newer versions of the packages `names` (of all when there are no
    names). `older` accepts repodata that is older than the lock's. Raises InputError.
    """
    path = lock_path(run)
    previous = load_lock(path) if path.exists() else None
    kept = _list_kept(previous, update=update, names=names)
    resolution = _resolve(run, revision, kept, known=None if older else previous)
    fetched = _fetch_closure(run, resolution)
    headers = [read_header(file.path) for file in fetched.values()]
    _reject_unreadable(run, headers)
    from_base = find_base_requirements(resolution.closure, resolution.pool, headers)
    lock = make_lock_content(
        run.config.get_target(),
        resolution.upstreams,
        resolution.metadata,
        from_base,
        [_make_locked_package(package, file) for package, file in fetched.items()],
    )
    text = dump_lock(lock).encode()
    rewritten = not path.exists() or path.read_bytes() != text
    if rewritten:
        write_atomically(path, text)
    changes = compare_packages(previous.packages if previous else (), resolution.closure.packages)
    return LockUpdate(lock=lock, path=path, changes=changes, rewritten=rewritten)


def find_updates(run: Run, revision: str) -> tuple[LockChange, ...]:
    """What `deps lock --update` would change. Raises InputError when there is no lock."""
    lock = read_lock(run)
    resolution = _resolve(run, revision, (), known=lock)
    return compare_packages(lock.packages, resolution.closure.packages)


def _list_kept(previous: Lock | None, *, update: bool, names: Sequence[str]) -> tuple[LockedPackage, ...]:
    """The locked packages whose versions are to stay. Raises InputError for names that are not locked."""
    packages = previous.packages if previous else ()
    unknown = sorted(set(names) - {package.nevra.name for package in packages})
    if unknown:
        raise InputError(
            f"not locked: {', '.join(unknown)}", todo="`altai-build deps list` shows the locked packages"
        )
    if not update:
        return packages
    return tuple(package for package in packages if names and package.nevra.name not in names)


def _resolve(run: Run, revision: str, locked: Sequence[LockedPackage], *, known: Lock | None) -> _Resolution:
    # Imported here: loading them takes as long as everything else, and other commands of `deps` build nothing.
    from altai_build.pipeline.build.plan import plan_build
    from altai_build.pipeline.build.run import build_all

    upstreams = list_upstreams(run.config)
    run.workspace.prepare()
    with run.reporter.run_step("repodata of the mirrors"):
        # Before the builds: whether a mirror answers, and can be trusted, does not depend on them.
        metadata = read_upstreams(
            upstreams, cache=run.workspace.cache / "metadata", known=known, jobs=run.jobs
        )
    ours = our_packages(build_all(run, plan_build(run, revision, (), None)))
    with run.reporter.run_step("resolution"):
        closure, pool = resolve_closure(
            ours,
            upstreams,
            metadata,
            arch=run.config.get_target().arch,
            cache=run.workspace.cache / "solv",
            locked=locked,
        )
    return _Resolution(upstreams=upstreams, metadata=metadata, closure=closure, pool=pool)


def _fetch_closure(run: Run, resolution: _Resolution) -> dict[ClosurePackage, FetchedPackage]:
    """The packages of a closure, fetched and verified."""
    keys = {upstream.name: upstream.key.file for upstream in resolution.upstreams}
    urls = {
        upstream.name: tuple(dict.fromkeys((metadata.url, *metadata.source.urls)))
        for upstream, metadata in zip(resolution.upstreams, resolution.metadata)
    }
    requests = {
        package: PackageRequest(
            repository=package.repository,
            location=package.resolved.location,
            checksum=package.resolved.checksum,
            size=package.resolved.size,
            key_file=keys[package.repository],
        )
        for package in resolution.closure.packages
    }
    fetched = _fetch_packages(run, list(requests.values()), urls)
    return {package: fetched[request] for package, request in requests.items()}


def _reject_unreadable(run: Run, headers: Sequence[RpmHeader]) -> None:
    reasons = list_unreadable_packages(run.config.get_target().compat, headers)
    if reasons:
        raise InputError(
            "the rpm of the target cannot read some of the packages",
            why="\n".join(reasons),
            todo="`exclude` them in repos.yaml, mirror a repository that is made for the target, or package "
            "them in specs/",
        )


def _make_locked_package(package: ClosurePackage, fetched: FetchedPackage) -> LockedPackage:
    return LockedPackage(
        nevra=package.resolved.nevra,
        repository=package.repository,
        location=package.resolved.location,
        sha256=fetched.sha256,
        size=package.resolved.size,
        license=package.license,
        signer=fetched.signer,
        needed_by=package.needed_by,
        choice=package.choice,
    )


def _fetch_packages(
    run: Run, requests: Sequence[PackageRequest], urls: Mapping[str, Sequence[str]]
) -> dict[PackageRequest, FetchedPackage]:
    run.workspace.prepare()
    sources = PackageSources(
        package_store=PackageStore(run.workspace.packages),
        released=functools.cache(lambda: _find_released_files(run)),
        cache=run.workspace.cache / "packages",
        urls=urls or _MirrorUrls(run),
    )
    with run.reporter.track("third-party packages", len(requests), counted="reused") as work:
        fetched = fetch_packages(requests, sources, jobs=run.jobs, work=work)
    weak = {
        (request.repository, weakness) for request, file in fetched.items() for weakness in file.weaknesses
    }
    for repository, weakness in sorted(weak):
        run.reporter.warn(f"{repository}: signatures with a {weakness}, which modern systems refuse")
    return fetched


class _MirrorUrls(Mapping[str, Sequence[str]]):
    """The URLs of the mirrored repositories; a mirror list is downloaded when it is first needed."""

    def __init__(self, run: Run) -> None:
        upstreams = list_upstreams(run.config)
        self._upstreams = {upstream.name: upstream for upstream in upstreams if not upstream.is_base}
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
    """SHA-256 → file of the mirrored packages in earlier releases."""
    found: dict[str, Path] = {}
    releases = run.config.release.directory if run.config.release else None
    if releases is None:
        return found
    for name in list_releases(releases):
        for package in load_manifest(releases / name).packages:
            if isinstance(package.origin, MirrorOrigin):
                found[package.sha256] = releases / name / package.path
    return found
