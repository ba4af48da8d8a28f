"""`upgrade-check`: can every earlier release be upgraded to exactly this one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import click

from altai_build.cli.app import App
from altai_build.cli.findings import SEE_FIXES, print_findings
from altai_build.cli.options import format_option, json_option, key_option, releases_option
from altai_build.cli.output import is_csv, print_json, print_table
from altai_build.cli.reading import open_reading
from altai_build.model.findings import finding_to_json, refuse_errors
from altai_build.model.upgrade import Scenario, ScenarioKind, UpgradeOutcome, UpgradeReport


@click.command(name="upgrade-check")
@click.argument("versions", nargs=-1, required=True, metavar="[OLD]... NEW")
@releases_option
@key_option
@format_option
@json_option
@click.pass_obj
def upgrade_check(
    app: App, versions: tuple[str, ...], where: str | None, keys: tuple[str, ...], as_json: bool
) -> None:
    """Check that updates from OLD end at exactly release NEW.

    Without OLD every earlier release is checked. The update is simulated for machines with all packages of OLD, with
    each of its packages alone, and with each of the `profiles` of repos.yaml. Dependencies are resolved over OLD, NEW
    and the operating system's repositories; nothing is installed. OLD and NEW are versions, `latest`, paths of folders,
    or URLs. The exit code is 7 when an update ends anywhere else.

    \b
    Examples:
      altai-build upgrade-check 1.0.2
      altai-build upgrade-check 1.0.0 1.0.1 1.0.2 --json
    """
    from altai_build.model.release import ReleasePart
    from altai_build.pipeline.published.upgrade import (
        check_upgrades,
        read_external_repositories,
    )

    reading = open_reading(app, where, versions, keys)
    run, catalog = reading.run, reading.catalog
    *named, last = versions
    new = catalog.find(last, ReleasePart.METADATA)
    if named:
        old = [catalog.find(version, ReleasePart.METADATA) for version in named]
    else:
        version = reading.reader.read(new).manifest.version
        old = list(catalog.list_before(version, ReleasePart.METADATA))
    # It also warns about signatures; what cannot be read is a finding.
    read = reading.reader.read_readable((new, *old))
    urls = {directory: url for directory in (new, *old) if (url := catalog.find_url(directory)) is not None}
    manifests = {release.directory: release.manifest for release in read}
    report = check_upgrades(run, old, new, read_external_repositories(run), urls=urls, manifests=manifests)
    if not report.releases:
        run.reporter.warn(f"no release is older than {report.release}: only the release itself was checked")
    if as_json:
        print_json(_document(report, reading.reader.levels))
    else:
        _print_tables(report, run.reporter.warn)
    refuse_errors(report.findings, f"upgrades to {report.release} fail", todo=SEE_FIXES, listed=False)


def _document(report: UpgradeReport, levels: Mapping[str, str]) -> dict[str, object]:
    """`levels` are how far the manifests may be believed, by release."""
    return {
        "release": report.release,
        "ok": report.is_ok,
        "trust": levels[report.release],
        "releases": [
            {
                "release": old,
                "trust": levels[old],
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


def _print_tables(report: UpgradeReport, warn: Callable[[str], None]) -> None:
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
    if report.findings and is_csv():
        # One file of CSV has one table; --json has all.
        for finding in report.findings:
            warn(f"{finding.rule}: {finding.subject}: {finding.text}")
    elif report.findings:
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
