"""How often tests were flaky is known later."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.unit_tests import SuiteOutcome, SuiteStatus, TestCase, TestResult, TestStatus
from altai_build.stages.unit_tests.history import FlakyTest, read_flaky_tests, record_flaky_tests


def make_result(commit: str, *names: str, is_reused: bool = False) -> TestResult:
    cases = tuple(TestCase("m", name, TestStatus.FLAKY) for name in names)
    outcome = SuiteOutcome(SuiteStatus.FLAKY, cases=cases)
    return TestResult("nova", commit, SuiteStatus.FLAKY, "", outcome=outcome, is_reused=is_reused)


def test_runs_are_counted_and_reused_results_are_not(tmp_path: Path) -> None:
    path = tmp_path / "flaky.json"
    record_flaky_tests(path, [make_result("1" * 40)])
    assert not path.exists() and read_flaky_tests(path) == {}
    record_flaky_tests(path, [make_result("1" * 40, "a", "b")])
    record_flaky_tests(path, [make_result("2" * 40, "a", is_reused=True)])
    record_flaky_tests(path, [make_result("3" * 40, "b")])
    known = {"nova": (FlakyTest("m: b", 2, "3" * 40), FlakyTest("m: a", 1, "1" * 40))}
    assert read_flaky_tests(path) == known
    path.write_bytes(path.read_bytes()[:-5])
    assert read_flaky_tests(path) == {}
