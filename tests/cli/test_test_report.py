"""What is said of test results, and the exit code that they give."""

from __future__ import annotations

import pytest

from altai_build.cli.test_report import choose_exit_code, describe_results
from altai_build.model.unit_tests import Suite, SuiteKind, SuiteOutcome, SuiteStatus, TestCounts, TestResult


def make_result(status: SuiteStatus, tests: int | None = None) -> TestResult:
    counts = TestCounts(tests=tests) if tests is not None else None
    suite = None if status is SuiteStatus.NONE else Suite(SuiteKind.COMMAND, "true", "repos.yaml")
    return TestResult("x", "1" * 40, status, "why", suite=suite, outcome=SuiteOutcome(status, counts=counts))


@pytest.mark.parametrize(
    ("statuses", "is_named", "code"),
    [
        ([SuiteStatus.PASSED, SuiteStatus.FLAKY, SuiteStatus.SKIPPED, SuiteStatus.NONE], False, 0),
        ([SuiteStatus.PASSED, SuiteStatus.NONE], True, 3),
        ([SuiteStatus.FAILED, SuiteStatus.NONE], True, 5),
        ([SuiteStatus.NOT_RUN], False, 5),
    ],
)
def test_exit_codes(statuses: list[SuiteStatus], is_named: bool, code: int) -> None:
    assert choose_exit_code([make_result(status) for status in statuses], is_named=is_named) == code


def test_a_component_that_cannot_be_read_is_an_input_that_is_wrong() -> None:
    unreadable = TestResult("x", "", SuiteStatus.NOT_RUN, "it cannot be read: no such commit")
    assert choose_exit_code([unreadable], is_named=False) == 3
    assert choose_exit_code([unreadable, make_result(SuiteStatus.FAILED)], is_named=False) == 5


def test_one_line_for_all() -> None:
    results = [
        make_result(SuiteStatus.PASSED, 3),
        make_result(SuiteStatus.PASSED),
        make_result(SuiteStatus.NONE),
    ]
    assert describe_results(results) == (
        "2 components tested, 3 tests, and an unknown number in 1 component: 2 passed, 1 without a suite"
    )
    assert describe_results(results[::2]) == "1 component tested, 3 tests: 1 passed, 1 without a suite"
    assert describe_results(results[2:]) == "nothing was tested: none of 1 component has a suite"
    assert describe_results([], "v1") == "no component has changed since v1"
