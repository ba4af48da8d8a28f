"""The trace of a released package to the commit that it was made from, step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from altai_build.model.findings import Finding, Severity

TRACE_RULE = "deep"  # the rule of findings about steps


class TraceStepKind(str, Enum):
    """What a step proves, in the order of the trace."""

    SIGNATURE = "signature"  # the key of the repository signed the bytes
    HEADER = "header"  # the signed header names the commit
    SOURCE = "source"  # the commit gives the source package that the package was built from
    LOCK = "lock"  # mirrored packages: the lock in the superproject's commit lists these bytes
    COMMIT = "commit"  # the component's repository has the commit
    GITLINK = "gitlink"  # the superproject's commit pins it
    SUPERPROJECT = "superproject"  # a branch or tag of the superproject contains its commit


class TraceStatus(str, Enum):
    """Whether a step is proved, was looked at without a proof, could not be looked at, or is contradicted."""

    PROVED = "proved"
    UNPROVED = "not proved"
    # What would prove or contradict it is not here: a repository, a commit, a file.
    UNEXAMINED = "not examined"
    # What there is differs, as it would without any change to the package.
    INCOMPARABLE = "unknown"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True)
class TraceStep:
    """One step of a package's trace; `subject` is repository/file, or the release for the step that all share.

    `origin` is where the package comes from: the path of its component, or the repository that is mirrored.
    """

    subject: str
    kind: TraceStepKind
    status: TraceStatus
    detail: str
    origin: str = ""


# The steps of packages whose evidence is in git and in the lock, not in the release itself.
_OUTSIDE_EVIDENCE = (
    TraceStepKind.SOURCE,
    TraceStepKind.LOCK,
    TraceStepKind.COMMIT,
    TraceStepKind.GITLINK,
)
_SEVERITIES = {
    TraceStatus.UNPROVED: Severity.WARNING,
    TraceStatus.UNEXAMINED: Severity.ERROR,
    TraceStatus.INCOMPARABLE: Severity.WARNING,
    TraceStatus.CONTRADICTED: Severity.ERROR,
}
_AVAILABLE_FIX = "make what the finding names available, and rerun `altai-build verify --deep`"
_FIXES = {
    TraceStatus.UNPROVED: _AVAILABLE_FIX,
    TraceStatus.UNEXAMINED: f"{_AVAILABLE_FIX}; a waiver in repos.yaml accepts what is gone for good",
    TraceStatus.INCOMPARABLE: "this is no evidence against the package. To prove it, rerun `altai-build verify "
    "--deep` with what it was made with: that altai-build or rpm, or the repos.yaml of the release's commit",
    TraceStatus.CONTRADICTED: "do not install the package; restore it from another copy, or build and release again",
}


def list_trace_findings(release: str, steps: Sequence[TraceStep]) -> list[Finding]:
    """A finding for each step that is not proved: a warning where it was examined, an error against the evidence.

    What could not be examined is an error too, one for each origin and reason: a proof was asked for, and nobody
    looked. If no step is proved by evidence from outside the release, nothing is, and that is another error.
    """
    outside = [step for step in steps if step.kind in _OUTSIDE_EVIDENCE]
    findings = [
        _make_finding(step.status, step.subject, f"{step.kind.value}: {step.detail}")
        for step in steps
        if step.status not in (TraceStatus.PROVED, TraceStatus.UNEXAMINED)
    ]
    findings += _list_unexamined(release, steps)
    if outside and not any(step.status is TraceStatus.PROVED for step in outside):
        reasons = Counter(step.detail for step in outside)
        message = (
            f"nothing outside the release proves where its packages come from: 0 of {len(outside)} steps; "
            f"most often: {reasons.most_common(1)[0][0]}"
        )
        findings.append(_make_finding(TraceStatus.UNEXAMINED, release, message))
    return findings


def _list_unexamined(release: str, steps: Sequence[TraceStep]) -> Iterator[Finding]:
    """What could not be examined of each origin."""
    kinds: dict[tuple[str, str], set[TraceStepKind]] = {}
    for step in steps:
        if step.status is TraceStatus.UNEXAMINED:
            kinds.setdefault((step.origin or release, step.detail), set()).add(step.kind)
    for (origin, detail), missing in kinds.items():
        *first, last = (kind.value for kind in TraceStepKind if kind in missing)
        names = f"{', '.join(first)} and {last}" if first else last
        yield _make_finding(TraceStatus.UNEXAMINED, origin, f"{names} could not be examined: {detail}")


def _make_finding(status: TraceStatus, subject: str, message: str) -> Finding:
    return Finding(
        rule=TRACE_RULE, severity=_SEVERITIES[status], subject=subject, message=message, fix=_FIXES[status]
    )


def count_proved_steps(steps: Sequence[TraceStep]) -> dict[str, tuple[int, int]]:
    """Kind of step → (number of proved steps, number of steps), for the kinds that occur."""
    return {
        kind.value: (sum(step.status is TraceStatus.PROVED for step in of_kind), len(of_kind))
        for kind in TraceStepKind
        if (of_kind := [step for step in steps if step.kind is kind])
    }
