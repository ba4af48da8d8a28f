"""The trace of a released package to the commit that it was made from, step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
    """Whether a step is proved, cannot be proved for lack of evidence, or is contradicted by the evidence."""

    PROVED = "proved"
    UNPROVED = "not proved"
    # What there is differs, as it would without any change to the package.
    INCOMPARABLE = "unknown"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True)
class TraceStep:
    """One step of a package's trace; `subject` is repository/file, or the release for the step that all share."""

    subject: str
    kind: TraceStepKind
    status: TraceStatus
    detail: str


# The steps of packages whose evidence is in git and in the lock, not in the release itself.
_OUTSIDE_EVIDENCE = (
    TraceStepKind.SOURCE,
    TraceStepKind.LOCK,
    TraceStepKind.COMMIT,
    TraceStepKind.GITLINK,
)
_SEVERITIES = {
    TraceStatus.UNPROVED: Severity.WARNING,
    TraceStatus.INCOMPARABLE: Severity.WARNING,
    TraceStatus.CONTRADICTED: Severity.ERROR,
}
_FIXES = {
    TraceStatus.UNPROVED: "make what the finding names available, and rerun `altai-build verify --deep`",
    TraceStatus.INCOMPARABLE: "this is no evidence against the package. To prove it, rerun `altai-build verify "
    "--deep` with what it was made with: that altai-build or rpm, or the repos.yaml of the release's commit",
    TraceStatus.CONTRADICTED: "do not install the package; restore it from another copy, or build and release again",
}


def list_trace_findings(release: str, steps: Sequence[TraceStep]) -> list[Finding]:
    """A finding for each step that is not proved: a warning without evidence, an error against the evidence.

    If no step is proved by evidence from outside the release, nothing is, and that is an error too.
    """
    outside = [step for step in steps if step.kind in _OUTSIDE_EVIDENCE]
    findings = [
        Finding(
            rule=TRACE_RULE,
            severity=_SEVERITIES[step.status],
            subject=step.subject,
            message=f"{step.kind.value}: {step.detail}",
            fix=_FIXES[step.status],
        )
        for step in steps
        if step.status is not TraceStatus.PROVED
    ]
    if outside and not any(step.status is TraceStatus.PROVED for step in outside):
        reasons = Counter(step.detail for step in outside)
        findings.append(
            Finding(
                rule=TRACE_RULE,
                severity=Severity.ERROR,
                subject=release,
                message=f"nothing outside the release proves where its packages come from: 0 of {len(outside)} steps; "
                f"most often: {reasons.most_common(1)[0][0]}",
                fix=_FIXES[TraceStatus.UNPROVED],
            )
        )
    return findings


def count_proved_steps(steps: Sequence[TraceStep]) -> dict[str, tuple[int, int]]:
    """Kind of step → (number of proved steps, number of steps), for the kinds that occur."""
    return {
        kind.value: (sum(step.status is TraceStatus.PROVED for step in of_kind), len(of_kind))
        for kind in TraceStepKind
        if (of_kind := [step for step in steps if step.kind is kind])
    }
