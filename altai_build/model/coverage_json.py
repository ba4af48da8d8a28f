"""The coverage of a component as JSON: for the workspace, and for files that jobs hand on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from altai_build.model.coverage import Coverage, FileCoverage, LineBranches, find_ranges

# A file with larger numbers is not one that this program wrote.
_MAX_LINE = 10_000_000
_MAX_LINES = 4_000_000  # of one component
_RANGE = re.compile(r"(\d{1,8})(?:-(\d{1,8}))?")
_MAX_COUNT = 10_000_000


def coverage_to_json(coverage: Coverage) -> dict[str, Any]:
    """Path → lines that ran and that did not, as ranges (`3,7-9`), and branches by line; null: not measured."""
    return {
        path: {
            "covered": _write_ranges(file.covered),
            "missed": _write_ranges(file.missed),
            "branches": None
            if file.branches is None
            else {
                str(number): {
                    "valid": line.valid,
                    "missed": line.missed,
                    **({"names": sorted(line.names)} if line.names else {}),
                }
                for number, line in sorted(file.branches.items())
            },
        }
        for path, file in sorted(coverage.files.items())
    }


def coverage_from_json(document: object) -> Coverage:
    """The coverage that `coverage_to_json` wrote. Raises ValueError for anything else."""
    if not isinstance(document, dict):
        raise ValueError("the files are no object")
    budget = _MAX_LINES
    files = {}
    for path, entry in document.items():
        try:
            file = _read_file(entry, budget)
        except ValueError as error:
            raise ValueError(f"{path[:200]!r}: {error}") from error
        budget -= file.lines.valid
        files[path] = file
    return Coverage(files)


def _read_file(entry: object, budget: int) -> FileCoverage:
    if not isinstance(entry, dict) or not {"covered", "missed", "branches"} <= set(entry):
        raise ValueError("it does not have covered, missed and branches")
    covered = _read_ranges(entry["covered"], budget)
    missed = _read_ranges(entry["missed"], budget - len(covered))
    if covered & missed:
        raise ValueError("a line is both covered and missed")
    branches = entry["branches"]
    return FileCoverage(covered, missed, None if branches is None else dict(_read_branches(branches)))


def _read_branches(branches: object) -> Iterable[tuple[int, LineBranches]]:
    if not isinstance(branches, dict):
        raise ValueError("its branches are no object")
    for number, line in branches.items():
        if not re.fullmatch(r"[0-9]{1,8}", number) or not isinstance(line, dict):
            raise ValueError(f"{number[:20]!r} is no line with branches")
        yield int(number), _read_line(line)


def _read_line(line: Mapping[str, object]) -> LineBranches:
    valid, missed, names = line.get("valid"), line.get("missed"), line.get("names", [])
    if not _is_count(valid) or not _is_count(missed) or missed > valid:  # type: ignore[operator]
        raise ValueError(f"{missed!r} missed branches of {valid!r} are not possible")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("the names of branches are no list of texts")
    return LineBranches(int(valid), int(missed), frozenset(names))  # type: ignore[call-overload]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_COUNT


def _write_ranges(numbers: Iterable[int]) -> str:
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in find_ranges(numbers))


def _read_ranges(text: object, budget: int) -> frozenset[int]:
    if not isinstance(text, str):
        raise ValueError("its lines are no text")
    numbers: set[int] = set()
    for part in text.split(",") if text else ():
        match = _RANGE.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= _MAX_LINE:
            raise ValueError(f"{part[:50]!r} is no range of lines")
        if len(numbers) + last - first + 1 > budget:
            raise ValueError(f"it has more than {_MAX_LINES} lines")
        numbers.update(range(first, last + 1))
    return frozenset(numbers)
