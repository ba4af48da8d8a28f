"""Third-party packages: fetch what is locked, and check the lock for a release."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.config import SourceKind
from altai_build.config.lockfile import load_lock
from altai_build.config.upstreams import list_upstreams
from altai_build.errors import BuildError, InputError
from altai_build.model.checksum import SHA256, Checksum
from altai_build.model.component_status import ComponentStatus
from altai_build.model.lock import LOCK_FILE_NAME, Lock, LockedPackage
from altai_build.model.package import LocalRpm
from altai_build.model.quantity import format_count
from altai_build.model.release import MirrorOrigin, ReleasedPackage
from altai_build.model.run_summary import describe_blocked, describe_failures, list_failures
from altai_build.pipeline.published.releases import load_manifest
from altai_build.pipeline.run import Run
from altai_build.stages.fetch import (
    FetchedPackage,
    PackageRequest,
    PackageSources,
    PackageStore,
    fetch_packages,
)
from altai_build.stages.lock_check import find_lock_errors, make_stale_lock_error
from altai_build.stages.publish import list_releases
from altai_build.stages.upstreams import find_mirrors
from altai_build.tools.url import join_url

if TYPE_CHECKING:
    from altai_build.pipeline.build.run import BuildRun


def lock_path(run: Run) -> Path:
    """Where the lock is: beside repos.yaml."""
    return run.config.root / LOCK_FILE_NAME


def read_lock(run: Run) -> Lock:
    """The current lock. Raises InputError when it is missing, or there can be none, or it has errors."""
    path = lock_path(run)
    if not path.exists():
        check_upstreams(run)
    return load_lock(path)


def check_upstreams(run: Run) -> None:
    """Raise InputError when repos.yaml names no repository of others, so that there is nothing to lock."""
    if list_upstreams(run.config):
        return
    stale = f"delete {LOCK_FILE_NAME}; " if lock_path(run).exists() else ""
    raise InputError(
        f"there are no third-party packages to lock: no repository in {run.config.file} has source: mirror",
        why="a release without them needs no lock",
        todo=f"{stale}to release third-party packages, add a repository with source: mirror, its url, the key that "
        "signs its packages, and packages: needed",
    )


# ---- for the release ---------------------------------------------------------------------------------------------


# An error with more failures than these has their beginnings, so that it fits a screen.
_MOST_DESCRIBED = 6


def our_packages(build_run: BuildRun) -> tuple[LocalRpm, ...]:
    """The binary packages of all components. Raises BuildError when one has none: its requirements are unknown."""
    bad = [row for row in build_run.rows if row.status in (ComponentStatus.FAILED, ComponentStatus.BLOCKED)]
    if bad:
        error = BuildError(
            f"{format_count(len(bad), 'component')} without packages: what they require is unknown",
            why="\n".join(
                (
                    *describe_failures(list_failures(bad), brief=len(bad) > _MOST_DESCRIBED),
                    *describe_blocked(bad),
                )
            ),
            todo="see a log with `altai-build log COMPONENT`, fix what failed, commit, and rerun the command; finished "
            "builds are reused",
        )
        error.exit_code = build_run.exit_code
        raise error
    # Packages of bootstrap builds are replaced by those of the second build, and never leave the workspace.
    return tuple(rpm for row in sorted(build_run.rows, key=lambda row: row.component) for rpm in row.rpms)


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
        package: LocalRpm(path=file.path, header=file.header, sha256=package.sha256)
        for package, file in files.items()
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
    return {package: file.path for package, file in files.items()}


def fetch_locked(run: Run, packages: Sequence[LockedPackage]) -> dict[LockedPackage, FetchedPackage]:
    """Locked packages, each verified by size, SHA-256 and the signature of the locked key.

    Taken from the workspace, from earlier releases, or from upstream, in this order. Raises InputError naming all
    packages that are unavailable or not genuine.
    """
    keys = run.config.keys
    requests = {
        package: PackageRequest(
            repository=package.repository,
            nevra=package.nevra,
            location=package.location,
            checksum=Checksum(SHA256, package.sha256),
            size=package.size,
            key_file=keys[run.config.repositories[package.repository].key].file,
        )
        for package in packages
    }
    fetched = fetch_all(run, list(requests.values()), make_package_sources(run))
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
    return {package: fetched[request] for package, request in requests.items()}


def make_mirror_origin(run: Run, package: LockedPackage) -> MirrorOrigin:
    """Where a locked package came from, for the manifest."""
    repository = run.config.repositories[package.repository]
    url = repository.url or ""
    return MirrorOrigin(
        url=join_url(url, package.location) if repository.listing is None else f"{url}#{package.location}",
        sha256=package.sha256,
        needed_by=package.needed_by_names,
    )


# ---- fetching --------------------------------------------------------------------------------------------------


def make_package_sources(run: Run, urls: Mapping[str, Sequence[str]] | None = None) -> PackageSources:
    """Where packages come from: the workspace, earlier releases, then `urls`, by default those in repos.yaml."""
    return PackageSources(
        package_store=PackageStore(run.workspace.packages),
        released=functools.cache(
            lambda: {package.sha256: path for package, path in list_released_mirrored(run)}
        ),
        cache=run.workspace.cache / "packages",
        urls=_MirrorUrls(run) if urls is None else urls,
        connections={upstream.name: upstream.connection for upstream in list_upstreams(run.config)},
    )


def fetch_all(
    run: Run, requests: Sequence[PackageRequest], sources: PackageSources
) -> dict[PackageRequest, FetchedPackage]:
    """Fetch and verify packages. Raises InputError naming all that are unavailable or not genuine."""
    run.workspace.prepare()
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


def list_released_mirrored(run: Run) -> list[tuple[ReleasedPackage, Path]]:
    """The mirrored packages in earlier releases, and their files, the oldest release first."""
    releases = run.config.release.directory if run.config.release else None
    if releases is None:
        return []
    return [
        (package, releases / name / package.path)
        for name in list_releases(releases)
        for package in load_manifest(releases / name).packages
        if isinstance(package.origin, MirrorOrigin)
    ]
