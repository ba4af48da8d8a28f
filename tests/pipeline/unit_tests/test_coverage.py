"""The coverage of a run: which suites have one, where their files are, and what is said of the others."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from altai_build.model.coverage import AnyCoverage, Coverage, FileCoverage, UnknownCoverage
from altai_build.model.unit_tests import SuiteOutcome, SuiteStatus, TestResult
from altai_build.pipeline.unit_tests.coverage import _list_roots, _read

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
