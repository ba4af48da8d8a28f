"""Compare the packages of two releases: what came, went, rose, fell, was built again or lies elsewhere."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable

from altai_build.model.history import ChangeKind, PackageChange, ReleaseDiff
from altai_build.model.release import Manifest, MirrorOrigin, ReleasedPackage
from altai_build.tools.rpm.header import compare_evr

_ORDER = list(ChangeKind)
_Pair = tuple["ReleasedPackage | None", "ReleasedPackage | None"]


def compare_releases(old: Manifest, new: Manifest) -> ReleaseDiff:
    """Every difference between the packages of two releases.

    Packages are the same by name, binary and source ones apart; where a name is there for several architectures each
    is compared with its own, so that a package that becomes noarch is one change and not two.
    """
    before, after = _by_name(old.packages), _by_name(new.packages)
    changes = [
        change
        for name in sorted(before.keys() | after.keys())
        for pair in _pairs(before.get(name, []), after.get(name, []))
        if (change := _change(*pair)) is not None
    ]
    changes.sort(key=lambda one: (_ORDER.index(one.kind), one.package.name, one.package.arch))
    return ReleaseDiff(old=old.version, new=new.version, changes=tuple(changes))


def _by_name(packages: Iterable[ReleasedPackage]) -> dict[tuple[str, bool], list[ReleasedPackage]]:
    found: dict[tuple[str, bool], list[ReleasedPackage]] = defaultdict(list)
    for package in packages:
        found[package.name, package.is_source].append(package)
    return found


def _pairs(old: list[ReleasedPackage], new: list[ReleasedPackage]) -> list[_Pair]:
    """Who is compared with whom among packages of one name: the same bytes, the same identity, the same
    architecture, then the oldest with the oldest."""
    pairs: list[_Pair] = []
    old, new = _by_age(old), _by_age(new)
    for alike in (_same_bytes, _same_nevra, _same_arch, _any):
        for one in list(old):
            other = next((two for two in new if alike(one, two)), None)
            if other is not None:
                pairs.append((one, other))
                old.remove(one)
                new.remove(other)
    return [*pairs, *((one, None) for one in old), *((None, one) for one in new)]


def _by_age(packages: list[ReleasedPackage]) -> list[ReleasedPackage]:
    return sorted(packages, key=functools.cmp_to_key(_compare))


def _compare(one: ReleasedPackage, two: ReleasedPackage) -> int:
    return compare_evr(one.nevra.evr, two.nevra.evr)


def _same_bytes(one: ReleasedPackage, two: ReleasedPackage) -> bool:
    return one.sha256 == two.sha256


def _same_nevra(one: ReleasedPackage, two: ReleasedPackage) -> bool:
    return one.nevra == two.nevra


def _same_arch(one: ReleasedPackage, two: ReleasedPackage) -> bool:
    return one.arch == two.arch


def _any(_one: ReleasedPackage, _two: ReleasedPackage) -> bool:
    return True


def _change(old: ReleasedPackage | None, new: ReleasedPackage | None) -> PackageChange | None:
    if old is None or new is None:
        return PackageChange(kind=ChangeKind.REMOVED if new is None else ChangeKind.ADDED, old=old, new=new)
    if old.sha256 == new.sha256:
        moved = old.repository != new.repository
        return PackageChange(kind=ChangeKind.MOVED, old=old, new=new) if moved else None
    order = compare_evr(new.nevra.evr, old.nevra.evr)
    kind = ChangeKind.DOWNGRADED if order < 0 else ChangeKind.UPGRADED
    if order == 0 or (order > 0 and _same_sources(old, new)):
        kind = ChangeKind.REBUILT
    return PackageChange(kind=kind, old=old, new=new)


def _same_sources(old: ReleasedPackage, new: ReleasedPackage) -> bool:
    """True for a package built again from the same commit, as when its build dependencies changed."""
    if isinstance(old.origin, MirrorOrigin) or isinstance(new.origin, MirrorOrigin):
        return False
    versions = (old.epoch, old.version) == (new.epoch, new.version)
    return versions and (old.origin.path, old.origin.commit) == (new.origin.path, new.origin.commit)
