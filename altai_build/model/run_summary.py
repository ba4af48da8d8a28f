"""The end of a run in one screen: what happened, what failed and why, where the logs are."""

from __future__ import annotations

from collections.abc import Sequence

from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus
from altai_build.model.quantity import format_count
from altai_build.model.task_view import format_elapsed, name_some

# On a screen: failures that are described, and the lines that they have together.
_MOST_FAILURES = 6
_FAILURE_LINES = 14


def list_failed(rows: Sequence[BuildResult]) -> list[BuildResult]:
    """The rows of components that failed themselves."""
    return [row for row in rows if row.status is ComponentStatus.FAILED]


def describe_failures(rows: Sequence[BuildResult], *, brief: bool) -> list[str]:
    """A text for each component that failed: its cause and its log. A `brief` one leaves out what fills no screen."""
    failed = list_failed(rows)
    shown = failed[:_MOST_FAILURES] if brief and len(failed) > _MOST_FAILURES + 1 else failed
    most = max(1, _FAILURE_LINES // max(1, len(shown)) - 1) if brief else None
    texts = []
    for row in shown:
        causes = row.describe_failure().split("\n")[:most]
        log = [f"log: {row.log}"] if row.log else []
        texts.append("\n  ".join((f"{row.component}: {causes[0]}", *causes[1:], *log)))
    if len(shown) < len(failed):
        texts.append(
            f"{len(failed) - len(shown)} more failed: {name_some(_names(failed[len(shown) :]), most=8)}"
        )
    return texts


def describe_blocked(rows: Sequence[BuildResult]) -> list[str]:
    """A line for each reason why components were not built."""
    reasons: dict[str, list[BuildResult]] = {}
    for row in rows:
        if row.status is ComponentStatus.BLOCKED:
            reasons.setdefault(row.reason.split("\n")[0], []).append(row)
    return [f"blocked: {name_some(_names(blocked), most=8)}: {reason}" for reason, blocked in reasons.items()]


def describe_rest(rows: Sequence[BuildResult], seconds: float) -> list[str]:
    """A line for each reason why components were not built, and one with the counts."""
    statuses = [row.status for row in rows]
    counts = [f"{statuses.count(status)} {status.value}" for status in ComponentStatus if status in statuses]
    total = f"{format_count(len(rows), 'component')} in {format_elapsed(seconds)}: {', '.join(counts)}"
    return [*describe_blocked(rows), total]


def _names(rows: Sequence[BuildResult]) -> list[str]:
    return [row.component for row in rows]
