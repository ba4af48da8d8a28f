"""The coverage of the components of one run, with the change since the release before and the goal of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from altai_build.model.coverage import (
    AnyChange,
    AnyCoverage,
    Coverage,
    CoverageChange,
    EarlierState,
    Ratio,
    UnknownChange,
    UnknownCoverage,
    compare_coverage,
    format_points,
)


class GoalStatus(str, Enum):
    """Whether a component reaches its goal."""

    NONE = "no goal"
    REACHED = "reached"
    MISSED = "missed"
    UNKNOWN = "unknown"  # there is a goal and no coverage


@dataclass(frozen=True)
class MeasuredComponent:
    """What was measured of a component at a commit, all its files; what does not count, and what it should reach.

    `goal` is a percentage of its lines; `before` is the coverage at the commit that `since` pins, which is None where
    there is nothing to compare with.
    """

    component: str
    commit: str
    coverage: AnyCoverage
    omit: tuple[str, ...]
    goal: Fraction | None
    since: EarlierState | None
    before: AnyCoverage
    note: str = ""  # why it is compared with something else than the others


@dataclass(frozen=True)
class CoverageRow:
    """One component in the table; `coverage` is without the files that do not count."""

    component: str
    commit: str
    coverage: AnyCoverage
    goal: Fraction | None
    change: AnyChange | None  # None where there is no coverage that could have changed
    note: str = ""  # why it is compared with something else than the others

    @property
    def lines(self) -> Ratio | None:
        """Its lines; None: they are not known."""
        return self.coverage.lines if isinstance(self.coverage, Coverage) else None

    @property
    def branches(self) -> Ratio | None:
        """Its branches; None: they are not known."""
        return self.coverage.branches if isinstance(self.coverage, Coverage) else None

    @property
    def goal_status(self) -> GoalStatus:
        """Whether it reaches its goal; by its exact coverage, not by the rounded one."""
        if self.goal is None:
            return GoalStatus.NONE
        if self.lines is None:
            return GoalStatus.UNKNOWN
        return GoalStatus.REACHED if self.lines.reaches(self.goal) else GoalStatus.MISSED

    def describe_lines(self) -> str:
        """Lines for people; why they are not known."""
        return self.lines.format() if self.lines is not None else "unknown"

    def describe_branches(self) -> str:
        """Branches for people."""
        return self.branches.format() if self.branches is not None else "not measured"

    def describe_change(self) -> str:
        """The change of lines and branches in percentage points: `+1.2 (branches -0.3)`."""
        if not isinstance(self.change, CoverageChange):
            return "unknown"
        branches = self.change.branches
        return format_points(self.change.lines) + (
            f" (branches {format_points(branches)})" if branches is not None else ""
        )

    def describe_goal(self) -> str:
        """The goal and whether it is reached: `80 %: missed`."""
        if self.goal is None:
            return "none"
        return f"{format_percentage(self.goal)}: {self.goal_status.value}"

    def list_reasons(self) -> tuple[str, ...]:
        """Why something of it is unknown, or compared with something else than the others."""
        reasons = []
        if isinstance(self.coverage, UnknownCoverage):
            reasons.append(self.coverage.reason)
        elif self.change is not None and not isinstance(self.change, CoverageChange):
            reasons.append(f"the change is unknown: {self.change.reason}")
        elif self.note:
            reasons.append(self.note)
        return tuple(reasons)


@dataclass(frozen=True)
class CoverageTable:
    """The rows, sorted by component; `since` is what they are compared with if they can be, None: there is nothing."""

    rows: tuple[CoverageRow, ...]
    since: EarlierState | None

    def find(self, component: str) -> CoverageRow | None:
        """The row of a component; None: it is not in the table."""
        return next((row for row in self.rows if row.component == component), None)

    @property
    def missed_goals(self) -> tuple[CoverageRow, ...]:
        """The components that do not reach their goal, or of which that is not known."""
        return tuple(row for row in self.rows if row.goal_status in (GoalStatus.MISSED, GoalStatus.UNKNOWN))


NO_COVERAGE = CoverageTable((), None)


def make_coverage_table(components: Sequence[MeasuredComponent], since: EarlierState | None) -> CoverageTable:
    """Decide what the table shows."""
    rows = (_make_row(component) for component in components)
    return CoverageTable(tuple(sorted(rows, key=lambda row: row.component)), since)


def format_percentage(percentage: Fraction) -> str:
    """A goal as it was written: `80 %`, `82.5 %`."""
    return f"{float(percentage):g} %"


def _make_row(measured: MeasuredComponent) -> CoverageRow:
    coverage, before = _omit(measured.coverage, measured.omit), _omit(measured.before, measured.omit)
    return CoverageRow(
        component=measured.component,
        commit=measured.commit,
        coverage=coverage,
        goal=measured.goal,
        change=_compare(coverage, before, measured.since) if isinstance(coverage, Coverage) else None,
        note=measured.note,
    )


def _compare(coverage: Coverage, before: AnyCoverage, since: EarlierState | None) -> AnyChange:
    if since is not None:
        return compare_coverage(coverage, before, since)
    return UnknownChange(before.reason if isinstance(before, UnknownCoverage) else "")


def _omit(coverage: AnyCoverage, patterns: Sequence[str]) -> AnyCoverage:
    return coverage.without(patterns) if isinstance(coverage, Coverage) else coverage
