"""`plan --tests`: the suites of components, with what says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.builders import noarch_component
from tests.kit.unit_tests import GOOD, make_site, make_tested


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
