"""Compare the packages of two releases: added, removed, upgraded, downgraded, rebuilt or moved."""

from __future__ import annotations

import functools
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable

from altai_build.model.release import Manifest, ReleasedPackage
from altai_build.model.release_changes import ChangeKind, PackageChange, ReleaseDiff
from altai_build.tools.rpm.versions import compare_evr

_ORDER = list(ChangeKind)
_Pair = tuple["ReleasedPackage | None", "ReleasedPackage | None"]


def compare_releases(old: Manifest, new: Manifest) -> ReleaseDiff:
    """All differences between the packages of two releases.

    Packages are compared by name, binary and source packages apart. A name with several architectures is compared by
    architecture, so that a package that becomes noarch is one change, not two.
    """
    old_groups, new_groups = _group_by_name(old.packages), _group_by_name(new.packages)
    changes = [
        change
        for group in sorted(old_groups.keys() | new_groups.keys())
        for pair in _pair_packages(old_groups.get(group, []), new_groups.get(group, []))
        if (change := _compare_pair(*pair)) is not None
    ]
    changes.sort(key=lambda change: (_ORDER.index(change.kind), change.package.name, change.package.arch))
    return ReleaseDiff(old=old.version, new=new.version, changes=tuple(changes))


def _group_by_name(packages: Iterable[ReleasedPackage]) -> dict[tuple[str, bool], list[ReleasedPackage]]:
    groups: dict[tuple[str, bool], list[ReleasedPackage]] = defaultdict(list)
    for package in packages:
        groups[package.name, package.is_source].append(package)
    return groups


def _pair_packages(old: list[ReleasedPackage], new: list[ReleasedPackage]) -> list[_Pair]:
    """Pair the packages of one name: first equal bytes, then equal NEVRAs, then equal architectures, then by age."""
    pairs: list[_Pair] = []
    old, new = _sort_by_age(old), _sort_by_age(new)
    keys: tuple[Callable[[ReleasedPackage], object], ...] = (
        operator.attrgetter("sha256"),
        operator.attrgetter("nevra"),
        operator.attrgetter("arch"),
        lambda _package: None,
    )
    for key in keys:
        for package in list(old):
            partner = next((candidate for candidate in new if key(candidate) == key(package)), None)
            if partner is not None:
                pairs.append((package, partner))
                old.remove(package)
                new.remove(partner)
    return [*pairs, *((package, None) for package in old), *((None, package) for package in new)]


def _sort_by_age(packages: list[ReleasedPackage]) -> list[ReleasedPackage]:
    return sorted(packages, key=functools.cmp_to_key(_compare_evr))


def _compare_evr(left: ReleasedPackage, right: ReleasedPackage) -> int:
    return compare_evr(left.nevra.evr, right.nevra.evr)


def _compare_pair(old: ReleasedPackage | None, new: ReleasedPackage | None) -> PackageChange | None:
    """The change from one package to the other; None if there is none."""
    if old is None or new is None:
        return PackageChange(kind=ChangeKind.REMOVED if new is None else ChangeKind.ADDED, old=old, new=new)
    if old.sha256 == new.sha256:
        is_moved = old.repository != new.repository
        return PackageChange(kind=ChangeKind.MOVED, old=old, new=new) if is_moved else None
    order = compare_evr(new.nevra.evr, old.nevra.evr)
    kind = ChangeKind.DOWNGRADED if order < 0 else ChangeKind.UPGRADED
    if order == 0 or (order > 0 and _have_same_sources(old, new)):
        kind = ChangeKind.REBUILT
    return PackageChange(kind=kind, old=old, new=new)


def _have_same_sources(old: ReleasedPackage, new: ReleasedPackage) -> bool:
    """True for a package that was built again from the same commit, as when its build dependencies changed."""
    old_origin, new_origin = old.build_origin, new.build_origin
    if old_origin is None or new_origin is None:
        return False
    same_version = (old.epoch, old.version) == (new.epoch, new.version)
    same_commit = (old_origin.path, old_origin.commit) == (new_origin.path, new_origin.commit)
    return same_version and same_commit
