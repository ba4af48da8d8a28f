"""The table of upgrades in the page: a row for each earlier release."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from altai_build.model.findings import Finding
from altai_build.model.upgrade import Scenario, ScenarioKind, UpgradeOutcome, UpgradeReport


@dataclass(frozen=True)
class UpgradeRow:
    """The upgrades from one earlier release; `cells` are those of the scenarios in the head of the table."""

    release: str
    outcome: UpgradeOutcome
    cells: tuple[str, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class UpgradeTable:
    """All upgrades to a release, the newest release first; `findings` are about the release itself."""

    scenarios: tuple[str, ...]
    rows: tuple[UpgradeRow, ...]
    findings: tuple[Finding, ...]


def make_upgrade_table(report: UpgradeReport) -> UpgradeTable:
    """The table of a report."""
    profiles = dict.fromkeys(
        scenario.name for scenario in report.scenarios if scenario.kind is ScenarioKind.PROFILE
    )
    groups = [
        ("all packages", ScenarioKind.ALL, ""),
        ("each package alone", ScenarioKind.SINGLE_PACKAGE, None),
    ]
    groups += [(f"profile {name}", ScenarioKind.PROFILE, name) for name in profiles]
    named = dict.fromkeys(finding.upgrade_from for finding in report.findings if finding.upgrade_from)
    # A release that could not be read has findings and no scenario.
    releases = [*(name for name in named if name not in report.releases), *report.releases]
    rows = [
        UpgradeRow(
            release=release,
            outcome=report.outcome(release),
            cells=tuple(
                ", ".join(_count(_select(report.scenarios, release, kind, name))) for _, kind, name in groups
            ),
            findings=tuple(finding for finding in report.findings if finding.upgrade_from == release),
        )
        for release in reversed(releases)
    ]
    return UpgradeTable(
        scenarios=tuple(title for title, _, _ in groups),
        rows=tuple(rows),
        findings=tuple(finding for finding in report.findings if not finding.upgrade_from),
    )


def _select(
    scenarios: Sequence[Scenario], release: str, kind: ScenarioKind, name: str | None
) -> list[UpgradeOutcome]:
    return [
        scenario.outcome
        for scenario in scenarios
        if scenario.release == release and scenario.kind is kind and name in (None, scenario.name)
    ]


def _count(outcomes: Sequence[UpgradeOutcome]) -> Iterator[str]:
    for outcome in UpgradeOutcome:
        count = outcomes.count(outcome)
        if count:
            yield outcome.value if len(outcomes) == 1 else f"{count} {outcome.value}"
