"""What became of tests after reruns."""

from __future__ import annotations

from altai_build.model.unit_tests import (
    SuiteOutcome,
    SuiteRun,
    SuiteStatus,
    TestCase,
    TestCounts,
    TestStatus,
    combine_runs,
    count_cases,
    find_later_failures,
)

PASSED, FAILED, ERROR = TestStatus.PASSED, TestStatus.FAILED, TestStatus.ERROR


def make_run(exit_status: int, **states: TestStatus) -> SuiteRun:
    return SuiteRun(exit_status, tuple(TestCase("mod", name, status) for name, status in states.items()))


def combine(*runs: SuiteRun) -> dict[str, str]:
    return {case.name: case.status.value for case in combine_runs(runs)}


def test_a_test_that_passes_when_run_again_is_flaky() -> None:
    first = make_run(1, a=PASSED, b=FAILED, c=ERROR)
    assert combine(first) == {"a": "passed", "b": "failed", "c": "error"}
    assert combine(first, make_run(1, b=PASSED, c=ERROR)) == {"a": "passed", "b": "flaky", "c": "error"}
    # What passed in the second run is not in the third, which has the rest.
    assert combine(first, make_run(1, b=PASSED, c=ERROR), make_run(0, c=PASSED)) == {
        "a": "passed",
        "b": "flaky",
        "c": "flaky",
    }


def test_a_test_without_its_name_in_the_rerun_goes_by_the_exit_status() -> None:
    first = make_run(1, setUpClass=ERROR)
    assert combine(first, make_run(0, real=PASSED)) == {"setUpClass": "flaky"}
    assert combine(first, make_run(1, real=PASSED)) == {"setUpClass": "error"}


def test_of_several_with_one_name_none_may_fail_again() -> None:
    first = make_run(1, a=FAILED)
    again = SuiteRun(1, (TestCase("mod", "a", PASSED), TestCase("mod", "a", FAILED)))
    assert combine(first, again) == {"a": "failed"}


def test_counts_are_by_status() -> None:
    cases = [TestCase("", str(number), status) for number, status in enumerate([*TestStatus, FAILED])]
    assert count_cases(cases) == TestCounts(tests=6, failures=2, errors=1, skipped=1, flaky=1)


def test_failures_that_the_first_run_did_not_come_to_are_added() -> None:
    first, second = make_run(1, module=ERROR), make_run(1, module=PASSED, a=ERROR, b=FAILED, c=PASSED)
    assert combine(first, second) == {"module": "flaky", "a": "error", "b": "failed"}
    assert combine(first, second, make_run(1, a=PASSED, b=FAILED)) == {"module": "flaky", "b": "failed"}


def test_tests_that_passed_first_and_failed_later() -> None:
    first = make_run(1, a=PASSED, b=FAILED)
    assert [case.name for case in find_later_failures([first, make_run(1, a=ERROR, b=FAILED)])] == ["a"]
    assert find_later_failures([first]) == ()


def test_the_outputs_of_all_runs_are_the_log() -> None:
    assert SuiteOutcome(SuiteStatus.PASSED, logs=(b"one\n",)).log == b"one\n"
    assert SuiteOutcome(SuiteStatus.FAILED, logs=(b"one\n", b"two\n")).log == (
        b"----- run 1 of 2 -----\none\n\n----- run 2 of 2 -----\ntwo\n"
    )
