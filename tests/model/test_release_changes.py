"""Changes between releases: which package they are about, and how they change the size."""

from __future__ import annotations

from altai_build.model.release_changes import ChangeKind, PackageChange, ReleaseDiff
from tests.kit.manifests import package

OLD = package("a-1-1.noarch", repository="deps/epel", size=1000)
NEW = package("a-2-1.noarch", repository="deps/misc", size=1250)


def test_a_change_is_about_the_new_package_or_the_removed_one() -> None:
    added = PackageChange(kind=ChangeKind.ADDED, old=None, new=NEW)
    removed = PackageChange(kind=ChangeKind.REMOVED, old=OLD, new=None)
    assert (added.package, removed.package) == (NEW, OLD)
    assert (added.size_change, removed.size_change) == (1250, -1000)
    assert (added.is_moved, added.is_resized, removed.is_moved) == (False, False, False)


def test_an_upgrade_may_move_and_grow() -> None:
    upgraded = PackageChange(kind=ChangeKind.UPGRADED, old=OLD, new=NEW)
    assert (upgraded.is_moved, upgraded.is_resized, upgraded.size_change) == (True, True, 250)


def test_changes_are_selected_by_kind() -> None:
    changes = tuple(PackageChange(kind=kind, old=OLD, new=NEW) for kind in ChangeKind)
    diff = ReleaseDiff(old="1", new="2", changes=changes)
    assert diff.changes_of_kind(ChangeKind.REBUILT) == (changes[4],)
