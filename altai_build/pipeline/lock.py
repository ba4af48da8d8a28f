"""The lock of third-party packages: resolve what our packages require, fetch and verify it, write deps.lock.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from altai_build.config.lockfile import encode_lock, load_lock
from altai_build.config.upstreams import list_upstreams
from altai_build.errors import InputError
from altai_build.model.checksum import SHA256, Checksum, Sha256
from altai_build.model.compat import list_unreadable_packages
from altai_build.model.lock import Lock, LockChange, LockedPackage
from altai_build.model.nevra import Nevra
from altai_build.model.package import LocalRpm, RpmHeader
from altai_build.model.suggestion import suggest_each
from altai_build.pipeline.deps import (
    check_upstreams,
    fetch_all,
    list_released_mirrored,
    lock_path,
    make_package_sources,
    our_packages,
    read_lock,
)
from altai_build.pipeline.run import Run
from altai_build.regular_files import read_regular_file
from altai_build.stages.fetch import FetchedPackage, PackageRequest, PackageSources, is_genuine
from altai_build.stages.lock import (
    ClosureResolver,
    compare_packages,
    find_base_requirements,
    make_lock_content,
)
from altai_build.stages.upstreams import read_upstreams
from altai_build.tools.checksums import has_checksum
from altai_build.tools.files import write_atomically
from altai_build.tools.repo.metadata import RepositoryMetadata
from altai_build.tools.solver.closure import Closure, ClosurePackage


@dataclass(frozen=True)
class LockUpdate:
    """A lock that was written, and how it differs from the lock before."""

    lock: Lock
    path: Path
    changes: tuple[LockChange, ...]
    # The file has other bytes than before.
    rewritten: bool


def make_lock(
    run: Run, revision: str, *, update: bool = False, names: Sequence[str] = (), older: bool = False
) -> LockUpdate:
    """Build or reuse our packages, resolve what they require, fetch and verify that, and write the lock.

    Locked versions stay if possible; `update` accepts newer versions of the packages `names` (of all when there are no
    names). `older` accepts repodata that is older than the lock's. Raises InputError.
    """
    check_upstreams(run)
    path = lock_path(run)
    previous = load_lock(path) if path.exists() else None
    kept = _list_kept(previous, update=update, names=names)
    # Before the builds: whether a mirror answers, and can be trusted, does not depend on them.
    metadata = read_metadata(run, None if older else previous)
    return lock_packages(run, _build_ours(run, revision), metadata, previous, kept=kept, renewed=names)


def read_metadata(run: Run, known: Lock | None) -> tuple[RepositoryMetadata, ...]:
    """The current metadata of all upstreams, not older than that of the lock `known`. Raises InputError."""
    run.workspace.prepare()
    cache = run.workspace.cache / "metadata"
    with run.reporter.run_step("repodata of the mirrors"):
        return read_upstreams(list_upstreams(run.config), cache=cache, known=known, jobs=run.jobs)


def lock_packages(
    run: Run,
    ours: Sequence[LocalRpm],
    metadata: Sequence[RepositoryMetadata],
    previous: Lock | None,
    *,
    kept: Sequence[LockedPackage],
    renewed: Sequence[str] = (),
) -> LockUpdate:
    """Resolve what `ours` require of the upstreams, fetch and verify it, and write the lock in place of `previous`.

    The versions of the packages `kept` stay if possible, and the bytes of earlier releases, but not of the packages
    whose names are `renewed`. Raises InputError.
    """
    resolver = _make_resolver(run, ours, metadata, kept)
    closure, fetched = _fetch_closure(run, resolver, _KnownBytes(run, kept, renewed))
    headers = [file.header for file in fetched.values()]
    _reject_unreadable(run, headers)
    lock = make_lock_content(
        run.config.get_target(),
        resolver.upstreams,
        resolver.metadata,
        find_base_requirements(closure, resolver.pool, headers),
        [_make_locked_package(package, file) for package, file in fetched.items()],
    )
    path = lock_path(run)
    data = encode_lock(lock)
    rewritten = not path.exists() or read_regular_file(path) != data
    if rewritten:
        write_atomically(path, data)
    changes = compare_packages(previous.packages if previous else (), closure.packages)
    return LockUpdate(lock=lock, path=path, changes=changes, rewritten=rewritten)


def find_updates(run: Run, revision: str) -> tuple[LockChange, ...]:
    """What `deps lock --update` would change. Raises InputError when there is no lock."""
    lock = read_lock(run)
    metadata = read_metadata(run, lock)
    closure = _make_resolver(run, _build_ours(run, revision), metadata, ()).resolve()
    known = _KnownBytes(run, (), ())
    sources = make_package_sources(run)
    packages = [known.keep(package, _make_request(run, package), sources)[0] for package in closure.packages]
    return compare_packages(lock.packages, packages)


def _list_kept(previous: Lock | None, *, update: bool, names: Sequence[str]) -> tuple[LockedPackage, ...]:
    """The locked packages whose versions are to stay. Raises InputError for names that are not locked."""
    packages = previous.packages if previous else ()
    known = {package.nevra.name for package in packages}
    unknown = sorted(set(names) - known)
    if unknown:
        raise InputError(
            f"not locked: {', '.join(unknown)}",
            why=suggest_each(unknown, known),
            todo="`altai-build deps list` shows the locked packages",
        )
    if not update:
        return packages
    return tuple(package for package in packages if names and package.nevra.name not in names)


def _build_ours(run: Run, revision: str) -> tuple[LocalRpm, ...]:
    """The packages of all components, built or reused."""
    # Imported here: loading them takes as long as everything else, and other commands of `deps` build nothing.
    from altai_build.pipeline.build.plan import plan_build
    from altai_build.pipeline.build.run import build_all

    return our_packages(build_all(run, plan_build(run, revision, (), None)))


def _make_resolver(
    run: Run,
    ours: Sequence[LocalRpm],
    metadata: Sequence[RepositoryMetadata],
    locked: Sequence[LockedPackage],
) -> ClosureResolver:
    return ClosureResolver(
        ours,
        list_upstreams(run.config),
        metadata,
        arch=run.config.get_target().arch,
        cache=run.workspace.cache / "solv",
        locked=locked,
    )


def _fetch_closure(
    run: Run, resolver: ClosureResolver, known: _KnownBytes
) -> tuple[Closure, dict[ClosurePackage, FetchedPackage]]:
    """The closure, and its packages, fetched and verified.

    Where metadata differs from the package that it describes, the package is right: the closure is computed again.
    """
    urls = {
        upstream.name: tuple(dict.fromkeys((metadata.url, *metadata.source.urls)))
        for upstream, metadata in zip(resolver.upstreams, resolver.metadata)
    }
    sources = make_package_sources(run, urls)
    while True:
        with run.reporter.run_step("resolution"):
            closure = resolver.resolve()
        pairs = [known.keep(package, _make_request(run, package), sources) for package in closure.packages]
        requests = dict(pairs)
        fetched = fetch_all(run, list(requests.values()), sources)
        differences = [
            (package, resolver.correct(closure, package, fetched[request].header))
            for package, request in requests.items()
        ]
        for package, lines in differences:
            for line in lines:
                run.reporter.warn(f"{package.repository}: {package.resolved.nevra}: {line}")
        if not any(lines for _, lines in differences):
            known.report()
            closure = replace(closure, packages=tuple(requests))
            return closure, {package: fetched[request] for package, request in requests.items()}


def _make_request(run: Run, package: ClosurePackage) -> PackageRequest:
    return PackageRequest(
        repository=package.repository,
        nevra=package.resolved.nevra,
        location=package.resolved.location,
        checksum=package.resolved.checksum,
        size=package.resolved.size or None,
        key_file=run.config.keys[run.config.repositories[package.repository].key].file,
    )


class _KnownBytes:
    """The bytes that packages had when they were locked or released: a later file of the same NEVRA is another one.

    A repository may replace a package without a new version, for example to sign it with another key. Clients that
    have the released package would not get the new one, so the released bytes stay until the package is named for an
    update.
    """

    def __init__(self, run: Run, locked: Sequence[LockedPackage], renewed: Sequence[str]) -> None:
        self._run = run
        self._locked = {(package.repository, package.nevra): package for package in locked}
        self._renewed = frozenset(renewed)
        self._released: dict[tuple[str, Nevra], list[Checksum]] | None = None
        self._kept: list[str] = []

    def keep(
        self, package: ClosurePackage, request: PackageRequest, sources: PackageSources
    ) -> tuple[ClosurePackage, PackageRequest]:
        """The package with the bytes to use, and the request for them."""
        if package.resolved.nevra.name in self._renewed:
            return package, request
        for checksum in self._find_checksums(package):
            if checksum == request.checksum:
                return package, request
            earlier = replace(request, checksum=checksum, size=None)
            path = sources.find_local(earlier)
            if path is not None and has_checksum(path, request.checksum):
                # The repository gives the checksum of another algorithm.
                return package, earlier
            if path is not None and is_genuine(earlier, path):
                self._kept.append(f"{package.repository}/{request.file}")
                resolved = replace(package.resolved, checksum=checksum)
                return replace(package, resolved=resolved), earlier
        return package, request

    def report(self) -> None:
        """Say which packages were kept although their repository has replaced them."""
        for path in sorted(set(self._kept)):
            self._run.reporter.warn(
                f"{path}: its repository replaced the file without a new version; the earlier bytes are kept "
                "(`altai-build deps lock --update NAME` takes the new ones)"
            )

    def _find_checksums(self, package: ClosurePackage) -> list[Checksum]:
        """The checksums that the package had before, the last one first."""
        identity = (package.repository, package.resolved.nevra)
        locked = self._locked.get(identity)
        if locked is not None and package.resolved.checksum.sha256 == locked.sha256:
            return [package.resolved.checksum]
        if self._released is None:
            self._released = {}
            for released, _ in list_released_mirrored(self._run):
                checksum = Checksum(SHA256, Sha256(released.sha256))
                self._released.setdefault((released.repository, released.nevra), []).insert(0, checksum)
        found = list(self._released.get(identity, ()))
        return found if locked is None else [Checksum(SHA256, locked.sha256), *found]


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
        size=fetched.header.size,
        license=" ".join(package.license.split()),
        signer=fetched.signer,
        needed_by=package.needed_by,
        choice=package.choice,
    )
