"""Unit tests in the results of a CI job."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from altai_build.cli.ci_tests import choose_ci_exit_code, describe_tests, make_tests_json
from altai_build.model.ci_result import CiResult
from altai_build.model.coverage import Coverage, FileCoverage, UnknownCoverage
from altai_build.model.coverage_table import MeasuredComponent, make_coverage_table
from altai_build.model.unit_tests import (
    Suite,
    SuiteKind,
    SuiteOutcome,
    SuiteStatus,
    TestCase,
    TestResult,
    TestStatus,
    count_cases,
)
from altai_build.stages.coverage_report import row_to_json

CASES = (
    TestCase("m.C", "bad|`", TestStatus.FAILED, message="*1* != 2"),
    TestCase("m.C", "late", TestStatus.FLAKY, message="not yet"),
)
SUITE = Suite(SuiteKind.PYTEST, "pytest", "tox.ini")
OUTCOME = SuiteOutcome(SuiteStatus.FAILED, cases=CASES, counts=count_cases(CASES), logs=(b"x",))
FAILED = TestResult(
    "nova", "1" * 40, SuiteStatus.FAILED, "1 test failed", suite=SUITE, outcome=OUTCOME, causes=("bad",)
)
NOT_RUN = TestResult(
    "glance", "1" * 40, SuiteStatus.NOT_RUN, "its build failed", suite=SUITE, causes=("x.c:1: no",)
)
NONE = TestResult("docs", "1" * 40, SuiteStatus.NONE, "no file of a test suite")
RESULT = CiResult("1" * 40, None, "", (), 5, tests=(FAILED, NOT_RUN, NONE), has_tested=True)


def test_failures_flaky_tests_and_what_has_none_are_named() -> None:
    lines = [line for line in describe_tests(RESULT) if line]
    assert lines == [
        "### Unit tests",
        "2 components tested, 2 tests: 1 failed, 1 not run, 1 without a suite.",
        "| component | result | tests | failures | skipped | seconds | why |",
        "|---|---|---|---|---|---|---|",
        "| nova | failed | 2 | 1 | 0 | 0 | 1 test failed |",
        "| glance | not run | - | - | - | 0 | its build failed |",
        "- `nova`: `` m.C: bad|` ``: \\*1\\* \\!= 2",
        "- `nova`: `flaky: m.C: late`: not yet",
        "- `glance`: x.c:1: no",
        "Without unit tests: `docs` (`altai-build plan --tests` says why).",
    ]


def test_that_tests_were_not_to_run_is_said() -> None:
    lines = list(describe_tests(replace(RESULT, tests=(), has_tested=False)))
    assert lines[-1] == "They were not run (`--no-tests`). The `%check` sections of specs are part of builds."


def test_exit_codes_and_paths() -> None:
    assert choose_ci_exit_code(3, [FAILED]) == 3
    assert choose_ci_exit_code(0, [FAILED, NONE]) == 5
    assert choose_ci_exit_code(0, [NONE]) == 0
    nova, _, docs = make_tests_json(RESULT)
    assert nova["files"] == {"junit.xml": "tests/nova/junit.xml", "suite.log": "tests/nova/suite.log"}
    assert (nova["log"], docs["log"]) == ("tests/nova/suite.log", None)


def test_coverage_is_in_the_summary_and_in_the_result() -> None:
    coverage = Coverage({"a.py": FileCoverage(frozenset({1}), frozenset({2}))})
    measured = MeasuredComponent(
        "nova", "1" * 40, coverage, (), Fraction(80), None, UnknownCoverage("no release")
    )
    result = replace(RESULT, coverage=make_coverage_table([measured], None))
    lines = [line for line in describe_tests(result) if line]
    assert (
        lines[lines.index("#### Coverage") + 3]
        == "| `nova` | 50.0 % | not measured | unknown | **80 %: missed** |"
    )
    nova, glance, _ = make_tests_json(result)
    assert nova["coverage"] == row_to_json(result.coverage.rows[0])
    assert glance["coverage"] is None
