"""Each package that differs is one change of the right kind."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from altai_build.model.release import ReleasedPackage
from altai_build.model.release_changes import ChangeKind, ReleaseDiff
from altai_build.stages.diff import compare_releases
from tests.kit.manifests import component, manifest, package, third_party

A, B = "a" * 40, "b" * 40
FOCUS = "repos/altai/focus"


def compare(old: Sequence[ReleasedPackage], new: Sequence[ReleasedPackage]) -> ReleaseDiff:
    return compare_releases(manifest("1", old), manifest("2", new))


def describe_changes(comparison: ReleaseDiff) -> list[tuple[str, str | None, str | None]]:
    return [
        (
            change.kind.value,
            str(change.old.nevra) if change.old else None,
            str(change.new.nevra) if change.new else None,
        )
        for change in comparison.changes
    ]


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("focus-1.0-1.noarch", "focus-1.1-1.noarch", ChangeKind.UPGRADED),
        ("focus-1.0-1.noarch", "focus-1.0-2.noarch", ChangeKind.UPGRADED),
        ("focus-1.0-9.noarch", "focus-1.0-10.noarch", ChangeKind.UPGRADED),
        ("focus-1.0-1.noarch", "focus-1:0.9-1.noarch", ChangeKind.UPGRADED),
        ("focus-1.0~rc1-1.noarch", "focus-1.0-1.noarch", ChangeKind.UPGRADED),
        ("focus-1.0-1.noarch", "focus-1.0~rc1-1.noarch", ChangeKind.DOWNGRADED),
        ("focus-1:1.0-1.noarch", "focus-2.0-1.noarch", ChangeKind.DOWNGRADED),
        ("focus-1.0-1.noarch", "focus-1.0-1.x86_64", ChangeKind.REBUILT),
    ],
)
def test_versions_are_compared_as_rpm_does(old: str, new: str, kind: ChangeKind) -> None:
    before, after = package(old, component(FOCUS, A)), package(new, component(FOCUS, B))
    assert describe_changes(compare([before], [after])) == [(kind.value, old, new)]


def test_a_package_built_again_from_the_same_commit_is_rebuilt() -> None:
    old = package("focus-1.0-1.noarch", component(FOCUS, A))
    assert describe_changes(compare([old], [package("focus-1.0-1.1.noarch", component(FOCUS, A))])) == [
        ("rebuilt", "focus-1.0-1.noarch", "focus-1.0-1.1.noarch")
    ]
    assert describe_changes(compare([old], [package("focus-1.0-1.1.noarch", component(FOCUS, B))])) == [
        ("upgraded", "focus-1.0-1.noarch", "focus-1.0-1.1.noarch")
    ]
    spec = package("bunch-1-1.noarch", third_party("specs/bunch", A))
    again = package("bunch-1-1.1.noarch", third_party("specs/bunch", A))
    assert compare([spec], [again]).changes_of_kind(ChangeKind.REBUILT)


def test_the_same_nevra_with_different_bytes_is_rebuilt_even_from_a_mirror() -> None:
    old, new = (package("erlang-14-2.noarch", content=text) for text in ("one", "two"))
    assert describe_changes(compare([old], [new])) == [
        ("rebuilt", "erlang-14-2.noarch", "erlang-14-2.noarch")
    ]


def test_added_removed_moved_and_unchanged() -> None:
    stays = package("stays-1-1.noarch")
    comparison = compare(
        [stays, package("gone-1-1.noarch"), package("wanders-1-1.noarch", repository="deps/epel")],
        [stays, package("new-1-1.noarch"), package("wanders-1-1.noarch", repository="deps/misc")],
    )
    assert describe_changes(comparison) == [
        ("added", None, "new-1-1.noarch"),
        ("removed", "gone-1-1.noarch", None),
        ("moved", "wanders-1-1.noarch", "wanders-1-1.noarch"),
    ]


def test_an_upgrade_may_move_and_grow_too() -> None:
    old = package("focus-1-1.noarch", repository="deps/epel", size=1000)
    new = package("focus-2-1.noarch", repository="deps/misc", size=1250)
    (change,) = compare([old], [new]).changes
    assert (change.kind, change.is_moved, change.is_resized, change.size_change) == (
        ChangeKind.UPGRADED,
        True,
        True,
        250,
    )


def test_packages_are_compared_by_architecture_and_sources_with_sources() -> None:
    names = ("lib-{}-1.i686", "lib-{}-1.x86_64", "lib-{}-1.src")
    comparison = compare(
        [package(name.format(1)) for name in names], [package(name.format(2)) for name in reversed(names)]
    )
    assert set(describe_changes(comparison)) == {
        ("upgraded", name.format(1), name.format(2)) for name in names
    }


def test_of_two_versions_the_one_in_both_releases_is_not_a_change() -> None:
    kernel = [package(f"kernel-{number}-1.x86_64") for number in (1, 2, 3)]
    assert describe_changes(compare(kernel[:2], kernel[1:])) == [
        ("upgraded", "kernel-1-1.x86_64", "kernel-3-1.x86_64")
    ]


def test_a_release_does_not_differ_from_itself() -> None:
    packages = [package("a-1-1.noarch"), package("a-1-1.src"), package("b-1:2-3.x86_64")]
    assert compare(packages, packages).changes == ()
