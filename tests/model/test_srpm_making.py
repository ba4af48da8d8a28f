"""Only what the commit does not decide is compared, and unknown is not the same."""

from __future__ import annotations

import pytest

from altai_build.model.srpm_making import UNKNOWN_MAKING, describe_other_making, select_making

INPUTS = (
    ("recipe", "6"),
    ("tool", "0.1.0"),
    ("rpm", "RPM version 4.18.0 abc"),
    ("commit", "a" * 40),
    ("stamp", "{release}.g{commit}"),
    ("macros", '[["dist", ".el6"]]'),
    ("arch", "x86_64"),
    ("source fix.patch", "blob 1"),
    ("source made.repo", "generated 2"),
)
MAKING = select_making(INPUTS)


def changed(**values: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, values.get(name.replace(" ", "_").replace(".", "_"), value)) for name, value in MAKING
    )


def test_what_the_commit_decides_is_no_part_of_it() -> None:
    assert [name for name, _ in MAKING] == [
        "arch", "macros", "recipe", "rpm", "source made.repo", "stamp", "tool",
    ]  # fmt: skip


def test_the_same_making_by_another_version_of_the_tool_is_the_same() -> None:
    assert describe_other_making(MAKING, MAKING) == ()
    assert describe_other_making(changed(tool="0.0.9"), MAKING) == ()


def test_unknown_is_not_the_same() -> None:
    assert describe_other_making(None, MAKING) == (UNKNOWN_MAKING,)
    assert len(describe_other_making((), MAKING)) == len(MAKING) - 1


@pytest.mark.parametrize(
    ("then", "told"),
    [
        (
            changed(recipe="5"),
            "recipe 5 for source packages made it, and this altai-build has recipe 6",
        ),
        (
            changed(rpm="RPM version 4.16.1 abc"),
            "RPM version 4.16.1 abc made it, and here is RPM version 4.18.0 abc",
        ),
        (changed(macros="[]"), "it was made with other macros in repos.yaml: []"),
        (changed(stamp="{release}"), "it was made with another release.stamp in repos.yaml: {release}"),
        (changed(arch="i686"), "it was made for i686, and the target in repos.yaml is x86_64 now"),
        (
            changed(source_made_repo="generated 3"),
            "repos.yaml generated another content of its source made.repo",
        ),
        (
            (*MAKING, ("archiver", "git 2.39")),
            "git 2.39 made its archive, and here is nothing",
        ),
    ],
)
def test_each_difference_is_told(then: tuple[tuple[str, str], ...], told: str) -> None:
    assert describe_other_making(then, MAKING) == (told,)


def test_which_rebuild_it_is_makes_no_difference() -> None:
    assert describe_other_making(changed(stamp="{release}.g{commit}.3"), MAKING) == ()
    assert describe_other_making(changed(stamp="0.bootstrap.{release}.g{commit}"), MAKING) == ()
