"""The coverage of a run: which suites have one, where their files are, and what is said of the others."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from altai_build.model.coverage import (
    AnyCoverage,
    Coverage,
    CoverageChange,
    EarlierState,
    FileCoverage,
    UnknownCoverage,
)
from altai_build.model.gitlink import CommitId
from altai_build.model.unit_tests import SuiteOutcome, SuiteStatus, TestResult
from altai_build.pipeline.unit_tests import coverage as coverage_module
from altai_build.pipeline.unit_tests.coverage import EarlierCommits, _list_roots, _read, measure_coverage
from altai_build.stages.coverage_store import store_coverage
from altai_build.workspace import Workspace

SOURCE = cast(
    Any, SimpleNamespace(tree=[SimpleNamespace(path=path, is_file=True) for path in ("a.py", "src/b.c")])
)
LCOV = b"SF:/b/t-1.0/src/b.c\nDA:1,1\nend_of_record\n"
XML = (
    b'<coverage><sources><source>/b/t-1.0</source></sources><class filename="a.py">'
    b'<lines><line number="3" hits="0"/></lines></class></coverage>'
)
B_C = FileCoverage(frozenset({1}), frozenset())
A_PY = FileCoverage(frozenset(), frozenset({3}))


def read(
    reports: Mapping[str, bytes], status: SuiteStatus = SuiteStatus.PASSED, notes: tuple[str, ...] = ()
) -> AnyCoverage:
    outcome = SuiteOutcome(status, coverage=reports, folder="/b/t-1.0")
    return _read(SOURCE, TestResult("t", "1" * 40, status, "why", outcome=outcome, notes=notes), "")


def test_all_reports_of_a_suite_count_together() -> None:
    assert read({"lcov.info": LCOV}) == Coverage({"src/b.c": B_C})
    both = read({"lcov.info": LCOV, "coverage.xml": XML}, SuiteStatus.FLAKY)
    assert both == Coverage({"a.py": A_PY, "src/b.c": B_C})


def test_the_coverage_of_failed_tests_is_unknown() -> None:
    assert read({"lcov.info": LCOV}, SuiteStatus.FAILED) == UnknownCoverage("its tests failed")
    assert read({"lcov.info": LCOV}, SuiteStatus.NOT_RUN) == UnknownCoverage(
        "its tests did not run to their end"
    )


def test_a_suite_without_a_report_says_why() -> None:
    note = "coverage is not measured: switched off in repos.yaml"
    assert read({}, notes=("other", note)) == UnknownCoverage(note)
    assert read({}) == UnknownCoverage("its suite left no coverage report")


def test_one_bad_report_makes_the_whole_unknown() -> None:
    assert read({"lcov.info": LCOV, "coverage.xml": b"<coverage/>"}) == UnknownCoverage(
        "the coverage report coverage.xml cannot be used: it names no file"
    )


@pytest.mark.parametrize(
    ("folder", "directory", "roots"),
    [
        ("/b/t-1.0", "", ("/b/t-1.0",)),
        ("/b/t-1.0/src/py", "src/py/", ("/b/t-1.0", "/b/t-1.0/src/py")),
        ("/b/t-1.0", "src", ("/b/t-1.0",)),
        ("", "", ()),
    ],
)
def test_where_the_files_of_a_component_were(folder: str, directory: str, roots: tuple[str, ...]) -> None:
    assert _list_roots(folder, directory) == roots


def test_coverage_is_compared_with_a_commit_and_else_with_the_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the compared commit pins was measured for one component, of the other one only what the release has."""
    since, release = EarlierState(commit="5" * 40), EarlierState(release="1.0")
    pinned = EarlierCommits(since, {"a": "2" * 40, "b": "3" * 40})
    monkeypatch.setattr(coverage_module, "find_pinned_commits", lambda run, commit: pinned)
    released = EarlierCommits(release, {"a": "4" * 40, "b": "4" * 40})
    monkeypatch.setattr(coverage_module, "find_released_commits", lambda run: released)
    settings = SimpleNamespace(directory=None, coverage=SimpleNamespace(omit=(), goal=None))
    monkeypatch.setattr(coverage_module, "get_test_settings", lambda *words: settings)
    run = cast(Any, SimpleNamespace(workspace=Workspace(tmp_path), config=None))
    missed = Coverage({"src/b.c": FileCoverage(frozenset(), frozenset({1}))})
    half = Coverage({"src/b.c": FileCoverage(frozenset({1}), frozenset({2}))})
    for name, commit, coverage in (("a", "2", missed), ("a", "4", half), ("b", "4", half)):
        store_coverage(run.workspace, name, commit * 40, coverage)
    components = [SimpleNamespace(name=name, path=name, commit="1" * 40) for name in "ab"]
    sources = [SimpleNamespace(component=component, tree=SOURCE.tree) for component in components]
    plan = cast(Any, SimpleNamespace(build_plan=SimpleNamespace(discovery=SimpleNamespace(sourced=sources))))
    suite = cast(Any, object())
    outcome = SuiteOutcome(SuiteStatus.PASSED, coverage={"lcov.info": LCOV}, folder="/b/t-1.0")
    results = [
        TestResult(name, "1" * 40, SuiteStatus.PASSED, "why", suite=suite, outcome=outcome) for name in "ab"
    ]
    table = measure_coverage(run, plan, results, since=CommitId("5" * 40))
    assert table.since == since
    assert [row.change for row in table.rows] == [
        CoverageChange(since, Fraction(100), None),
        CoverageChange(release, Fraction(50), None),
    ]
    why = "the coverage of b at 333333333333 was never measured here"
    assert [row.list_reasons() for row in table.rows] == [(), (f"it is compared with release 1.0: {why}",)]
    assert measure_coverage(run, plan, results).since == release
