"""Only the tests that a change affects: with real suites, coverage.py, and results that are carried over."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from altai_build.config.unit_tests import TestSettings
from altai_build.model.affected_tests import AffectedTests, ChangedFile, EverythingRuns
from altai_build.model.build_inputs import SOURCE_PACKAGE
from altai_build.model.coverage_table import CoverageTable
from altai_build.model.test_record import ContextRecord
from altai_build.model.unit_tests import Suite, SuiteKind, SuiteStart, SuiteStatus, TestResult
from altai_build.pipeline.build.run import build_all
from altai_build.pipeline.unit_tests.affected import (
    Candidate,
    confirm,
    find_unrecordable,
    list_changes,
    select_affected,
)
from altai_build.pipeline.unit_tests.coverage import measure_coverage
from altai_build.pipeline.unit_tests.plan import TestPlan, plan_tests
from altai_build.pipeline.unit_tests.run import run_tests
from altai_build.stages.unit_tests.record_store import StoredRecord
from altai_build.tools.git.trees import TreeEntry
from tests.kit.builders import HostSite
from tests.kit.git import Entry
from tests.kit.repositories import Package
from tests.kit.superprojects import make_spec

LIBRARY = '''\
"""Two functions."""


def double(number):
    """Twice."""
    if number < 0:
        return 2 * number
    return number + number


def negate(number):
    return -number
'''
DOUBLE = """\
import unittest

import library


class Double(unittest.TestCase):
    def test_less(self):
        self.assertEqual(library.double(-1), -2)

    def test_more(self):
        self.assertEqual(library.double(1), 2)
"""
NEGATE = """\
import unittest

import library


class Negate(unittest.TestCase):
    def test_negate(self):
        self.assertEqual(library.negate(1), -1)
"""


def make_python_component(**files: str) -> dict[str, Entry]:
    spec = make_spec("maths", tags="BuildArch: noarch\nBuildRequires: python3", prep="%setup -q")
    return {
        "maths.spec": spec,
        "README": "maths",
        "setup.cfg": "",
        "library.py": files.get("library", LIBRARY),
        "tests/test_double.py": DOUBLE,
        "tests/test_negate.py": files.get("negate", NEGATE),
    }


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    # The host's rpmbuild runs this Python, which has coverage.py.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    base = [Package("python3"), Package("python3-coverage")]
    return HostSite.create(tmp_path / "site", monkeypatch, base=base)


def run_affected(site: HostSite, *, run_all: bool = False) -> tuple[TestResult, CoverageTable]:
    plan = plan_tests(site.run, "HEAD", (), None)
    build_run = build_all(site.run, plan.build_plan)
    results = run_tests(site.run, plan, build_run, affected=True, run_all=run_all)
    return results[0], measure_coverage(site.run, plan, results)


def test_only_affected_tests_run_and_all_count(site: HostSite) -> None:
    first = site.world.component("repos/maths", make_python_component())
    site.world.pin()
    plan = plan_tests(site.run, "HEAD", (), None)
    assert describe(site, plan) == "no commit before this one has a record of what its tests ran"
    result, _ = run_affected(site)
    assert (result.status, result.reason) == (
        SuiteStatus.PASSED,
        "all tests ran: no commit before this one has a record of what its tests ran",
    )
    changed = LIBRARY.replace("return -number", "number = -number\n    return number")
    site.world.component("repos/maths", {"library.py": changed})
    site.world.pin()
    why = "library.py: negate() has changed (1 test)"
    assert describe(site, plan_tests(site.run, "HEAD", (), None)) == why
    result, coverage = run_affected(site)
    assert (result.status, result.reason) == (
        SuiteStatus.PASSED,
        f"1 of 3 tests ran since {first[:12]}: {why}",
    )
    assert {(case.label, case.commit) for case in result.cases} == {
        ("test_negate.Negate: test_negate", ""),
        ("test_double.Double: test_less", first),
        ("test_double.Double: test_more", first),
    }
    again, same = run_affected(site)
    assert again.is_reused
    assert (again.cases, again.reason, same) == (result.cases, result.reason, coverage)
    whole, complete = run_affected(site, run_all=True)
    assert (whole.reason, len(whole.cases), whole.carried) == ("all tests ran: --all", 3, ())
    assert complete == coverage


def describe(site: HostSite, plan: TestPlan) -> str:
    (source,) = plan.build_plan.discovery.sourced
    suite = plan.suites["maths"]
    assert isinstance(suite, Suite)
    selection = select_affected(site.run, source, suite)
    return selection.describe() if isinstance(selection, AffectedTests) else selection.reason


@pytest.mark.parametrize(
    ("suite", "settings", "reason"),
    [
        (Suite(SuiteKind.PYTEST, "", "", python="python3"), TestSettings(), ""),
        (
            Suite(SuiteKind.PYTEST, "", ""),
            TestSettings(parallel=2),
            "its tests run in several processes (test.parallel)",
        ),
        (
            Suite(SuiteKind.COMMAND, "", ""),
            TestSettings(),
            "which tests a command of its own runs is unknown",
        ),
        (
            Suite(SuiteKind.CTEST, "", ""),
            TestSettings(),
            "what each test runs is known of Python projects only, and it is a suite of ctest",
        ),
        (
            Suite(SuiteKind.NOSE, "", "", start=SuiteStart.BUILD),
            TestSettings(),
            "its tests need the compiled tree, and what they run of it is not measured",
        ),
    ],
)
def test_suites_whose_tests_cannot_be_told_apart(suite: Suite, settings: TestSettings, reason: str) -> None:
    assert find_unrecordable(suite, settings) == reason


def test_what_a_run_depends_on_besides_its_files() -> None:
    inputs, settings = [("builder", "chroot 1"), ("buildroot a", "1")], [("command", "x")]
    selection = AffectedTests("base", ContextRecord(), (), ())
    stored = StoredRecord("base", inputs, settings, ContextRecord(), None)
    candidate = Candidate(selection, stored)
    assert confirm(candidate, [*inputs, (SOURCE_PACKAGE, "x")], settings) is selection
    assert confirm(candidate, [inputs[0], ("buildroot a", "2")], settings) == EverythingRuns(
        "packages in its buildroot changed: a"
    )
    assert confirm(candidate, inputs, [("command", "y")]) == EverythingRuns(
        "how its tests run has changed: command"
    )
    assert confirm(candidate, inputs, []) == EverythingRuns("how its tests run has changed: files are gone")
    none = Candidate(EverythingRuns("why"))
    assert confirm(none, [], []) == EverythingRuns("why")


def test_changes_between_two_trees() -> None:
    before = [TreeEntry("100644", "1", "a"), TreeEntry("100644", "1", "b"), TreeEntry("100644", "1", "gone")]
    now = [
        TreeEntry("100644", "1", "a"),
        TreeEntry("100755", "1", "b"),
        TreeEntry("120000", "2", "link"),
        TreeEntry("100644", "2", "new"),
    ]
    found = list_changes({entry.path: entry for entry in before}, {entry.path: entry for entry in now})
    assert found == [
        ChangedFile("b", "1", "1", is_plain=False),
        ChangedFile("gone", "1", None),
        ChangedFile("link", None, "2", is_plain=False),
        ChangedFile("new", None, "2"),
    ]
