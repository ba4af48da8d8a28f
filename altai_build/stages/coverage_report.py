"""The coverage of a run's components as a page for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from altai_build.model.coverage import (
    Coverage,
    CoverageChange,
    EarlierState,
    Ratio,
    UnknownChange,
    format_lines,
)
from altai_build.model.coverage_json import coverage_to_json
from altai_build.model.coverage_table import CoverageRow, CoverageTable
from altai_build.tools.files import write_atomically
from altai_build.tools.html_page import render_page

# Characters of the numbers of missed lines of one file that the page shows.
_MOST_MISSED = 2_000


@dataclass(frozen=True)
class FileRow:
    """One file in the page; `missed` are the numbers of its missed lines, as ranges."""

    path: str
    lines: Ratio
    branches: Ratio | None
    missed: str


def write_coverage_page(path: Path, table: CoverageTable) -> None:
    """Write the page; it loads nothing from elsewhere. Raises InputError when it cannot be written."""
    files = {row.component: tuple(_list_files(row)) for row in table.rows}
    write_atomically(path, render_page("coverage", table=table, files=files))


def _list_files(row: CoverageRow) -> Iterator[FileRow]:
    """The files of a component, those with the most missed lines first."""
    if not isinstance(row.coverage, Coverage):
        return
    files = row.coverage.files.items()
    for path, file in sorted(files, key=lambda item: (-len(item[1].missed), item[0])):
        missed = format_lines(file.missed)
        if len(missed) > _MOST_MISSED:
            missed = f"{missed[:_MOST_MISSED].rpartition(',')[0]} and more"
        yield FileRow(path, file.lines, file.branch_ratio, missed)


def table_to_json(table: CoverageTable, *, with_files: bool) -> dict[str, Any]:
    """The table for programs; with the lines of each file it can be the baseline of a later job."""
    return {
        "since": _since_to_json(table.since),
        "components": [
            {
                "component": row.component,
                "commit": row.commit,
                **row_to_json(row),
                **({"files": _files_to_json(row)} if with_files else {}),
            }
            for row in table.rows
        ],
    }


def row_to_json(row: CoverageRow) -> dict[str, Any]:
    """One component for programs; null is what is not known, for the reasons."""
    return {
        "lines": _ratio_to_json(row.lines),
        "branches": _ratio_to_json(row.branches),
        "goal": _to_number(row.goal),
        "goal_status": row.goal_status.value,
        "change": _change_to_json(row),
        "reasons": list(row.list_reasons()),
    }


def _files_to_json(row: CoverageRow) -> dict[str, Any] | None:
    return coverage_to_json(row.coverage) if isinstance(row.coverage, Coverage) else None


def _ratio_to_json(ratio: Ratio | None) -> dict[str, object] | None:
    if ratio is None:
        return None
    return {"covered": ratio.covered, "valid": ratio.valid, "percent": _to_number(ratio.percent)}


def _change_to_json(row: CoverageRow) -> dict[str, object] | None:
    """Percentage points; None: not known."""
    if row.change is None or isinstance(row.change, UnknownChange):
        return None
    change: CoverageChange = row.change
    return {
        "since": _since_to_json(change.since),
        "lines": _to_number(change.lines),
        "branches": _to_number(change.branches),
    }


def _since_to_json(since: EarlierState | None) -> dict[str, str | None] | None:
    return {"release": since.release, "commit": since.commit} if since is not None else None


def _to_number(fraction: Fraction | None) -> float | None:
    """The nearest number; exact values differ by more than its error."""
    return float(fraction) if fraction is not None else None
