"""Steps that are not proved are findings: warnings without evidence, errors against it."""

from __future__ import annotations

from altai_build.model.findings import Severity
from altai_build.model.trace import (
    TraceStatus,
    TraceStep,
    TraceStepKind,
    count_proved_steps,
    list_trace_findings,
)

STEPS = [
    TraceStep(subject=subject, kind=kind, status=status, detail="because")
    for subject, kind, status in (
        ("a.rpm", TraceStepKind.COMMIT, TraceStatus.UNPROVED),
        ("a.rpm", TraceStepKind.SIGNATURE, TraceStatus.PROVED),
        ("b.rpm", TraceStepKind.SIGNATURE, TraceStatus.CONTRADICTED),
    )
]


def test_steps_that_are_not_proved_are_findings() -> None:
    findings = list_trace_findings(STEPS)
    assert [(found.rule, found.severity, found.subject, found.message) for found in findings] == [
        ("deep", Severity.WARNING, "a.rpm", "commit: because"),
        ("deep", Severity.ERROR, "b.rpm", "signature: because"),
    ]
    assert all(found.fix for found in findings)


def test_steps_are_counted_by_kind_in_the_order_of_the_trace() -> None:
    assert list(count_proved_steps(STEPS).items()) == [("signature", (1, 2)), ("commit", (0, 1))]
