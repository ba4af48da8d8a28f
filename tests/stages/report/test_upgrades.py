"""The table of upgrades: a row for each earlier release, the newest first."""

from __future__ import annotations

from altai_build.model.findings import Finding, Severity
from altai_build.model.upgrade import Scenario, ScenarioKind, UpgradeOutcome, UpgradeReport
from altai_build.stages.report.upgrades import make_upgrade_table


def test_every_earlier_release_has_its_outcomes() -> None:
    damaged = Finding("unreadable", Severity.ERROR, "0.8", "its manifest is damaged", upgrade_from="0.8")
    general = Finding("base", Severity.WARNING, "base", "no base is known")
    scenarios = (
        Scenario("1.0", ScenarioKind.ALL, "", 5, UpgradeOutcome.OK),
        Scenario("1.0", ScenarioKind.SINGLE_PACKAGE, "a", 1, UpgradeOutcome.OK),
        Scenario("1.0", ScenarioKind.SINGLE_PACKAGE, "b", 1, UpgradeOutcome.FAILED),
        Scenario("1.0", ScenarioKind.PROFILE, "node", 1, UpgradeOutcome.DISTRO_SYNC),
        Scenario("0.9", ScenarioKind.ALL, "", 5, UpgradeOutcome.OK),
    )
    table = make_upgrade_table(UpgradeReport("1.1", ("0.9", "1.0"), scenarios, (damaged, general)))
    assert table.scenarios == ("all packages", "each package alone", "profile node")
    assert [(row.release, row.outcome.value, row.cells) for row in table.rows] == [
        ("1.0", "failed", ("ok", "1 ok, 1 failed", "distro-sync")),
        ("0.9", "ok", ("ok", "", "")),
        ("0.8", "failed", ("", "", "")),
    ]
    assert table.rows[2].findings == (damaged,) and table.findings == (general,)
