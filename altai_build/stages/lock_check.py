"""Check a lock against the packages of a release: it must hold exactly what they require, for the reasons it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from altai_build.config import Target
from altai_build.config.upstreams import Upstream
from altai_build.errors import InputError
from altai_build.model.lock import BASE_SUFFIX, CONFIG_FILE_NAME, Lock, LockedPackage, Requirement
from altai_build.model.package import LocalRpm
from altai_build.tools.solver.dependencies import read_requirement
from altai_build.tools.solver.pool import Candidate, PackagePool
from altai_build.tools.solver.rich import is_met, list_condition_atoms


def find_lock_errors(
    lock: Lock,
    target: Target,
    upstreams: Sequence[Upstream],
    ours: Sequence[LocalRpm],
    shipped: Mapping[LockedPackage, LocalRpm],
    *,
    cache: Path,
) -> tuple[str, ...]:
    """Why a lock is not the right one for these packages of ours; empty when it is. Asks no upstream.

    `shipped` are the files of the locked packages. What the operating system provides is in the lock: a requirement
    that is neither there, nor provided by ours or by a locked package, is an error; so is a locked package that nothing
    requires.
    """
    pool = PackagePool(target.arch, cache=cache)
    walk = _RequirementWalk(lock, upstreams, ours, shipped, pool)
    usage = walk.follow()
    return (
        *_describe_definition_changes(lock, target, upstreams),
        *_describe_unmet(usage),
        *_describe_unneeded(usage),
        *_describe_reason_changes(usage.reasons),
    )


def make_stale_lock_error(lines: Sequence[str], path: Path) -> InputError:
    """The error for a lock that is not the right one any more."""
    return InputError(
        f"{path.name} is out of date: {len(lines)} difference{'s' if len(lines) > 1 else ''}",
        why="\n".join(lines),
        todo="run `altai-build deps lock`, review its changes and commit them",
    )


# ---- the walk ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _LockUsage:
    """What the packages of a release require of a lock."""

    # Requirements that nothing provides.
    unmet: list[Requirement] = field(default_factory=list)
    # Locked packages that nothing requires.
    unneeded: list[LockedPackage] = field(default_factory=list)
    # Each required locked package → the requirements of ours that it meets.
    reasons: dict[LockedPackage, set[Requirement]] = field(default_factory=dict)


class _RequirementWalk:
    """Follows the requirements of our packages, and of the locked ones that they need."""

    def __init__(
        self,
        lock: Lock,
        upstreams: Sequence[Upstream],
        ours: Sequence[LocalRpm],
        shipped: Mapping[LockedPackage, LocalRpm],
        pool: PackagePool,
    ) -> None:
        self.pool = pool
        self.own = {pool.add_local(rpm.path, rpm.header, digest=rpm.sha256) for rpm in ours}
        self.locked = {
            pool.add_local(rpm.path, rpm.header, digest=rpm.sha256): package
            for package, rpm in shipped.items()
        }
        self.from_base = frozenset(lock.from_base)
        self.order = {upstream.name: number for number, upstream in enumerate(upstreams)}
        policies = [upstream.policy for upstream in upstreams if upstream.policy is not None]
        self.listed = {name for policy in policies for name in policy.packages or ()}
        self.weak = {policy.name for policy in policies if policy.weak}

    def follow(self) -> _LockUsage:
        """Visit every package that is required, directly or through others."""
        usage = _LockUsage()
        needed = {number for number, package in self.locked.items() if _is_root(package, self.listed)}
        reasons: dict[int, set[Requirement]] = {number: set() for number in self.locked}
        pending = [*self.own, *needed]
        while pending:
            requirer = self.pool.get_candidate(pending.pop())
            for text, is_weak in self._list_requirements(requirer):
                requirement = Requirement(package=requirer.nevra.name, requires=text, weak=is_weak)
                providers = self._find_locked_providers(requirer, requirement)
                if providers is None:
                    usage.unmet.append(requirement)
                    continue
                if requirer.id in self.own:
                    for number in providers:
                        reasons[number].add(requirement)
                pending += [number for number in providers if number not in needed]
                needed.update(providers)
        for number, package in self.locked.items():
            if number in needed:
                usage.reasons[package] = reasons[number]
            else:
                usage.unneeded.append(package)
        return usage

    def _list_requirements(self, requirer: Candidate) -> Iterator[tuple[str, bool]]:
        yield from ((text, False) for text in requirer.requires)
        if self.weak:
            yield from ((text, True) for text in self.pool.get_recommends(requirer.id))

    def _find_locked_providers(self, requirer: Candidate, requirement: Requirement) -> list[int] | None:
        """The locked packages that meet a requirement, [] when others meet it; None when nothing does.

        One package meets a plain requirement; of a rich one all that provide a part of it count.
        """
        text = requirement.requires
        is_rich = text.startswith("(")
        providers = self.pool.find_providers(text)
        if not is_rich and (requirer.id in providers or self.own.intersection(providers)):
            return []
        locked = sorted(self.locked.keys() & set(providers), key=self._get_preference)
        if requirement.weak:
            locked = [number for number in locked if self.locked[number].repository in self.weak]
            return locked if is_rich else locked[:1]
        if text in self.from_base:
            return []
        if is_rich:
            return self._find_rich_providers(text, locked)
        return locked[:1] or None

    def _find_rich_providers(self, text: str, locked: list[int]) -> list[int] | None:
        node = read_requirement(text)
        if not is_met(node, self._is_provided, self._is_provided):
            return None
        if all(
            is_met(node, self._is_provided_without_lock, conditions)
            # On a machine with all of base that the lock names, and on one without it.
            for conditions in (self._is_provided, self._is_provided_without_base)
        ):
            return []
        if not is_met(node, self._is_provided, self._is_provided_without_lock):
            # Its condition holds with locked packages, and without them something else would be needed.
            for atom in list_condition_atoms(node):
                locked = [*locked, *sorted(self.locked.keys() & set(self.pool.find_providers(atom.text)))]
        return locked

    def _is_provided(self, atom: str) -> bool:
        return self._is_provided_without_lock(atom) or bool(
            self.locked.keys() & self.pool.find_providers(atom)
        )

    def _is_provided_without_base(self, atom: str) -> bool:
        return bool((self.own | self.locked.keys()) & set(self.pool.find_providers(atom)))

    def _is_provided_without_lock(self, atom: str) -> bool:
        return atom in self.from_base or bool(self.own.intersection(self.pool.find_providers(atom)))

    def _get_preference(self, number: int) -> tuple[int, str]:
        package = self.locked[number]
        return self.order[package.repository], str(package.nevra)


def _is_root(package: LockedPackage, listed: set[str]) -> bool:
    """True for a package that a list in repos.yaml or the operating system requires; ours need not."""
    return any(
        (need.package == CONFIG_FILE_NAME and need.requires in listed) or need.package.endswith(BASE_SUFFIX)
        for need in package.needed_by
    )


# ---- the wording -------------------------------------------------------------------------------------------------


def _describe_definition_changes(lock: Lock, target: Target, upstreams: Sequence[Upstream]) -> Iterator[str]:
    """How the lock's target and repositories differ from those of repos.yaml."""
    current = {upstream.name: upstream.definition for upstream in upstreams}
    locked = {repository.name: repository.definition for repository in lock.repositories}
    is_same = lock.target == target.name and current == locked
    if lock.target != target.name:
        yield f"  the lock is for target {lock.target}, the release for target {target.name}"
    for name in [*current, *(name for name in locked if name not in current)]:
        if name not in locked:
            yield f"  the repository {name} is new in repos.yaml"
        elif name not in current:
            yield f"  the repository {name} is no longer in repos.yaml"
        elif current[name] != locked[name]:
            keys = current[name].list_changed_keys(locked[name])
            yield f"  {', '.join(keys)} of the repository {name} changed in repos.yaml"
    if is_same and list(locked) != list(current):
        yield "  the order of the repositories (their order of preference) changed in repos.yaml"


def _describe_unmet(usage: _LockUsage) -> Iterator[str]:
    for need in usage.unmet:
        yield f"  {need.package} requires {need.requires}, and no locked package provides it"


def _describe_unneeded(usage: _LockUsage) -> Iterator[str]:
    for package in usage.unneeded:
        yield f"  {package.nevra} ({package.repository}) is locked, and nothing requires it any more"


def _describe_reason_changes(reasons: Mapping[LockedPackage, set[Requirement]]) -> Iterator[str]:
    """Where `needed_by` of a locked package differs from what our packages require of it."""
    names = {package.nevra.name for package in reasons}
    for package, current in reasons.items():
        locked = {need for need in package.needed_by if _is_of_ours(need, names)}
        for need in sorted(current - locked):
            yield (
                f"  {need.package} requires {need.requires}, which is not in needed_by of {package.nevra.name}"
            )
        for need in sorted(locked - current):
            yield (
                f"  {need.package} no longer requires {need.requires}, which is in needed_by of "
                f"{package.nevra.name}"
            )


def _is_of_ours(need: Requirement, locked_names: set[str]) -> bool:
    """True for a requirement of one of our packages: not of a locked one, repos.yaml, or the operating system."""
    return (
        need.package not in locked_names
        and need.package != CONFIG_FILE_NAME
        and not need.package.endswith(BASE_SUFFIX)
    )
