"""Results of unit tests for people and programs: a table, notes, JSON, JUnit XML, logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from altai_build.cli.coverage_table import HEADERS, format_coverage, list_cells, list_notes
from altai_build.cli.markdown import document
from altai_build.cli.output import NO_COMPONENTS, format_json, print_table
from altai_build.cli.run_end import choose_shown, count_lines_left, print_failures
from altai_build.errors import BuildError, InputError
from altai_build.model.coverage_table import CoverageRow, CoverageTable
from altai_build.model.quantity import format_count
from altai_build.model.run_summary import Failure, describe_failures
from altai_build.model.task_view import format_elapsed
from altai_build.model.unit_tests import SuiteStatus, TestResult, TestStatus
from altai_build.stages.coverage_report import row_to_json, table_to_json, write_coverage_page
from altai_build.tools.progress import ProgressReporter

# Tests of one component that are named on the terminal.
_MOST_SHOWN = 10
# What a table lists also where the screen has no room for all.
_SHOWN = (SuiteStatus.FAILED, SuiteStatus.NOT_RUN, SuiteStatus.FLAKY)


def choose_exit_code(results: Sequence[TestResult], *, is_named: bool) -> int:
    """5 where tests failed or could not be run.

    Else 3 for a component that cannot be read, or that was named and has no suite.
    """
    bad = [result for result in results if result.status.is_bad]
    if any(result.suite is not None for result in bad):
        return BuildError.exit_code
    lacks_suite = is_named and any(result.status is SuiteStatus.NONE for result in results)
    return InputError.exit_code if bad or lacks_suite else 0


def print_results(
    reporter: ProgressReporter,
    results: Sequence[TestResult],
    changed_since: str | None,
    coverage: CoverageTable,
    seconds: float,
) -> None:
    """The table on stdout; what failed, what was flaky and what was not tested on stderr.

    On a terminal the table has the rows for which the screen has room. `seconds` is how long the run took.
    """
    order = list(SuiteStatus)
    rows = sorted(results, key=lambda result: order.index(result.status))
    failures = [
        Failure(result.component, result.list_reasons(), str(result.log or ""))
        for result in rows
        if result.status.is_bad
    ]
    texts = describe_failures(failures, brief=True)
    left = count_lines_left(reporter, [*texts, *_list_notes(results, coverage), "the line of counts"])
    shown = rows if left is None else choose_shown(rows, lambda row: row.status in _SHOWN, left)
    print_table_of_results(shown, coverage)
    if len(shown) < len(rows):
        reporter.info(f"{format_count(len(rows) - len(shown), 'component')} more: --json lists all of them")
    print_failures(reporter, failures)
    for result in rows:
        flaky = result.with_status(TestStatus.FLAKY)
        for case in flaky[:_MOST_SHOWN]:
            before = f", {format_count(result.flaky_before, 'time')} before" if result.flaky_before else ""
            reporter.warn(f"{result.component}: flaky: {case.label} ({case.message or 'no message'}{before})")
    for text in _list_notes(rows, coverage):
        reporter.info(text)
    for row in coverage.missed_goals:
        reporter.warn(
            f"{row.component}: coverage of lines {row.describe_lines()}, goal {row.describe_goal()}"
        )
    elapsed = f" in {format_elapsed(seconds)}" if results else ""
    reporter.info(f"{describe_results(results, changed_since)}{elapsed}")
    without = [result.component for result in rows if result.status is SuiteStatus.NONE]
    if without:
        reporter.warn(
            f"no suite was found for {', '.join(without)}: set components.NAME.test.command in repos.yaml, "
            "or components.NAME.test.skip with the reason why there is none"
        )


def _list_notes(results: Sequence[TestResult], coverage: CoverageTable) -> list[str]:
    notes = [f"{result.component}: {note}" for result in results for note in result.notes]
    # What is not measured is in both.
    return list(dict.fromkeys([*notes, *list_notes(coverage)]))


def print_table_of_results(results: Sequence[TestResult], coverage: CoverageTable) -> None:
    """A row for each component."""
    headers = ("component", "status", "tests", "failures", "skipped", "seconds", *HEADERS, "reason")
    print_table(headers, [_cells(result, coverage) for result in results])


def describe_results(results: Sequence[TestResult], changed_since: str | None = None) -> str:
    """All results in one line."""
    if not results:
        return NO_COMPONENTS if changed_since is None else f"no component has changed since {changed_since}"
    tested = [result for result in results if result.status not in (SuiteStatus.NONE, SuiteStatus.SKIPPED)]
    if not tested:
        return f"nothing was tested: none of {format_count(len(results), 'component')} has a suite"
    counts = [
        f"{count} {status.value if status is not SuiteStatus.NONE else 'without a suite'}"
        for status in SuiteStatus
        if (count := sum(result.status is status for result in results))
    ]
    tests = sum(result.counts.tests for result in tested if result.counts is not None)
    carried = sum(len(result.carried) for result in tested)
    earlier = f", {carried} of them carried over from earlier commits" if carried else ""
    unknown = sum(result.has_unknown_counts for result in tested)
    others = f", and an unknown number in {format_count(unknown, 'component')}" if unknown else ""
    what = f"{format_count(len(tested), 'component')} tested, {format_count(tests, 'test')}{earlier}{others}"
    return f"{what}: {', '.join(counts)}"


def _cells(result: TestResult, coverage: CoverageTable) -> tuple[str, ...]:
    reused = " (reused)" if result.is_reused else ""
    return (
        result.component,
        f"{result.status.value}{reused}",
        *result.describe_counts(),
        f"{result.seconds:.0f}",
        *list_cells(coverage.find(result.component)),
        result.reason.split("\n")[0],
    )


def result_to_json(
    result: TestResult, files: Mapping[str, str] | None = None, coverage: CoverageRow | None = None
) -> dict[str, object]:
    """What became of one component's tests, as `test --json` prints it; `files` are those that were written."""
    counts = result.counts
    return {
        "component": result.component,
        "commit": result.commit,
        "status": result.status,
        "reused": result.is_reused,
        "reason": result.reason,
        "causes": list(result.causes),
        "suite": result.suite
        and {"kind": result.suite.kind, "command": result.suite.command, "why": result.suite.why},
        "tests": counts and counts.tests,
        "failures": counts and counts.failures + counts.errors,
        "skipped": counts and counts.skipped,
        "flaky": [case.label for case in result.with_status(TestStatus.FLAKY)],
        "failed": [
            {"test": case.label, "message": case.message}
            for case in result.with_status(TestStatus.FAILED, TestStatus.ERROR)
        ],
        "selected": result.selected
        and {
            "since": result.selected.base or None,
            "reason": result.selected.reason,
            "run": len(result.cases) - len(result.carried),
            "carried": len(result.carried),
        },
        "seconds": result.seconds,
        "coverage": None if coverage is None else row_to_json(coverage),
        "notes": list(result.notes),
        "log": result.log and str(result.log),
        "files": dict(files or {}),
    }


def results_to_json(
    results: Sequence[TestResult],
    exit_code: int,
    coverage: CoverageTable,
    files: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, object]:
    """The results of all components; `files` are those that were written, by component."""
    written = files or {}
    return {
        "exit_code": exit_code,
        "components": [
            result_to_json(result, written.get(result.component), coverage.find(result.component))
            for result in results
        ],
    }


def list_files(result: TestResult) -> dict[str, str]:
    """The files that `write_results` writes for a component, by name, with their paths in the folder."""
    return {name: f"{result.component}/{name}" for name in _list_contents(result)}


def write_coverage(coverage: CoverageTable, folder: Path) -> None:
    """Write the table for people (coverage.html, coverage.md), and with the lines of each file (coverage.json)."""
    from altai_build.tools.files import write_atomically

    write_coverage_page(folder / "coverage.html", coverage)
    text = document(format_coverage(coverage)) or "No component has a suite."
    write_atomically(folder / "coverage.md", f"{text.strip()}\n".encode(), durable=False)
    data = format_json(table_to_json(coverage, with_files=True)).encode()
    write_atomically(folder / "coverage.json", data, durable=False)


def write_results(results: Sequence[TestResult], folder: Path) -> dict[str, dict[str, str]]:
    """Write a folder for each component: its JUnit XML, the output of its suite, its coverage.

    Returns the paths in `folder` by component and by name.
    """
    from altai_build.tools.files import make_directory, remove_tree, write_atomically

    for result in results:
        place = folder / result.component
        remove_tree(place)
        for name, read in _list_contents(result).items():
            make_directory(place)
            write_atomically(place / name, read(), durable=False)
    return {result.component: list_files(result) for result in results}


def _list_contents(result: TestResult) -> dict[str, Callable[[], bytes]]:
    """The files of one component, by name, and what gives their contents."""
    from altai_build.stages.junit import format_tests
    from altai_build.tools.buildlog.reading import read_for_keeping

    contents: dict[str, Callable[[], bytes]] = {}
    if result.suite is not None:
        contents["junit.xml"] = lambda: format_tests([result])
    outcome, log = result.outcome, result.log
    if outcome is not None:
        contents["suite.log"] = lambda: outcome.log
        for name, data in outcome.coverage.items():
            contents[name] = partial(bytes, data)
        if outcome.coverage_log:
            contents["coverage.log"] = lambda: outcome.coverage_log
    elif log is not None:
        contents["build.log"] = lambda: read_for_keeping(log)
    return contents
