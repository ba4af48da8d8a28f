"""The table of coverage: goals by the exact value, changes, and why something is unknown."""

from __future__ import annotations

from fractions import Fraction

from altai_build.model.coverage import AnyCoverage, Coverage, EarlierState, FileCoverage, UnknownCoverage
from altai_build.model.coverage_table import (
    CoverageRow,
    GoalStatus,
    MeasuredComponent,
    format_percentage,
    make_coverage_table,
)


def lines(covered: int, missed: int, path: str = "nova/api.py") -> Coverage:
    numbers = range(1, covered + missed + 1)
    return Coverage({path: FileCoverage(frozenset(numbers[:covered]), frozenset(numbers[covered:]))})


NO_RELEASE = UnknownCoverage("there is no release yet")


def row(
    coverage: AnyCoverage,
    *,
    goal: int | None = None,
    before: AnyCoverage = NO_RELEASE,
    omit: tuple[str, ...] = (),
) -> CoverageRow:
    measured = MeasuredComponent(
        "nova", "a" * 40, coverage, omit, Fraction(goal) if goal else None, EarlierState("1.0"), before
    )
    (found,) = make_coverage_table([measured], EarlierState("1.0")).rows
    return found


def test_a_component_that_rose_above_its_goal() -> None:
    found = row(lines(9, 1), goal=80, before=lines(7, 3))
    assert found.goal_status is GoalStatus.REACHED
    assert (found.describe_lines(), found.describe_branches()) == ("90.0 %", "not measured")
    assert (found.describe_change(), found.describe_goal()) == ("+20.0", "80 %: reached")
    assert found.list_reasons() == ()


def test_a_goal_that_is_missed_by_one_line() -> None:
    found = row(lines(7999, 2001), goal=80)
    assert (found.describe_lines(), found.describe_goal()) == ("79.9 %", "80 %: missed")
    assert found.list_reasons() == ("the change is unknown: there is no release yet",)


def test_a_goal_without_coverage_is_not_reached() -> None:
    found = row(UnknownCoverage("its tests wrote no coverage"), goal=80, before=lines(1, 1))
    assert (found.describe_lines(), found.describe_change()) == ("unknown", "unknown")
    assert found.describe_goal() == "80 %: unknown"
    assert found.list_reasons() == ("its tests wrote no coverage",)


def test_what_does_not_count_does_not_count_in_the_release_before_either() -> None:
    def both(covered: int, missed: int) -> Coverage:
        vendored = lines(0, 100, "nova/openstack/common/log.py")
        return Coverage({**lines(covered, missed).files, **vendored.files})

    found = row(both(3, 1), before=both(1, 1), omit=("*/openstack/common/*",))
    assert (found.describe_lines(), found.describe_change()) == ("75.0 %", "+25.0")


def test_missed_goals_are_those_missed_or_unknown_and_rows_are_sorted() -> None:
    components = [
        MeasuredComponent(name, "a" * 40, coverage, (), goal, None, UnknownCoverage("-"))
        for name, coverage, goal in (
            ("d", lines(1, 1), None),
            ("c", UnknownCoverage("-"), Fraction(1)),
            ("b", lines(1, 1), Fraction(51)),
            ("a", lines(1, 1), Fraction(50)),
        )
    ]
    table = make_coverage_table(components, None)
    assert [found.component for found in table.rows] == ["a", "b", "c", "d"]
    assert [found.component for found in table.missed_goals] == ["b", "c"]


def test_a_goal_is_shown_as_it_was_written() -> None:
    assert [format_percentage(Fraction(text)) for text in ("80", "82.5")] == ["80 %", "82.5 %"]
