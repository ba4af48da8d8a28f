"""The lock of third-party packages: computed from what ours require, checked against it, compared with another."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.config import Config, Key, MirrorListKind, SourceKind, Target
from altai_build.errors import InputError
from altai_build.model.lock import (
    BASE_SUFFIX,
    CONFIG_FILE_NAME,
    DependencyStep,
    Lock,
    LockChange,
    LockedPackage,
    LockedRepository,
    Requirement,
    find_dependency_chains,
)
from altai_build.model.nevra import Nevra
from altai_build.model.package import RpmHeader
from altai_build.tools.repo.metadata import RepositoryMetadata, RepositorySource, fetch_metadata
from altai_build.tools.repo.mirrors import Mirrors, read_mirrors
from altai_build.tools.rpm.header import compare_evr
from altai_build.tools.solver.closure import Closure, ClosurePackage, compute_closure
from altai_build.tools.solver.pool import PackagePool
from altai_build.tools.solver.request import MirrorPolicy

if TYPE_CHECKING:
    from altai_build.model.package import LocalRpm

BASE = "base/"  # before the names of the target's own repositories


@dataclass(frozen=True)
class Upstream:
    """A repository that is not ours, as repos.yaml has it; `offer` is None for the system's own."""

    name: str
    url: str
    listing: MirrorListKind | None
    key: Key
    offer: MirrorPolicy | None
    exclude: tuple[str, ...]

    @property
    def definition(self) -> tuple[object, ...]:
        """What of it decides what is locked; LockedRepository has the same."""
        offer = self.offer or MirrorPolicy(name=self.name, packages=None)
        return (self.url, self.key.name, offer.packages, offer.prefer, self.exclude, offer.weak)


def list_upstreams(config: Config) -> tuple[Upstream, ...]:
    """The system's repositories, then the mirrored ones, each in the order of repos.yaml: the order of preference."""
    base = [
        Upstream(
            name=f"{BASE}{one.name}",
            url=one.url,
            listing=one.listing,
            key=config.keys[one.key],
            offer=None,
            exclude=(),
        )
        for one in config.get_target().base
    ]
    mirrored = [
        Upstream(
            name=one.name,
            url=one.url or "",
            listing=one.listing,
            key=config.keys[one.key],
            offer=MirrorPolicy(name=one.name, packages=one.packages, prefer=one.prefer, weak=one.weak),
            exclude=one.exclude,
        )
        for one in config.repositories.values()
        if one.source is SourceKind.MIRROR
    ]
    return (*base, *mirrored)


def find_mirrors(upstream: Upstream) -> Mirrors:
    """Where an upstream is to be had now; asks its list of mirrors where it has one."""
    return read_mirrors(upstream.url) if upstream.listing is not None else Mirrors(urls=(upstream.url,))


def read_upstreams(
    upstreams: Sequence[Upstream], *, cache: Path, known: Lock | None, jobs: int
) -> tuple[RepositoryMetadata, ...]:
    """The current metadata of every upstream, at most as old as what `known` was made from.

    Raises InputError for the first that cannot be used, or that is no longer signed although it was.
    """

    def read(upstream: Upstream) -> RepositoryMetadata:
        mirrors = find_mirrors(upstream)
        before = known.repository(upstream.name) if known is not None else None
        same = before is not None and before.url == upstream.url
        source = RepositorySource(
            name=upstream.name,
            urls=mirrors.urls,
            check_packages=True,
            check_metadata=before is not None and same and before.signed,
            keys=(upstream.key.file,),
            priority=upstreams.index(upstream) if upstream.offer is not None else 0,
            exclude=upstream.exclude,
            repomd=mirrors.repomd,
            check_if_signed=True,
        )
        return fetch_metadata(
            source, cache, not_before=before.revision if before is not None and same else ""
        )

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        return tuple(pool.map(read, upstreams))


def resolve_closure(
    ours: Sequence[LocalRpm],
    upstreams: Sequence[Upstream],
    metadata: Sequence[RepositoryMetadata],
    *,
    arch: str,
    cache: Path,
    locked: Iterable[LockedPackage] = (),
) -> tuple[Closure, PackagePool]:
    """What `ours` need of the upstreams; versions that are `locked` stay as long as they do."""
    pool = PackagePool(arch, cache=cache)
    for one in metadata:
        pool.add_repository(one)
    numbers = [pool.add_local(rpm.path, rpm.header, digest=rpm.sha256) for rpm in ours]
    closure = compute_closure(
        pool,
        numbers,
        [one.name for one in upstreams if one.offer is None],
        [one.offer for one in upstreams if one.offer is not None],
        locked=[(one.repository, one.nevra) for one in locked],
    )
    return closure, pool


def find_base_requirements(
    closure: Closure, pool: PackagePool, headers: Iterable[RpmHeader]
) -> tuple[str, ...]:
    """All requirements that the system meets, those that the members' own headers tell included.

    Repodata leaves some out (createrepo keeps only the highest symbol version of libc). Raises InputError for a
    package that requires what its repodata hides and nobody has.
    """
    found = set(closure.from_base)
    hidden = []
    for header in headers:
        for one in header.requires:
            text = str(one)
            if text.startswith(("rpmlib(", "(")):
                continue
            providers = [pool.get_candidate(number).repository for number in pool.find_providers(text)]
            if any(name.startswith(BASE) for name in providers):
                found.add(text)
            elif not providers:
                hidden.append(f"  {header.nevra} requires {text}")
    if hidden:
        raise InputError(
            "packages require what their repodata does not tell, and what nothing provides",
            why="\n".join(hidden),
            todo="`exclude` them in repos.yaml; their repository's repodata is wrong",
        )
    return tuple(sorted(found))


def make_lock_content(
    target: Target,
    upstreams: Sequence[Upstream],
    metadata: Sequence[RepositoryMetadata],
    from_base: tuple[str, ...],
    packages: Iterable[LockedPackage],
) -> Lock:
    """The lock of a closure whose packages were fetched and proved."""
    return Lock(
        target=target.name,
        repositories=tuple(_locked_repository(one, state) for one, state in zip(upstreams, metadata)),
        from_base=from_base,
        packages=tuple(sorted(packages, key=lambda one: (one.repository, one.nevra.name, str(one.nevra)))),
    )


def _locked_repository(upstream: Upstream, metadata: RepositoryMetadata) -> LockedRepository:
    offer = upstream.offer or MirrorPolicy(name=upstream.name, packages=None)
    return LockedRepository(
        name=upstream.name,
        url=upstream.url,
        key=upstream.key.name,
        revision=metadata.revision,
        metadata=metadata.digest,
        signed=metadata.signed,
        packages=offer.packages,
        prefer=offer.prefer,
        exclude=upstream.exclude,
        weak=offer.weak,
    )


# ---- is it still right? ------------------------------------------------------------------------------------------


def find_lock_errors(
    lock: Lock,
    target: Target,
    upstreams: Sequence[Upstream],
    ours: Sequence[LocalRpm],
    shipped: Mapping[LockedPackage, LocalRpm],
    *,
    arch: str,
    cache: Path,
) -> tuple[str, ...]:
    """Why a lock is not the one for these packages of ours; empty when it is. Asks no upstream.

    What the system provides was written down when the lock was made; anything that is not in it, not ours and not
    locked is missing, and anything locked that nothing needs is too much.
    """
    lines = _find_definition_errors(lock, target, upstreams)
    pool = PackagePool(arch, cache=cache)
    own = {pool.add_local(rpm.path, rpm.header, digest=rpm.sha256): rpm for rpm in ours}
    locked = {pool.add_local(rpm.path, rpm.header, digest=rpm.sha256): one for one, rpm in shipped.items()}
    listed = {name for one in upstreams if one.offer is not None for name in one.offer.packages or ()}
    order = {one.name: number for number, one in enumerate(upstreams)}
    weak = {one.name for one in upstreams if one.offer is not None and one.offer.weak}
    from_base = frozenset(lock.from_base)
    reached = {number for number, one in locked.items() if _is_root(one, listed)}
    pending = [*own, *reached]
    needs: dict[int, set[Requirement]] = {number: set() for number in locked}
    while pending:
        one = pool.get_candidate(pending.pop())
        wanted = [(text, False) for text in one.requires] + [(text, True) for text in one.recommends if weak]
        for requirement, recommended in wanted:
            found = pool.find_providers(requirement)
            rich = requirement.startswith("(")
            if one.id in found or (not rich and any(number in own for number in found)):
                continue
            takers = sorted(
                (number for number in found if number in locked),
                key=lambda number: (order[locked[number].repository], str(locked[number].nevra)),
            )
            if recommended:
                takers = [number for number in takers if locked[number].repository in weak]
            elif requirement in from_base:
                takers = takers if rich else []
            elif not takers:
                lines.append(f"  {one.nevra.name} requires {requirement}, for which nothing is locked")
            takers = takers if rich else takers[:1]
            for number in takers:
                if one.id in own:
                    needs[number].add(
                        Requirement(package=one.nevra.name, requires=requirement, weak=recommended)
                    )
                if number not in reached:
                    reached.add(number)
                    pending.append(number)
    lines += [
        f"  {one.nevra} ({one.repository}) is locked, and nothing needs it any more"
        for number, one in locked.items()
        if number not in reached
    ]
    lines += _find_reason_errors(
        {locked[number]: found for number, found in needs.items() if number in reached}
    )
    return tuple(lines)


def _find_reason_errors(needs: Mapping[LockedPackage, set[Requirement]]) -> list[str]:
    """Where the lock says otherwise than `needs` which of our packages need a locked one, and by what requirement."""
    names = {one.nevra.name for one in needs}
    lines = []
    for package, now in needs.items():
        said = {
            need
            for need in package.needed_by
            if need.package not in names
            and need.package != CONFIG_FILE_NAME
            and not need.package.endswith(BASE_SUFFIX)
        }
        for need in sorted(now - said):
            lines.append(
                f"  {need.package} requires {need.requires}, which the lock does not give as a reason for "
                f"{package.nevra.name}"
            )
        for need in sorted(said - now):
            lines.append(
                f"  {need.package} no longer requires {need.requires}, a reason for {package.nevra.name}"
            )
    return lines


def _is_root(package: LockedPackage, listed: set[str]) -> bool:
    """True for what is there because a list, or the system, asks for it: that our packages do not is no fault."""
    return any(
        (need.package == CONFIG_FILE_NAME and need.requires in listed) or need.package.endswith(BASE_SUFFIX)
        for need in package.needed_by
    )


def _find_definition_errors(lock: Lock, target: Target, upstreams: Sequence[Upstream]) -> list[str]:
    lines = []
    if lock.target != target.name:
        lines.append(f"  it is for the target {lock.target}, and the release is for {target.name}")
    here = {one.name: one.definition for one in upstreams}
    there = {one.name: one.definition for one in lock.repositories}
    words = ("url", "key", "packages", "prefer", "exclude", "weak")
    for name in [*here, *(name for name in there if name not in here)]:
        if name not in there:
            lines.append(f"  the repository {name} is new in repos.yaml")
        elif name not in here:
            lines.append(f"  the repository {name} is no longer in repos.yaml")
        else:
            changed = [word for word, old, new in zip(words, there[name], here[name]) if old != new]
            if changed:
                lines.append(f"  {', '.join(changed)} of the repository {name} changed in repos.yaml")
    if not lines and [one.name for one in lock.repositories] != list(here):
        lines.append("  the order of the repositories, which is that of preference, changed in repos.yaml")
    return lines


def make_stale_lock_error(lines: Sequence[str], path: Path) -> InputError:
    """The error for a lock that is not right any more."""
    return InputError(
        f"{path.name} is out of date: {len(lines)} difference{'s' if len(lines) > 1 else ''}",
        why="\n".join(lines),
        todo="run `altai-build deps lock`, look at what it changes and commit it",
    )


# ---- explained ---------------------------------------------------------------------------------------------------


def compare_packages(old: Sequence[LockedPackage], new: Sequence[ClosurePackage]) -> tuple[LockChange, ...]:
    """What differs between locked packages and those of a closure, by repository and name."""
    before = {(one.nevra.name, one.nevra.arch): (one.repository, one.nevra, one.sha256) for one in old}
    after = {(one.resolved.nevra.name, one.resolved.nevra.arch): one for one in new}
    changes = []
    for place in sorted(before.keys() | after.keys()):
        if place not in after:
            repository, nevra, _ = before[place]
            changes.append(_change("removed", repository, nevra, None, "nothing needs it any more"))
            continue
        member = after[place]
        nevra = member.resolved.nevra
        reason = f"{member.choice.rule.value}; needed by {', '.join(_list_requirers(member))}"
        if place not in before:
            changes.append(_change("added", member.repository, None, nevra, reason))
            continue
        repository, locked, sha256 = before[place]
        digest = member.resolved.checksum.sha256
        if repository != member.repository:
            changes.append(
                _change("moved", member.repository, locked, nevra, f"it was in {repository}; {reason}")
            )
        elif nevra != locked:
            kind = "upgraded" if compare_evr(nevra.evr, locked.evr) > 0 else "downgraded"
            changes.append(_change(kind, repository, locked, nevra, reason))
        elif digest is not None and digest != sha256:
            changes.append(
                _change("changed", repository, locked, nevra, "upstream has other bytes under the same name")
            )
    return tuple(sorted(changes, key=lambda one: (one.repository, one.name)))


def _change(kind: str, repository: str, old: Nevra | None, new: Nevra | None, reason: str) -> LockChange:
    named = new or old
    return LockChange(
        kind=kind,
        repository=repository,
        name=named.name if named else "",
        old=str(old) if old else None,
        new=str(new) if new else None,
        reason=reason,
    )


def _list_requirers(member: ClosurePackage) -> list[str]:
    return sorted({need.package for need in member.needed_by})


@dataclass(frozen=True)
class LockExplanation:
    """Why a package is locked: `chains` lead from our packages, or repos.yaml, down to it."""

    package: LockedPackage
    revision: str  # of the repodata it came from
    chains: tuple[tuple[DependencyStep, ...], ...]


def explain_locked_package(lock: Lock, name: str) -> LockExplanation:
    """The reasons for one locked package. Raises InputError for a name that is not locked."""
    package = next((one for one in lock.packages if name in (one.nevra.name, str(one.nevra), one.file)), None)
    if package is None:
        provided = [one for one in lock.from_base if one.split()[0] == name]
        near = difflib.get_close_matches(name, sorted(one.nevra.name for one in lock.packages), n=3)
        raise InputError(
            f"{name} is not locked",
            why="the system itself provides it" if provided else "no release package needs it from a mirror",
            todo=f"perhaps you meant {' or '.join(near)}"
            if near
            else "`altai-build deps list` shows what is locked",
        )
    state = lock.repository(package.repository)
    return LockExplanation(
        package=package,
        revision=state.revision if state else "",
        chains=find_dependency_chains(lock, package.nevra.name),
    )
