"""Unit tests in the results of a CI job: table, files, messages, Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.cli import markdown
from altai_build.cli.coverage_table import format_coverage
from altai_build.cli.test_report import (
    describe_results,
    list_files,
    print_table_of_results,
    result_to_json,
    write_coverage,
    write_results,
)
from altai_build.errors import BuildError
from altai_build.model.ci_result import TESTS_FOLDER
from altai_build.model.run_summary import Failure
from altai_build.model.unit_tests import SuiteStatus, TestResult, TestStatus

if TYPE_CHECKING:
    from altai_build.model.ci_result import CiResult
    from altai_build.model.coverage_table import CoverageTable

# Failed or flaky tests of one component that are shown; all are in junit.xml.
_MOST_SHOWN = 10


def choose_ci_exit_code(build_code: int, tests: Sequence[TestResult]) -> int:
    """That of the builds; where they have none, 5 if tests failed or could not be run."""
    return build_code or (BuildError.exit_code if any(result.status.is_bad for result in tests) else 0)


def print_tests(tests: Sequence[TestResult], coverage: CoverageTable) -> None:
    """A second table, where there are tests."""
    if any(result.suite is not None for result in tests):
        print_table_of_results([result for result in tests if result.suite is not None], coverage)


def write_test_results(result: CiResult, folder: Path) -> None:
    """A folder for each component that has a suite, and the lines of each file as the baseline of later jobs."""
    tested = [tests for tests in result.tests if tests.suite is not None]
    if tested:
        write_results(tested, folder)
        write_coverage(result.coverage, folder)


def make_tests_json(result: CiResult) -> list[dict[str, object]]:
    """The results as in `test --json`, with the paths in the folder of results of the job."""
    rows = []
    for tests in result.tests:
        files = {name: f"{TESTS_FOLDER}/{path}" for name, path in list_files(tests).items()}
        row = result_to_json(tests, files, result.coverage.find(tests.component))
        rows.append({**row, "log": _find_log(files)})
    return rows


def list_failed_tests(result: CiResult, folder: Path) -> list[Failure]:
    """Why unit tests failed, with the logs in the folder of results of the job."""
    failures = []
    for tests in result.tests:
        if tests.status.is_bad:
            name = _find_log(list_files(tests))
            log = folder / TESTS_FOLDER / name if name is not None else tests.log
            failures.append(Failure(f"unit tests of {tests.component}", tests.list_reasons(), str(log or "")))
    return failures


def _find_log(files: Mapping[str, str]) -> str | None:
    return files.get("suite.log") or files.get("build.log")


def describe_tests(result: CiResult) -> Iterator[str]:
    """The unit tests of a change as Markdown."""
    yield from markdown.section("Unit tests", level=3)
    if not result.has_tested:
        yield "They were not run (`--no-tests`). The `%check` sections of specs are part of builds."
        return
    yield f"{markdown.escape(describe_results(result.tests))}."
    tested = [tests for tests in result.tests if tests.suite is not None]
    if tested:
        yield ""
        headers = ("component", "result", "tests", "failures", "skipped", "seconds", "why")
        yield from markdown.table(headers, [_cells(tests) for tests in tested])
        yield from format_coverage(result.coverage, level=4)
    for tests in tested:
        for case in tests.with_status(TestStatus.FAILED, TestStatus.ERROR)[:_MOST_SHOWN]:
            yield from ("", *_describe_case(tests, case.label, case.message))
        if tests.status.is_bad and not any(case.is_failure for case in tests.cases):
            for cause in tests.causes:
                yield from ("", f"- {markdown.code(tests.component)}: {markdown.escape(cause)}")
        for case in tests.with_status(TestStatus.FLAKY)[:_MOST_SHOWN]:
            yield from ("", *_describe_case(tests, f"flaky: {case.label}", case.message))
    without = [tests for tests in result.tests if tests.status in (SuiteStatus.NONE, SuiteStatus.SKIPPED)]
    if without:
        names = ", ".join(markdown.code(tests.component) for tests in without)
        yield from ("", f"Without unit tests: {names} (`altai-build plan --tests` says why).")


def _cells(tests: TestResult) -> Sequence[str]:
    return (
        markdown.escape(tests.component),
        tests.status.value,
        *tests.describe_counts(),
        f"{tests.seconds:.0f}",
        markdown.escape(tests.reason.split("\n")[0]),
    )


def _describe_case(tests: TestResult, label: str, message: str) -> Iterator[str]:
    said = f": {markdown.escape(message)}" if message else ""
    yield f"- {markdown.code(tests.component)}: {markdown.code(label)}{said}"
