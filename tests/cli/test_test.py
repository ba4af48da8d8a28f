"""`test` at the command line: table, JSON by its schema, the folder of results, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

import altai_build
from altai_build.tools.files import remove_tree
from tests.kit.builders import HostSite, noarch_component
from tests.kit.manifests import component, manifest, package, write_manifests
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
    assert [line[6:10] for line in lines] == [["unknown", "unknown", "unknown", "none"], ["-"] * 4]
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
    last = answer.err.splitlines()[-1]
    assert last == "next: fix it, commit, and rerun the command; what has passed is not run again"
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert written == [
        "bad/junit.xml", "bad/suite.log", "coverage.html", "coverage.json", "coverage.md", "result.json",
    ]  # fmt: skip
    result = check(json.loads((out / "result.json").read_text()))
    row = next(row for row in result["components"] if row["component"] == "bad")
    assert (row["tests"], row["failures"], row["files"]["junit.xml"]) == (2, 1, "bad/junit.xml")
    assert row["failed"] == [{"test": "test_it.Case: test_bad", "message": "AssertionError: 1 != 2"}]


REPORT = """\
cat >"$ALTAI_TEST_RESULTS/lcov.info" <<END
SF:$PWD/vendor/x.py
DA:1,0
end_of_record
SF:$PWD/README
DA:1,1
DA:2,{ran}
BRDA:1,0,0,1
BRDA:1,0,1,-
end_of_record
END
"""
SETTINGS = """
components:
  good:
    test: {{command: sh ./cover, coverage: {{goal: {goal}, omit: ['*/vendor/*']}}}}
"""


def test_coverage_is_compared_with_the_release_before(site: HostSite, tmp_path: Path) -> None:
    """In the workspace of the job that measured the release, and in another one with the file that the job left."""
    files = {**make_tested("good", GOOD), "vendor/x.py": "", "cover": REPORT.format(ran=0)}
    commit = site.world.component("repos/good", files)
    definition = (site.world.super.path / "repos.yaml").read_text()
    (site.world.super.path / "repos.yaml").write_text(definition + SETTINGS.format(goal=80))
    site.world.pin()
    answer = site.call("test", "good", "-o", str(tmp_path / "main"), "--require-goals")
    assert answer.code == 7
    assert answer.out.split("\t")[6:10] == ["50.0 %", "50.0 %", "unknown", "80 %: missed"]
    assert "good: coverage of lines 50.0 %, goal 80 %: missed" in answer.err
    assert "good: the change is unknown: there is no release yet" in answer.err
    assert "| `good` | 50.0 % |" in (tmp_path / "main/coverage.md").read_text()
    assert "README" in (tmp_path / "main/coverage.html").read_text()

    releases = site.world.super.path / "releases"
    released = manifest("1.0.0", [package("good-1.0-1.x.noarch", component("repos/good", commit))])
    write_manifests(releases, released)
    (releases / "latest").symlink_to("1.0.0")
    site.world.component("repos/good", {**files, "cover": REPORT.format(ran=3)})
    site.world.pin()
    answer = site.call("test", "good", "--require-goals")
    assert answer.code == 0, answer.err
    assert answer.out.split("\t")[6:10] == ["100.0 %", "50.0 %", "+50.0 (branches 0.0)", "80 %: reached"]
    # As in a workspace that never measured the release.
    remove_tree(site.run.workspace.root / "coverage")
    answer = site.call("test", "good", "--json", "--baseline", str(tmp_path / "main/coverage.json"))
    (row,) = check(answer.json)["components"]
    assert row["coverage"]["change"] == {
        "since": {"release": "1.0.0", "commit": None},
        "lines": 50,
        "branches": 0,
    }
