"""How scenarios and findings of upgrades are summed up."""

from __future__ import annotations

import pytest

from altai_build.model.findings import Finding, Severity
from altai_build.model.upgrade import Scenario, ScenarioKind, UpgradeOutcome, UpgradeReport, merge_findings


def scenario(release: str, outcome: UpgradeOutcome) -> Scenario:
    return Scenario(release=release, kind=ScenarioKind.ALL, name="", installed=1, outcome=outcome)


def finding(subject: str, severity: Severity, *scenarios: str, release: str = "1") -> Finding:
    return Finding(
        rule="downgrade",
        severity=severity,
        subject=subject,
        message="m",
        upgrade_from=release,
        scenarios=scenarios,
    )


def report(*scenarios: Scenario, findings: tuple[Finding, ...] = ()) -> UpgradeReport:
    return UpgradeReport(release="2", releases=("0", "1"), scenarios=scenarios, findings=findings)


OK, SYNC, NONE, FAILED = (
    UpgradeOutcome.OK,
    UpgradeOutcome.DISTRO_SYNC,
    UpgradeOutcome.NOT_INSTALLABLE,
    UpgradeOutcome.FAILED,
)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], NONE),
        ([NONE], NONE),
        ([NONE, OK], OK),
        ([OK, SYNC, NONE], SYNC),
        ([OK, FAILED, SYNC], FAILED),
    ],
)
def test_the_outcome_of_a_release_is_the_worst_of_its_scenarios(
    outcomes: list[UpgradeOutcome], expected: UpgradeOutcome
) -> None:
    other = scenario("0", FAILED)
    assert report(other, *(scenario("1", outcome) for outcome in outcomes)).outcome("1") is expected


def test_an_error_fails_the_release_that_it_is_about() -> None:
    found = report(
        scenario("0", OK),
        scenario("1", OK),
        findings=(finding("a", Severity.ERROR), finding("b", Severity.NOTE)),
    )
    assert (found.outcome("0"), found.outcome("1"), found.is_ok) == (OK, FAILED, False)
    assert report(scenario("1", OK), findings=(finding("b", Severity.WARNING),)).is_ok


def test_a_finding_of_several_scenarios_is_reported_once_the_worst_first() -> None:
    merged = merge_findings(
        [
            finding("b", Severity.NOTE, "all"),
            finding("a", Severity.ERROR, "all"),
            finding("b", Severity.NOTE, "alone b"),
            finding("a", Severity.ERROR, "all"),
            finding("a", Severity.ERROR, "all", release="0"),
        ]
    )
    assert merged == (
        finding("a", Severity.ERROR, "all"),
        finding("a", Severity.ERROR, "all", release="0"),
        finding("b", Severity.NOTE, "all", "alone b"),
    )
