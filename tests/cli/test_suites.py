"""`plan --tests`: the suites of components, with what says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from altai_build.cli.plan import plan
from altai_build.cli.suites import describe_selection, selection_to_json
from altai_build.model.affected_tests import AffectedTests, EverythingRuns
from altai_build.model.test_record import ContextRecord, RecordedTest
from tests.kit.builders import noarch_component
from tests.kit.unit_tests import GOOD, make_site, make_tested

TEST = RecordedTest("t", "", "t", "passed", 0.0, "t.py", False, None)


def test_suites_of_a_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site(tmp_path / "site", monkeypatch)
    site.world.component("repos/good", {**make_tested("good", GOOD), "requirements.txt": "mock"})
    site.world.component("repos/none", noarch_component("none"))
    site.world.pin()
    answer = site.call("plan", "--tests")
    assert answer.code == 0, answer.err
    assert [line.split("\t") for line in answer.out.splitlines()] == [
        ["good", "unittest", "$DISCOVER -v -s tests", "tests/test_it.py", "wants mock"],
        ["none", "none", "-", "no file of a test suite that is known here", "-"],
    ]
    rows = {row["component"]: row for row in site.call("plan", "--tests", "--json").json["components"]}
    assert (rows["good"]["suite"]["kind"], rows["good"]["reason"]) == ("unittest", "tests/test_it.py")
    assert rows["good"]["suite"]["wants"] == ["mock"] and rows["none"]["suite"] is None
    why = "no commit before this one has a record of what its tests ran"
    rows = {
        row["component"]: row
        for row in site.call("plan", "--tests", "--affected", "--json").json["components"]
    }
    assert rows["good"]["selected"] == {"since": None, "reason": why, "tests": None, "run": None}
    assert rows["none"]["selected"] is None


def test_affected_tests_are_only_for_tests() -> None:
    done = CliRunner().invoke(plan, ["--affected"])
    assert (done.exit_code, "--affected is only for --tests" in done.output) == (2, True)


def test_a_selection_for_people_and_programs() -> None:
    assert describe_selection(None, "why") == ("-", "why")
    assert describe_selection(EverythingRuns("why"), "") == ("all", "why")
    selection = AffectedTests(
        "1" * 40, ContextRecord(tests=(TEST, TEST)), carried=(0,), why=("f() has changed",)
    )
    assert describe_selection(selection, "") == (
        "1 of 2",
        "f() has changed; since 111111111111, if its buildroot is the same",
    )
    assert selection_to_json(selection) == {
        "since": "1" * 40,
        "reason": "f() has changed",
        "tests": 2,
        "run": 1,
    }
