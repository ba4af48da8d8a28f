"""`upgrade-check`: can every earlier release be upgraded to exactly this one."""

from __future__ import annotations

from collections.abc import Sequence

import click

from altai_build.cli.app import App
from altai_build.cli.findings import SEE_FIXES, print_findings
from altai_build.cli.options import json_option
from altai_build.cli.output import print_json, print_table
from altai_build.model.findings import finding_to_json, refuse_errors
from altai_build.model.upgrade import Scenario, ScenarioKind, UpgradeOutcome, UpgradeReport


@click.command(name="upgrade-check")
@click.argument("versions", nargs=-1, required=True, metavar="[OLD]... NEW")
@json_option
@click.pass_obj
def upgrade_check(app: App, versions: tuple[str, ...], as_json: bool) -> None:
    """Check that updates from OLD end at exactly release NEW.

    Without OLD every earlier release is checked. The update is simulated for machines with all packages of OLD, with
    each of its packages alone, and with each of the `profiles` of repos.yaml. Dependencies are resolved over OLD, NEW
    and the operating system's repositories; nothing is installed. The exit code is 7 when an update ends anywhere else.

    \b
    Examples:
      altai-build upgrade-check 1.0.2
      altai-build upgrade-check 1.0.0 1.0.1 1.0.2 --json
    """
    from altai_build.pipeline.published.manifest_trust import open_reader
    from altai_build.pipeline.published.releases import find_release, list_releases_before, open_releases
    from altai_build.pipeline.published.upgrade import (
        check_upgrades,
        read_external_repositories,
    )

    run = app.create_reading_run(app.load_config())
    releases = open_releases(run.config, run.reporter.warn)
    *named, last = versions
    new = find_release(releases, last)
    old = [find_release(releases, version) for version in named]
    reader = open_reader(run.config, (), run.reporter.warn)
    if not named:
        old = list(list_releases_before(releases, reader.read(new).manifest.version))
    reader.read_all([new, *old])  # for its warnings
    report = check_upgrades(run, old, new, read_external_repositories(run))
    if not report.releases:
        run.reporter.warn(f"no release is older than {report.release}: only the release itself was checked")
    if as_json:
        print_json(_document(report))
    else:
        _print_tables(report)
    refuse_errors(report.findings, f"upgrades to {report.release} fail", todo=SEE_FIXES, listed=False)


def _document(report: UpgradeReport) -> dict[str, object]:
    return {
        "release": report.release,
        "ok": report.is_ok,
        "releases": [
            {
                "release": old,
                "outcome": report.outcome(old),
                "scenarios": [
                    {
                        "start": scenario.kind,
                        "name": scenario.name or None,
                        "installed": scenario.installed,
                        "outcome": scenario.outcome,
                    }
                    for scenario in report.scenarios
                    if scenario.release == old
                ],
            }
            for old in report.releases
        ],
        "findings": [finding_to_json(finding) for finding in report.findings],
    }


def _print_tables(report: UpgradeReport) -> None:
    scenarios = report.scenarios
    profiles = dict.fromkeys(scenario.name for scenario in scenarios if scenario.kind is ScenarioKind.PROFILE)
    headers = ("from", "to", "all packages", "each alone", *profiles, "outcome")
    rows = [
        (
            old,
            report.release,
            _format_outcomes(_select(scenarios, old, ScenarioKind.ALL)),
            _format_outcomes(_select(scenarios, old, ScenarioKind.SINGLE_PACKAGE)),
            *(_format_outcomes(_select(scenarios, old, ScenarioKind.PROFILE, name)) for name in profiles),
            report.outcome(old).value,
        )
        for old in report.releases
    ]
    print_table(headers, rows)
    if report.findings:
        if rows:
            print()
        print_findings(report.findings)


def _select(
    scenarios: Sequence[Scenario], old: str, kind: ScenarioKind, name: str | None = None
) -> list[Scenario]:
    return [
        scenario
        for scenario in scenarios
        if scenario.release == old and scenario.kind is kind and name in (None, scenario.name)
    ]


def _format_outcomes(scenarios: Sequence[Scenario]) -> str:
    """The outcome of one scenario, or the number of scenarios by outcome."""
    if len(scenarios) == 1 and scenarios[0].kind is not ScenarioKind.SINGLE_PACKAGE:
        return scenarios[0].outcome.value
    outcomes = [scenario.outcome for scenario in scenarios]
    counts = [(outcome, outcomes.count(outcome)) for outcome in UpgradeOutcome]
    return ", ".join(f"{count} {outcome.value}" for outcome, count in counts if count) or "-"
