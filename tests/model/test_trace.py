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


def step(subject: str, kind: TraceStepKind, status: TraceStatus, detail: str = "because") -> TraceStep:
    return TraceStep(subject=subject, kind=kind, status=status, detail=detail)


def test_steps_that_are_not_proved_are_findings() -> None:
    proved = step("b.rpm", TraceStepKind.COMMIT, TraceStatus.PROVED)
    findings = list_trace_findings("1.0", [*STEPS, proved])
    assert [(found.rule, found.severity, found.subject, found.message) for found in findings] == [
        ("deep", Severity.WARNING, "a.rpm", "commit: because"),
        ("deep", Severity.ERROR, "b.rpm", "signature: because"),
    ]
    assert all(found.fix for found in findings)


def test_what_cannot_be_compared_is_a_warning_and_no_advice_against_the_package() -> None:
    unknown = step("a.rpm", TraceStepKind.SOURCE, TraceStatus.INCOMPARABLE)
    (finding, _) = list_trace_findings("1.0", [unknown])
    assert (finding.severity, finding.message) == (Severity.WARNING, "source: because")
    assert finding.fix.startswith("this is no evidence against the package")


def test_a_trace_that_nothing_outside_the_release_proves_is_an_error() -> None:
    signed = step("a.rpm", TraceStepKind.SIGNATURE, TraceStatus.PROVED)
    superproject = step("1.0", TraceStepKind.SUPERPROJECT, TraceStatus.PROVED)
    unproved = [
        step("a.rpm", TraceStepKind.COMMIT, TraceStatus.UNPROVED, "no repository"),
        step("a.rpm", TraceStepKind.GITLINK, TraceStatus.UNPROVED, "no repository"),
        step("b.rpm", TraceStepKind.LOCK, TraceStatus.UNPROVED, "no lock"),
    ]
    *warnings, error = list_trace_findings("1.0", [signed, superproject, *unproved])
    assert {finding.severity for finding in warnings} == {Severity.WARNING}
    assert (error.severity, error.subject) == (Severity.ERROR, "1.0")
    assert error.message == (
        "nothing outside the release proves where its packages come from: 0 of 3 steps; most often: no repository"
    )
    assert list_trace_findings("1.0", [signed, superproject]) == []


def test_what_could_not_be_examined_is_an_error_for_each_component() -> None:
    """Of one component nobody looked, while everything of the others is proved: --deep asked for a proof of both."""
    reason = "commit abc is not available from https://example.org/nova"
    steps = [
        TraceStep(subject=subject, kind=kind, status=status, detail=detail, origin=origin)
        for origin, subject, kind, status, detail in (
            ("repos/nova", "nova.rpm", TraceStepKind.COMMIT, TraceStatus.UNEXAMINED, reason),
            ("repos/nova", "nova.rpm", TraceStepKind.SOURCE, TraceStatus.UNEXAMINED, reason),
            ("repos/nova", "nova-api.rpm", TraceStepKind.SOURCE, TraceStatus.UNEXAMINED, reason),
            ("repos/nova", "nova.rpm", TraceStepKind.GITLINK, TraceStatus.PROVED, "pinned"),
            ("repos/glance", "glance.rpm", TraceStepKind.COMMIT, TraceStatus.PROVED, "there"),
            ("deps/epel", "erlang.rpm", TraceStepKind.LOCK, TraceStatus.UNEXAMINED, "no lock"),
            ("", "1.0", TraceStepKind.SUPERPROJECT, TraceStatus.UNEXAMINED, "no clone"),
        )
    ]
    findings = list_trace_findings("1.0", steps)
    assert [(found.severity, found.subject, found.message) for found in findings] == [
        (Severity.ERROR, "repos/nova", f"source and commit could not be examined: {reason}"),
        (Severity.ERROR, "deps/epel", "lock could not be examined: no lock"),
        (Severity.ERROR, "1.0", "superproject could not be examined: no clone"),
    ]
    assert all("waiver" in found.fix for found in findings)


def test_steps_are_counted_by_kind_in_the_order_of_the_trace() -> None:
    assert list(count_proved_steps(STEPS).items()) == [("signature", (1, 2)), ("commit", (0, 1))]
