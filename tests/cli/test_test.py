"""`test` at the command line: table, JSON by its schema, the folder of results, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

import altai_build
from tests.kit.builders import HostSite, noarch_component
from tests.kit.unit_tests import BAD, GOOD, make_site, make_tested

SCHEMA = Path(altai_build.__file__).parent / "schemas" / "test-result.json"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    site = make_site(tmp_path / "site", monkeypatch)
    site.world.component("repos/good", make_tested("good", GOOD))
    site.world.component("repos/none", noarch_component("none"))
    site.world.pin()
    return site


def check(result: Any) -> Any:
    """The result, checked by its schema."""
    jsonschema.validate(result, json.loads(SCHEMA.read_text()))
    return result


def test_a_green_run(site: HostSite) -> None:
    answer = site.call("test")
    assert answer.code == 0, answer.err
    lines = [line.split("\t") for line in answer.out.splitlines()]
    assert [line[:5] for line in lines] == [
        ["good", "passed", "1", "0", "0"],
        ["none", "none", "-", "-", "-"],
    ]
    assert "1 component tested, 1 test: 1 passed, 1 without a suite" in answer.err
    assert "no suite was found for none: set components.NAME.test.command in repos.yaml" in answer.err
    answer = site.call("test", "good", "--json")
    (row,) = check(answer.json)["components"]
    assert (row["status"], row["reused"], row["tests"], row["failures"]) == ("passed", True, 1, 0)


def test_nothing_to_test_is_said(site: HostSite) -> None:
    answer = site.call("test", "--changed-since", "HEAD")
    assert (answer.code, answer.out) == (0, "")
    assert "no component has changed since HEAD" in answer.err


def test_failures_are_named_and_written(site: HostSite, tmp_path: Path) -> None:
    site.world.component("repos/bad", make_tested("bad", GOOD, BAD))
    site.world.pin()
    out = tmp_path / "out"
    answer = site.call("test", "bad", "none", "-o", str(out))
    assert answer.code == 5
    assert "bad: 1 test failed\n  test_it.Case: test_bad: AssertionError: 1 != 2\n  log: " in answer.err
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert written == ["bad/junit.xml", "bad/suite.log", "result.json"]
    result = check(json.loads((out / "result.json").read_text()))
    row = next(row for row in result["components"] if row["component"] == "bad")
    assert (row["tests"], row["failures"], row["files"]["junit.xml"]) == (2, 1, "bad/junit.xml")
    assert row["failed"] == [{"test": "test_it.Case: test_bad", "message": "AssertionError: 1 != 2"}]
