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
    from altai_build.pipeline.published.releases import (
        find_release,
        list_releases_before,
        load_manifest,
        releases_directory,
    )
    from altai_build.pipeline.published.upgrade import (
        check_upgrades,
        read_external_repositories,
    )

    run = app.create_run(app.load_config())
    releases = releases_directory(run.config)
    *named, last = versions
    new = find_release(releases, last)
    old = [find_release(releases, one) for one in named]
    if not named:
        old = list(list_releases_before(releases, load_manifest(new).version))
    report = check_upgrades(run, old, new, read_external_repositories(run))
    if not report.releases:
        run.reporter.warn(f"no release goes before {report.release}: only the release itself was examined")
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
                        "start": one.kind,
                        "name": one.name or None,
                        "installed": one.installed,
                        "outcome": one.outcome,
                    }
                    for one in report.scenarios
                    if one.release == old
                ],
            }
            for old in report.releases
        ],
        "findings": [finding_to_json(finding) for finding in report.findings],
    }


def _print_tables(report: UpgradeReport) -> None:
    profiles = list(dict.fromkeys(one.name for one in report.scenarios if one.kind is ScenarioKind.PROFILE))
    headers = ("from", "to", "all packages", "each alone", *profiles, "outcome")
    rows = [
        (
            old,
            report.release,
            _cell(_scenarios_from(report, old, ScenarioKind.ALL)),
            _cell(_scenarios_from(report, old, ScenarioKind.SINGLE_PACKAGE)),
            *(
                _cell([one for one in _scenarios_from(report, old, ScenarioKind.PROFILE) if one.name == name])
                for name in profiles
            ),
            report.outcome(old).value,
        )
        for old in report.releases
    ]
    print_table(headers, rows)
    if report.findings:
        if rows:
            print()
        print_findings(report.findings)


def _scenarios_from(report: UpgradeReport, old: str, kind: ScenarioKind) -> list[Scenario]:
    return [one for one in report.scenarios if one.release == old and one.kind is kind]


def _cell(scenarios: Sequence[Scenario]) -> str:
    """One word for one scenario, counts by outcome for many."""
    if len(scenarios) == 1 and scenarios[0].kind is not ScenarioKind.SINGLE_PACKAGE:
        return scenarios[0].outcome.value
    counts = [(one, sum(scenario.outcome is one for scenario in scenarios)) for one in UpgradeOutcome]
    return ", ".join(f"{count} {outcome.value}" for outcome, count in counts if count) or "-"
