"""Suites run by rpmbuild: results, flaky tests, what is reused, and what cannot be run."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.model.unit_tests import TestResult, TestStatus
from altai_build.pipeline.build.run import build_all
from altai_build.pipeline.unit_tests.plan import plan_tests
from altai_build.pipeline.unit_tests.run import run_tests
from altai_build.stages.unit_tests.history import read_flaky_tests
from tests.kit.builders import HostSite, noarch_component
from tests.kit.git import Entry
from tests.kit.unit_tests import BAD, FLAKY, GOOD, make_site, make_tested

# A suite of its own that writes JUnit XML, in a folder of the source.
MORE = """\
components:
  own:
    test:
      directory: sub
      rerun: 0
      command: |
        test -e here
        echo '<testsuite><testcase classname="own" name="one"/></testsuite>' >"$ALTAI_TEST_RESULTS/x.xml"
  wanting: {test: {requires: [nobody-has-this]}}
"""


def run_all(site: HostSite, *names: str, run_all: bool = False) -> dict[str, TestResult]:
    plan = plan_tests(site.run, "HEAD", names, None)
    build_run = build_all(site.run, plan.build_plan)
    return {result.component: result for result in run_tests(site.run, plan, build_run, run_all=run_all)}


def make_broken() -> dict[str, Entry]:
    """A component that cannot be built."""
    files = make_tested("broken", GOOD)
    spec = str(files["broken.spec"]).replace("%install", "echo 'x.c:1: error: no' && exit 1\n%install")
    return {**files, "broken.spec": spec}


def test_each_outcome_and_what_is_reused_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site(tmp_path / "site", monkeypatch, MORE)
    world = site.world
    world.component("repos/good", make_tested("good", GOOD, requires="python3-mock"))
    world.component("repos/bad", make_tested("bad", GOOD, BAD))
    world.component("repos/shaky", make_tested("shaky", FLAKY))
    world.component("repos/own", {**make_tested("own"), "sub/here": ""})
    world.component("repos/wanting", make_tested("wanting", GOOD))
    world.component("repos/unpacked", make_tested("unpacked", GOOD, prep="%setup -q\ncd ..\nmkdir a"))
    world.component("repos/none", noarch_component("none"))
    world.component("repos/broken", make_broken())
    world.pin()
    results = run_all(site)
    found = {name: (result.status.value, result.reason) for name, result in results.items()}
    assert found == {
        "good": ("passed", "never tested in this workspace"),
        "bad": ("failed", "1 test failed"),
        "shaky": ("flaky", "1 test failed and passed when run again"),
        "own": ("passed", "never tested in this workspace"),
        "wanting": ("not run", "its buildroot could not be made: nothing provides nobody-has-this"),
        "unpacked": ("not run", "they did not run: rpmbuild failed"),
        "broken": ("not run", "its build failed"),
        "none": ("none", "no file of a test suite that is known here"),
    }
    bad = results["bad"]
    assert bad.causes == ("test_it.Case: test_bad: AssertionError: 1 != 2",)
    assert bad.log is not None and "AssertionError: 1 != 2" in bad.log.read_text()
    assert [case.name for case in results["own"].cases] == ["one"]
    assert "%prep ends in no source folder and unpacks several: a unpacked-1.0 " in "\n".join(
        results["unpacked"].causes
    )
    assert [case.name for case in results["shaky"].with_status(TestStatus.FLAKY)] == ["test_flaky"]
    (flaky,) = read_flaky_tests(site.run.workspace.flaky_tests)["shaky"]
    assert (flaky.label, flaky.runs) == ("test_it.Case: test_flaky", 1)
    assert "x.c:1: error: no" in "\n".join(results["broken"].causes)
    # A failure may be another one the next time; a run without failures is not repeated.
    again = run_all(site, "good", "bad", "shaky")
    assert {name: (result.status.value, result.is_reused) for name, result in again.items()} == {
        "good": ("passed", True),
        "bad": ("failed", False),
        "shaky": ("flaky", True),
    }
    assert [case.name for case in again["good"].cases] == ["test_good"]
    assert again["shaky"].flaky_before == 1
    assert not run_all(site, "good", run_all=True)["good"].is_reused
