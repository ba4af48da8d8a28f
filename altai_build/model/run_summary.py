"""The end of a run in one screen: what happened, what failed and why, where the logs are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus, name_component
from altai_build.model.quantity import format_count
from altai_build.model.task_view import format_elapsed, name_some

# On a screen: failures that are described, and the lines that they have together.
_MOST_FAILURES = 6
_FAILURE_LINES = 14


@dataclass(frozen=True)
class Failure:
    """What failed in a run: its name, the reason and what its log says besides, where that log is ("": nowhere)."""

    name: str
    why: tuple[str, ...]
    log: str = ""


def list_failed(rows: Sequence[BuildResult]) -> list[BuildResult]:
    """The rows of components that failed themselves."""
    return [row for row in rows if row.status is ComponentStatus.FAILED]


def list_failures(rows: Sequence[BuildResult]) -> list[Failure]:
    """Why components failed, with the logs in the workspace."""
    return [
        Failure(row.component, tuple(row.describe_failure().split("\n")), str(row.log or ""))
        for row in list_failed(rows)
    ]


def describe_failures(failures: Sequence[Failure], *, brief: bool) -> list[str]:
    """A text for each failure: its cause and its log. `brief` texts together are no longer than a screen."""
    shown = failures[:_MOST_FAILURES] if brief and len(failures) > _MOST_FAILURES + 1 else failures
    most = max(1, _FAILURE_LINES // max(1, len(shown)) - 1) if brief else None
    texts = []
    for failure in shown:
        first, *others = failure.why[:most]
        log = [f"log: {failure.log}"] if failure.log else []
        texts.append("\n  ".join((name_component(failure.name, first), *others, *log)))
    rest = [failure.name for failure in failures[len(shown) :]]
    if rest:
        texts.append(f"{len(rest)} more failed: {name_some(rest, most=8)}")
    return texts


def describe_blocked(rows: Sequence[BuildResult]) -> list[str]:
    """A line for each reason why components were not built."""
    reasons: dict[str, list[BuildResult]] = {}
    for row in rows:
        if row.status is ComponentStatus.BLOCKED:
            reasons.setdefault(row.reason.split("\n")[0], []).append(row)
    return [f"blocked: {name_some(_names(blocked), most=8)}: {reason}" for reason, blocked in reasons.items()]


def describe_counts(rows: Sequence[BuildResult]) -> str:
    """How many components ended how."""
    statuses = [row.status for row in rows]
    return ", ".join(
        f"{statuses.count(status)} {status.value}" for status in ComponentStatus if status in statuses
    )


def describe_rest(rows: Sequence[BuildResult], seconds: float) -> list[str]:
    """A line for each reason why components were not built, and one with the counts."""
    total = f"{format_count(len(rows), 'component')} in {format_elapsed(seconds)}: {describe_counts(rows)}"
    return [*describe_blocked(rows), total]


def _names(rows: Sequence[BuildResult]) -> list[str]:
    return [row.component for row in rows]
