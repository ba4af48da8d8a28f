"""The table of coverage as text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from altai_build.cli import markdown
from altai_build.model.coverage_table import CoverageRow, CoverageTable, GoalStatus

HEADERS = ("lines", "branches", "change", "goal")


def list_cells(row: CoverageRow | None) -> tuple[str, ...]:
    """The cells of one component, in the order of HEADERS; None: it has no suite."""
    if row is None:
        return ("-",) * len(HEADERS)
    return (
        row.describe_lines(),
        row.describe_branches() if row.lines is not None else "unknown",
        row.describe_change(),
        row.describe_goal(),
    )


def list_notes(table: CoverageTable) -> Iterator[str]:
    """Why something in the table is unknown, a sentence for each component and reason."""
    for row in table.rows:
        for reason in row.list_reasons():
            yield f"{row.component}: {reason}"


def format_coverage(table: CoverageTable, *, level: int = 2) -> Iterator[str]:
    """The table as lines of Markdown, with a heading; nothing where there is no component."""
    if not table.rows:
        return
    yield from markdown.section("Coverage", level=level)
    if table.since is not None:
        yield f"The change is in percentage points since {markdown.escape(str(table.since))}."
        yield ""
    rows = []
    for row in table.rows:
        *others, goal = list_cells(row)
        is_bad = row.goal_status in (GoalStatus.MISSED, GoalStatus.UNKNOWN)
        rows.append([markdown.code(row.component), *others, f"**{goal}**" if is_bad else goal])
    yield from markdown.table(("component", *HEADERS), rows)
    notes = list(list_notes(table))
    if notes:
        yield ""
        yield from (f"- {markdown.escape(note)}" for note in notes)
