"""Which lines and branches of a component's files its tests ran: per file, merged, in total, and compared."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Union


@dataclass(frozen=True)
class Ratio:
    """How many there are, and how many of them ran. 0 of 0 is neither 0 % nor 100 %."""

    covered: int
    valid: int

    @property
    def percent(self) -> Fraction | None:
        """Percent, exactly; None where there is nothing that could run."""
        return Fraction(100 * self.covered, self.valid) if self.valid else None

    def format(self) -> str:
        """`83.3 %`, rounded down: `100.0 %` only where nothing is missed. `0.1 %` at least where anything ran."""
        if not self.valid:
            return "nothing to cover"
        tenths = 1000 * self.covered // self.valid
        return f"{max(tenths, 1 if self.covered else 0) / 10:.1f} %"

    def reaches(self, goal: Fraction) -> bool:
        """Whether it is at least `goal` percent, by the exact value; nothing reaches no goal."""
        return self.percent is not None and self.percent >= goal


@dataclass(frozen=True)
class LineBranches:
    """The branches that leave one line. `names` are those of the missed ones, where the report names each of them."""

    valid: int
    missed: int
    names: frozenset[str] = frozenset()

    @property
    def is_named(self) -> bool:
        """Whether it is known which branches are missed, and not only how many."""
        return len(self.names) == self.missed


@dataclass(frozen=True)
class FileCoverage:
    """Lines that ran, lines that could have run and did not, and branches by line; None: branches were not measured."""

    covered: frozenset[int]
    missed: frozenset[int]
    branches: Mapping[int, LineBranches] | None = None

    @property
    def lines(self) -> Ratio:
        """The lines of the file."""
        return Ratio(len(self.covered), len(self.covered) + len(self.missed))

    @property
    def branch_ratio(self) -> Ratio | None:
        """The branches of the file; None: they were not measured."""
        if self.branches is None:
            return None
        valid = sum(line.valid for line in self.branches.values())
        return Ratio(valid - sum(line.missed for line in self.branches.values()), valid)


@dataclass(frozen=True)
class Coverage:
    """The coverage of a component, by path of the file in it."""

    files: Mapping[str, FileCoverage]

    @property
    def lines(self) -> Ratio:
        """The lines of all files."""
        return _add_up(file.lines for file in self.files.values())

    @property
    def branches(self) -> Ratio | None:
        """The branches of all files; None where those of any file were not measured: their number is unknown."""
        ratios = [file.branch_ratio for file in self.files.values()]
        known = [ratio for ratio in ratios if ratio is not None]
        return _add_up(known) if known and len(known) == len(ratios) else None

    def without(self, patterns: Iterable[str]) -> Coverage:
        """The coverage without the files that a pattern matches, such as `*/openstack/common/*`.

        As in coverage.py's `omit`, `*` matches `/` too, and the top of the component counts as a folder before it.
        """
        expression = "|".join(fnmatch.translate(pattern) for pattern in patterns)
        if not expression:
            return self
        matches = re.compile(expression).match
        return Coverage(
            {path: file for path, file in self.files.items() if not (matches(path) or matches(f"/{path}"))}
        )


@dataclass(frozen=True)
class UnknownCoverage:
    """There is no coverage, for a reason."""

    reason: str


@dataclass(frozen=True)
class EarlierState:
    """What coverage is compared with: a release, by its version, or a commit of the superproject."""

    release: str | None = None
    commit: str | None = None

    def __str__(self) -> str:
        return f"release {self.release}" if self.release is not None else f"commit {(self.commit or '')[:12]}"


@dataclass(frozen=True)
class CoverageChange:
    """By how many percentage points coverage rose since then, exactly; branches None: unknown on one side."""

    since: EarlierState
    lines: Fraction
    branches: Fraction | None


@dataclass(frozen=True)
class UnknownChange:
    """The change cannot be known, for a reason."""

    reason: str


AnyCoverage = Union[Coverage, UnknownCoverage]
AnyChange = Union[CoverageChange, UnknownChange]


def merge_coverage(first: Coverage, second: Coverage) -> Coverage:
    """What either of two runs on the same files ran."""
    files = dict(first.files)
    for path, file in second.files.items():
        files[path] = merge_files(files[path], file) if path in files else file
    return Coverage(files)


def merge_files(first: FileCoverage, second: FileCoverage) -> FileCoverage:
    """What either of two runs ran of one file. Where one did not measure branches, those of the other count."""
    covered = first.covered | second.covered
    branches = dict(first.branches or {})
    for number, line in (second.branches or {}).items():
        branches[number] = _merge_branches(branches[number], line) if number in branches else line
    return FileCoverage(
        covered=covered,
        missed=(first.missed | second.missed) - covered,
        branches=None if first.branches is None and second.branches is None else branches,
    )


def _merge_branches(first: LineBranches, second: LineBranches) -> LineBranches:
    """Where it is not known which branches each run missed, the merged number is the least that is certain."""
    if first.valid != second.valid:
        return max(first, second, key=lambda line: line.valid)
    if first.is_named and second.is_named:
        names = first.names & second.names
        return LineBranches(first.valid, len(names), names)
    return LineBranches(first.valid, min(first.missed, second.missed))


def compare_coverage(now: Coverage, before: AnyCoverage, since: EarlierState) -> AnyChange:
    """The change since then."""
    if isinstance(before, UnknownCoverage):
        return UnknownChange(before.reason)
    new, old = now.lines.percent, before.lines.percent
    if new is None or old is None:
        return UnknownChange("there is nothing to cover" + ("" if new is None else f" in {since}"))
    branches = None
    if now.branches is not None and before.branches is not None:
        new_branches, old_branches = now.branches.percent, before.branches.percent
        if new_branches is not None and old_branches is not None:
            branches = new_branches - old_branches
    return CoverageChange(since, new - old, branches)


def format_points(change: Fraction) -> str:
    """Percentage points with their sign: `+1.2`, `-0.3`, `0.0`; a change is at least 0.1."""
    if not change:
        return "0.0"
    return f"{'+' if change > 0 else '-'}{max(round(abs(change) * 10), 1) / 10:.1f}"


def format_lines(numbers: Iterable[int]) -> str:
    """Line numbers as ranges: `3, 7-9`."""
    return ", ".join(
        f"{first}-{last}" if last > first else str(first) for first, last in find_ranges(numbers)
    )


def find_ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Consecutive numbers as (first, last)."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = ranges[-1][0], number
        else:
            ranges.append((number, number))
    return ranges


def _add_up(ratios: Iterable[Ratio]) -> Ratio:
    covered = valid = 0
    for ratio in ratios:
        covered += ratio.covered
        valid += ratio.valid
    return Ratio(covered, valid)
