"""What a coverage report says of each file, collected within limits: a test suite can write anything into it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from altai_build.model.coverage import FileCoverage, LineBranches, merge_files

# Of one report. A component of a million lines is larger than any in Altai by ten times.
MAX_FILES = 100_000
MAX_LINES = 4_000_000
MAX_LINE_NUMBER = 10_000_000
MAX_BRANCHES = 4_000_000
MAX_NAME = 4_096  # characters of a path
_COUNT = re.compile(r"-?\d{1,40}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,3})?")


@dataclass
class MeasuredFile:
    """The lines of one file: whether each ran; and its branches by line and name: whether each ran."""

    lines: dict[int, bool] = field(default_factory=dict)
    named: dict[int, dict[str, bool]] = field(default_factory=dict)
    # Of reports that only count them.
    counted: dict[int, LineBranches] = field(default_factory=dict)


@dataclass
class MeasuredReport:
    """The files of a report by their names in it. Its methods raise ValueError for what exceeds a limit."""

    files: dict[str, MeasuredFile] = field(default_factory=dict)
    # Folders that the names may be relative to, as the report says.
    folders: list[str] = field(default_factory=list)
    lines: int = 0
    branches: int = 0

    def open_file(self, name: str) -> MeasuredFile:
        """The file of this name, a new one if there is none yet."""
        file = self.files.get(name)
        if file is None:
            if not name or len(name) > MAX_NAME or "\0" in name:
                raise ValueError(f"{name[:100]!r} is no name of a file")
            if len(self.files) == MAX_FILES:
                raise ValueError(f"it names more than {MAX_FILES} files")
            file = self.files[name] = MeasuredFile()
        return file

    def add_line(self, file: MeasuredFile, number: int, ran: bool) -> None:
        """A line of a file. Compilers have code without a place at line 0, which no file has."""
        if not 0 <= number <= MAX_LINE_NUMBER:
            raise ValueError(f"there is no line {number}")
        if number == 0:
            return
        known = file.lines.get(number)
        if known is None:
            self.lines += 1
            if self.lines > MAX_LINES:
                raise ValueError(f"it has more than {MAX_LINES} lines")
        file.lines[number] = ran or bool(known)

    def add_branch(self, file: MeasuredFile, number: int, name: str, ran: bool) -> None:
        """One branch that leaves a line."""
        names = file.named.setdefault(number, {})
        if name not in names:
            self._count_branches(1)
        names[name] = ran or names.get(name, False)

    def add_counted_branches(self, file: MeasuredFile, number: int, line: LineBranches) -> None:
        """The branches that leave a line, of which a report gives the number."""
        known = file.counted.get(number)
        if known is None:
            self._count_branches(line.valid)
            file.counted[number] = line
        else:
            # Some reports have a line twice, in its function and in its class.
            both = merge_files(
                FileCoverage(frozenset(), frozenset(), {number: known}),
                FileCoverage(frozenset(), frozenset(), {number: line}),
            )
            file.counted[number] = (both.branches or {})[number]

    def _count_branches(self, count: int) -> None:
        self.branches += count
        if self.branches > MAX_BRANCHES:
            raise ValueError(f"it has more than {MAX_BRANCHES} branches")

    def make_file_coverage(self, file: MeasuredFile) -> FileCoverage:
        """One file of the finished report; a report without any branch did not measure them."""
        covered = frozenset(number for number, ran in file.lines.items() if ran)
        branches = None
        if self.branches:
            branches = dict(file.counted)
            for number, names in file.named.items():
                missed = frozenset(name for name, ran in names.items() if not ran)
                branches[number] = LineBranches(len(names), len(missed), missed)
        return FileCoverage(covered, frozenset(file.lines) - covered, branches)


def parse_line_number(text: str) -> int:
    """A line number. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ValueError(f"{text[:100]!r} is no line number")
    return int(text)


def parse_count(text: str) -> float:
    """How often something ran. Raises ValueError.

    Some tools write large counts with a fraction or exponent; gcov has negative ones where threads ran.
    """
    if not (text.isascii() and _COUNT.fullmatch(text)):
        raise ValueError(f"{text[:100]!r} is no number of runs")
    return float(text)
