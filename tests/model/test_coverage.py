"""Coverage: rounding never hides a missed line, merging never counts more than ran, unknown is not zero."""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction

import pytest

from altai_build.model.coverage import (
    Coverage,
    CoverageChange,
    EarlierState,
    FileCoverage,
    LineBranches,
    Ratio,
    UnknownChange,
    UnknownCoverage,
    compare_coverage,
    format_lines,
    format_points,
    merge_coverage,
    merge_files,
)


def file(
    covered: Collection[int], missed: Collection[int] = (), branches: dict[int, LineBranches] | None = None
) -> FileCoverage:
    return FileCoverage(frozenset(covered), frozenset(missed), branches)


@pytest.mark.parametrize(
    ("covered", "valid", "text"),
    [
        (0, 0, "nothing to cover"),
        (0, 5, "0.0 %"),
        (5, 5, "100.0 %"),
        (5, 6, "83.3 %"),
        (2, 3, "66.6 %"),
        (1_000_000, 1_000_001, "99.9 %"),
        (1, 1_000_000, "0.1 %"),
    ],
)
def test_a_ratio_is_rounded_down_and_full_only_where_nothing_is_missed(
    covered: int, valid: int, text: str
) -> None:
    assert Ratio(covered, valid).format() == text


@pytest.mark.parametrize(
    ("covered", "valid", "reached"), [(80, 100, True), (7999, 10000, False), (0, 0, False), (2, 2, True)]
)
def test_a_goal_is_compared_with_the_exact_value(covered: int, valid: int, reached: bool) -> None:
    assert Ratio(covered, valid).reaches(Fraction(80)) is reached


def test_lines_and_branches_of_all_files_are_added_up() -> None:
    coverage = Coverage(
        {
            "a.py": file({1, 2}, {3}, {2: LineBranches(2, 1, frozenset({"3"}))}),
            "b.py": file({1}, set(), {}),
        }
    )
    assert (coverage.lines, coverage.branches) == (Ratio(3, 4), Ratio(1, 2))


def test_branches_that_were_not_measured_are_unknown_and_none_at_all_are_zero() -> None:
    assert Coverage({"a.py": file({1}, branches={})}).branches == Ratio(0, 0)
    assert Coverage({"a.py": file({1})}).branches is None
    assert Coverage({"a.py": file({1}, branches={}), "b.c": file({1})}).branches is None
    assert Coverage({}).branches is None


def test_omitted_files_do_not_count_wherever_their_folder_is() -> None:
    names = (
        "nova/openstack/common/log.py",
        "openstack/common/log.py",
        "nova/api.py",
        "openstack/commoner.py",
    )
    coverage = Coverage({name: file({1}) for name in names})
    kept = coverage.without(["*/openstack/common/*", "x+y["])
    assert list(kept.files) == ["nova/api.py", "openstack/commoner.py"]
    assert coverage.without([]) is coverage


def test_a_merged_line_ran_when_it_ran_in_one_of_them() -> None:
    merged = merge_files(file({1}, {2, 3}), file({2}, {1, 4}))
    assert merged == file({1, 2}, {3, 4})


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        # Which branches each run missed is known: only those missed in both are missed.
        (LineBranches(2, 1, frozenset("a")), LineBranches(2, 1, frozenset("b")), LineBranches(2, 0)),
        (
            LineBranches(3, 2, frozenset("ab")),
            LineBranches(3, 2, frozenset("bc")),
            LineBranches(3, 1, frozenset("b")),
        ),
        # Not known: it may be the same one.
        (LineBranches(2, 1), LineBranches(2, 1), LineBranches(2, 1)),
        (LineBranches(2, 1), LineBranches(2, 1, frozenset("a")), LineBranches(2, 1)),
        (LineBranches(4, 3), LineBranches(4, 0), LineBranches(4, 0)),
        # Other branches: two builds of one file.
        (LineBranches(2, 0), LineBranches(4, 2), LineBranches(4, 2)),
    ],
)
def test_merged_branches_are_never_more_than_certain(
    first: LineBranches, second: LineBranches, merged: LineBranches
) -> None:
    for one, other in ((first, second), (second, first)):
        both = merge_files(file(set(), branches={7: one}), file(set(), branches={7: other})).branches
        assert both == {7: merged}


def test_merging_keeps_the_branches_of_the_run_that_measured_them() -> None:
    branches = {1: LineBranches(2, 0)}
    assert merge_files(file({1}), file({1}, branches=branches)).branches == branches
    assert merge_files(file({1}), file({1})).branches is None


def test_files_of_both_runs_are_in_the_merged_coverage() -> None:
    merged = merge_coverage(
        Coverage({"a": file({1}), "b": file({1}, {2})}), Coverage({"b": file({2}), "c": file({9})})
    )
    assert merged == Coverage({"a": file({1}), "b": file({1, 2}), "c": file({9})})


def test_a_change_is_exact_and_unknown_has_its_reason() -> None:
    now = Coverage({"a": file({1, 2}, {3}, {1: LineBranches(2, 1)})})
    before = Coverage({"a": file({1}, {2}, {1: LineBranches(2, 0)})})
    assert compare_coverage(now, before, EarlierState("1.0")) == CoverageChange(
        EarlierState("1.0"), Fraction(50, 3), Fraction(-50)
    )
    without = Coverage({"a": file({1}, {2})})
    assert compare_coverage(now, without, EarlierState("1.0")) == CoverageChange(
        EarlierState("1.0"), Fraction(50, 3), None
    )
    assert compare_coverage(now, UnknownCoverage("never measured"), EarlierState("1.0")) == UnknownChange(
        "never measured"
    )
    nothing = Coverage({})
    assert compare_coverage(now, nothing, EarlierState("1.0")) == UnknownChange(
        "there is nothing to cover in release 1.0"
    )
    assert compare_coverage(nothing, now, EarlierState("1.0")) == UnknownChange("there is nothing to cover")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Fraction(0), "0.0"),
        (Fraction(50, 3), "+16.7"),
        (Fraction(-1, 3), "-0.3"),
        (Fraction(1, 1000), "+0.1"),
        (Fraction(-1, 1000), "-0.1"),
    ],
)
def test_a_small_change_is_not_shown_as_none(change: Fraction, text: str) -> None:
    assert format_points(change) == text


def test_line_numbers_are_shown_as_ranges() -> None:
    assert format_lines({9, 3, 7, 8}) == "3, 7-9"
    assert format_lines(()) == ""
