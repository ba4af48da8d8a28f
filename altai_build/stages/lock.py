"""The lock of third-party packages: computed from what our packages require, and explained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from altai_build.config import Target
from altai_build.config.upstreams import Upstream
from altai_build.errors import InputError
from altai_build.model.lock import (
    BASE_PREFIX,
    DependencyStep,
    Lock,
    LockChange,
    LockedPackage,
    LockedRepository,
    MirrorPolicy,
    find_dependency_chains,
)
from altai_build.model.nevra import Nevra
from altai_build.model.package import LocalRpm, RpmHeader
from altai_build.model.quantity import format_count
from altai_build.model.suggestion import suggest
from altai_build.tools.repo.metadata import RepositoryMetadata
from altai_build.tools.rpm.versions import compare_evr
from altai_build.tools.solver.closure import Closure, ClosurePackage, compute_closure
from altai_build.tools.solver.comparison import LIBC, describe_hidden, find_differences
from altai_build.tools.solver.pool import PackagePool


class ClosureResolver:
    """The question which packages `ours` need of the upstreams; its answer changes when headers correct metadata.

    Versions that are `locked` stay as long as they satisfy.
    """

    def __init__(
        self,
        ours: Sequence[LocalRpm],
        upstreams: Sequence[Upstream],
        metadata: Sequence[RepositoryMetadata],
        *,
        arch: str,
        cache: Path,
        locked: Iterable[LockedPackage] = (),
    ) -> None:
        self.upstreams = tuple(upstreams)
        self.metadata = tuple(metadata)
        self.pool = PackagePool(arch, cache=cache)
        for state in metadata:
            self.pool.add_repository(state)
        self._ours = [self.pool.add_local(rpm.path, rpm.header, digest=rpm.sha256) for rpm in ours]
        self._locked = [(package.repository, package.nevra) for package in locked]
        # Packages whose metadata was compared with their headers.
        self._compared: set[tuple[str, Nevra]] = set()

    def resolve(self) -> Closure:
        """The closure, as far as metadata is known to be true. Raises InputError."""
        return compute_closure(
            self.pool,
            self._ours,
            [upstream.name for upstream in self.upstreams if upstream.is_base],
            [upstream.policy for upstream in self.upstreams if upstream.policy is not None],
            locked=self._locked,
        )

    def correct(self, closure: Closure, package: ClosurePackage, header: RpmHeader) -> tuple[str, ...]:
        """Use a package's header from now on if its metadata differs; returns the differences, each only once.

        `closure` is the one that has the package: what its metadata omits differs where nothing in the closure has it.
        """
        identity = (package.repository, header.nevra)
        differences: tuple[str, ...] = ()
        if identity not in self._compared:
            self._compared.add(identity)
            files = {need.requires for need in package.needed_by if need.requires.startswith("/")}
            differences = find_differences(self.pool, package.id, header, files)
        if not differences:
            differences = self._find_omitted(closure, header)
        if differences:
            self.pool.correct(package.id, header)
        return differences

    def _find_omitted(self, closure: Closure, header: RpmHeader) -> tuple[str, ...]:
        """Requirements of libc that createrepo omits, and that only packages outside of the closure meet.

        createrepo writes the highest of a package's symbol versions of libc, and so none of 32 bits for a package that
        has code of 32 and of 64 bits.
        """
        present = {*self._ours, *(package.id for package in closure.packages)}
        omitted = []
        for dependency in header.requires:
            if dependency.name.startswith(LIBC):
                providers = self.pool.find_providers(str(dependency))
                if providers and not any(
                    number in present or self._is_of_base(number) for number in providers
                ):
                    omitted.append(str(dependency))
        return (describe_hidden("requires", omitted),) if omitted else ()

    def _is_of_base(self, number: int) -> bool:
        return self.pool.get_candidate(number).repository.startswith(BASE_PREFIX)


def find_base_requirements(
    closure: Closure, pool: PackagePool, headers: Iterable[RpmHeader]
) -> tuple[str, ...]:
    """All requirements that the operating system meets, those in the `headers` of the closure's packages included.

    Repodata omits some (createrepo keeps only the highest symbol version of libc). Raises InputError for packages that
    require something that their repodata omits and nothing provides.
    """
    found = set(closure.from_base)
    unmet = []
    for header in headers:
        for dependency in header.requires:
            requirement = str(dependency)
            if requirement.startswith(("rpmlib(", "(")):
                continue
            providers = [pool.get_candidate(number) for number in pool.find_providers(requirement)]
            if any(provider.repository.startswith(BASE_PREFIX) for provider in providers):
                found.add(requirement)
            elif not providers:
                unmet.append(f"  {header.nevra} requires {requirement}")
    if unmet:
        raise InputError(
            f"repodata lacks {format_count(len(unmet), 'requirement')} of packages, and nothing provides them",
            why="\n".join(unmet),
            todo="`exclude` these packages in repos.yaml: the repodata of their repository is wrong",
        )
    return tuple(sorted(found))


def make_lock_content(
    target: Target,
    upstreams: Sequence[Upstream],
    metadata: Sequence[RepositoryMetadata],
    from_base: tuple[str, ...],
    packages: Iterable[LockedPackage],
) -> Lock:
    """The lock of a closure whose packages were fetched and verified."""
    return Lock(
        target=target.name,
        repositories=tuple(_lock_repository(upstream, state) for upstream, state in zip(upstreams, metadata)),
        from_base=from_base,
        packages=tuple(sorted(packages, key=lambda package: package.sort_key)),
    )


def _lock_repository(upstream: Upstream, metadata: RepositoryMetadata) -> LockedRepository:
    policy = upstream.policy or MirrorPolicy(name=upstream.name, packages=None)
    return LockedRepository(
        name=upstream.name,
        url=upstream.url,
        key=upstream.key.name,
        revision=metadata.revision,
        metadata=metadata.digest,
        signed=metadata.signed,
        packages=policy.packages,
        prefer=policy.prefer,
        exclude=upstream.exclude,
        modules=upstream.modules,
        weak=policy.weak,
    )


# ---- changes and reasons -----------------------------------------------------------------------------------------


def compare_packages(old: Sequence[LockedPackage], new: Sequence[ClosurePackage]) -> tuple[LockChange, ...]:
    """The differences between locked packages and those of a closure, by repository and name."""
    before = {(package.nevra.name, package.nevra.arch): package for package in old}
    after = {(package.resolved.nevra.name, package.resolved.nevra.arch): package for package in new}
    changes = [_compare(before.get(key), after.get(key)) for key in sorted(before.keys() | after.keys())]
    return tuple(
        sorted(
            (change for change in changes if change is not None),
            key=lambda change: (change.repository, change.name),
        )
    )


def _compare(locked: LockedPackage | None, package: ClosurePackage | None) -> LockChange | None:
    """The difference between the old and the new state of one package; None when there is none."""
    if package is None:
        assert locked is not None
        return _make_change("removed", locked.repository, locked.nevra, None, "nothing requires it any more")
    nevra, repository = package.resolved.nevra, package.repository
    requirers = sorted({need.package for need in package.needed_by})
    reason = f"{package.choice.rule.value}; needed by {', '.join(requirers)}"
    if locked is None:
        return _make_change("added", repository, None, nevra, reason)
    if locked.repository != repository:
        return _make_change(
            "moved", repository, locked.nevra, nevra, f"it was in {locked.repository}; {reason}"
        )
    if locked.nevra != nevra:
        kind = "upgraded" if compare_evr(nevra.evr, locked.nevra.evr) > 0 else "downgraded"
        return _make_change(kind, repository, locked.nevra, nevra, reason)
    if package.resolved.checksum.sha256 not in (None, locked.sha256):
        return _make_change(
            "changed", repository, nevra, nevra, "upstream replaced the file without a new version"
        )
    return None


def _make_change(kind: str, repository: str, old: Nevra | None, new: Nevra | None, reason: str) -> LockChange:
    named = new or old
    return LockChange(
        kind=kind,
        repository=repository,
        name=named.name if named else "",
        old=str(old) if old else None,
        new=str(new) if new else None,
        reason=reason,
    )


@dataclass(frozen=True)
class LockExplanation:
    """Why a package is locked: `chains` lead from our packages, or repos.yaml, down to it."""

    package: LockedPackage
    # Of the repodata that the package came from.
    revision: str
    chains: tuple[tuple[DependencyStep, ...], ...]


def explain_locked_package(lock: Lock, name: str) -> LockExplanation:
    """The reasons for a locked package, by its name, NEVRA or file. Raises InputError when it is not locked."""
    package = next(
        (
            package
            for package in lock.packages
            if name in (package.nevra.name, str(package.nevra), package.file)
        ),
        None,
    )
    if package is None:
        provided = [requirement for requirement in lock.from_base if requirement.split()[0] == name]
        hint = suggest(name, {package.nevra.name for package in lock.packages})
        reason = (
            "the operating system provides it"
            if provided
            else "no package of the release requires it from a mirror"
        )
        raise InputError(
            f"{name} is not locked",
            why=f"{reason}; {hint}" if hint else reason,
            todo="`altai-build deps list` shows the locked packages",
        )
    repository = lock.repository(package.repository)
    return LockExplanation(
        package=package,
        revision=repository.revision if repository else "",
        chains=find_dependency_chains(lock, package.nevra.name),
    )
