"""The way back from a released package to the commit that it is a function of, link by link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from altai_build.model.findings import Finding, Severity

TRACE_RULE = "deep"  # the rule that findings on links have


class TraceStepKind(str, Enum):
    """What each link shows, in the order in which one goes back."""

    SIGNATURE = "signature"  # the bytes are signed by the key of their repository
    HEADER = "header"  # the signed header names the commit
    SOURCE = "source"  # the source package it was built from is what the commit gives
    LOCK = "lock"  # third party: the lock in the superproject's commit names these bytes
    COMMIT = "commit"  # the component's repository has the commit
    GITLINK = "gitlink"  # the superproject's commit pins it
    SUPERPROJECT = "superproject"  # a branch or tag of the superproject contains its commit


class TraceStatus(str, Enum):
    """Whether a link holds: it does; what would show it is not to be had; or what is there says otherwise."""

    PROVED = "proved"
    UNPROVED = "not proved"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True)
class TraceStep:
    """One step of one package's way back; `subject` is repository/file, or the release for what all share."""

    subject: str
    kind: TraceStepKind
    state: TraceStatus
    detail: str


_SEVERITIES = {TraceStatus.UNPROVED: Severity.WARNING, TraceStatus.CONTRADICTED: Severity.ERROR}
_FIXES = {
    TraceStatus.UNPROVED: "make what the message names available, and rerun `altai-build verify --deep`",
    TraceStatus.CONTRADICTED: "do not install the package; restore it from another copy, or build it again and release",
}


def list_trace_findings(links: Sequence[TraceStep]) -> list[Finding]:
    """A finding for each link that does not hold: a warning where it could not be shown, an error where it is wrong."""
    return [
        Finding(
            rule=TRACE_RULE,
            severity=_SEVERITIES[link.state],
            subject=link.subject,
            message=f"{link.kind.value}: {link.detail}",
            fix=_FIXES[link.state],
        )
        for link in links
        if link.state is not TraceStatus.PROVED
    ]


def count_proved_steps(links: Sequence[TraceStep]) -> dict[str, tuple[int, int]]:
    """Kind of link → (how many are proved, how many there are)."""
    return {
        kind.value: (sum(one.state is TraceStatus.PROVED for one in here), len(here))
        for kind in TraceStepKind
        if (here := [one for one in links if one.kind is kind])
    }
