"""The result of a CI job in its log, and for the CI service that runs it."""

from __future__ import annotations

import posixpath
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.cli.ci_results import name_log, read_log_end, result_to_json
from altai_build.cli.ci_summary import describe_installable, describe_outcome, format_summary
from altai_build.cli.ci_tests import list_failed_tests, print_tests
from altai_build.cli.output import print_json, print_table
from altai_build.cli.run_end import (
    choose_shown,
    count_lines_left,
    print_failures,
    print_fix,
    print_log_command,
)
from altai_build.cli.test_report import describe_results
from altai_build.errors import describe_cause, escape_control_characters, quote_path
from altai_build.model.ci_result import RESULT_NAME, CiResult, Installable, TopicRepository
from altai_build.model.component_status import ComponentStatus
from altai_build.model.run_summary import Failure, describe_blocked, describe_failures, list_failures
from altai_build.model.task_view import format_elapsed

if TYPE_CHECKING:
    from altai_build.cli.app import App
    from altai_build.model.build import BuildResult
    from altai_build.pipeline.build.run import BuildRun
    from altai_build.pipeline.run import Run
    from altai_build.tools.ci_service import CiJob

_WRONG = (ComponentStatus.FAILED, ComponentStatus.BLOCKED)
# Of a table in the log of a job, which begins with the progress output: a run without failures is a page.
_MOST_LINES = 20
_LONGEST_COMMAND = 500  # characters
# Packages that cannot be installed; the summary has all.
_MOST_REFUSED = 10
# The place in a compiler's message: a file, a line.
_PLACE = re.compile(r"(?:\./)*([\w+./-]+):(\d+):")


@dataclass(frozen=True)
class CiReport:
    """A result, and what its report needs: the builds (None without any), the folder of results, the job, seconds."""

    result: CiResult
    build_run: BuildRun | None
    output: Path
    job: CiJob
    seconds: float

    def list_failures(self) -> list[Failure]:
        """What failed, with the logs in the folder of results."""
        builds = [
            replace(failure, log=str(self.output / name_log(failure.name)) if failure.log else "")
            for failure in list_failures(self.result.rows)
        ]
        return [*builds, *list_failed_tests(self.result, self.output)]

    def list_counts(self) -> list[str]:
        """What could not be built, the whole in a line, and what became of unit tests."""
        result = self.result
        outcome = f"{result.outcome}: {describe_outcome(result)} in {format_elapsed(self.seconds)}"
        lines = [*describe_blocked(result.rows), f"{outcome}; see {self.output / 'summary.md'}"]
        if result.has_tested and result.rows:
            lines.append(f"unit tests: {describe_results(result.tests)}")
        return lines


def report_ci_result(app: App, run: Run, report: CiReport, *, as_json: bool) -> None:
    """Print the result, and tell the CI service what it shows to people."""
    if as_json:
        print_json(result_to_json(report.result))
    else:
        _print_tables(run, report)
    # A person at a terminal opens the logs.
    if run.reporter.live is None:
        _print_log_ends(report)
    _write_step_summary(run, report)
    print_failures(run.reporter, report.list_failures())
    for line in report.list_counts():
        run.reporter.info(line)
    if report.result.topic is not None:
        _report_installable(run, report.result.topic, report.output / "summary.md")
    _print_next(app, run, report)


def _print_tables(run: Run, report: CiReport) -> None:
    """The tables of builds and of tests; those in the log of a job and on a terminal are short."""
    result = report.result
    rows, tests = result.rows, result.tests
    texts = [*describe_failures(report.list_failures(), brief=True), *report.list_counts()]
    left = count_lines_left(run.reporter, texts)
    if report.job.service is not None or left is not None:
        # Two tables, and whether packages can be installed.
        most = _MOST_LINES if left is None else (left - 4) // 2
        rows = tuple(choose_shown(rows, lambda row: row.status in _WRONG, most))
        tests = tuple(choose_shown(tests, lambda row: row.status.is_bad, most))
    print_table(
        ("status", "component", "commit", "seconds", "reason"),
        [
            (
                row.status.value,
                row.component,
                row.commit[:12],
                f"{row.seconds:.1f}",
                row.reason.split("\n")[0],
            )
            for row in rows
        ],
    )
    print_tests(tests, result.coverage)
    sys.stdout.flush()
    if len(rows) < len(result.rows) or len(tests) < len(result.tests):
        run.reporter.info(f"the tables are shortened: {report.output / RESULT_NAME} has all of them")


def _print_log_ends(report: CiReport) -> None:
    """The ends of the logs of components that failed, and what failed for a service that shows it beside lines."""
    from altai_build.tools.ci_service import annotate_error, fold_lines

    service = report.job.service
    files = _list_files(report.build_run) if report.build_run is not None else {}
    for row in report.result.with_status(ComponentStatus.FAILED):
        why = escape_control_characters(row.describe_failure())
        file, line = _find_place(row, files.get(row.component, ("", frozenset())))
        error = annotate_error(service, row.component, why, file=file, line=line)
        log = read_log_end(row)
        title = escape_control_characters(f"log of {row.component}", keep="")
        folded = fold_lines(service, title, log.split("\n")) if log else ""
        sys.stderr.write(folded + error)
    for tests in report.result.tests:
        if tests.status.is_bad:
            why = escape_control_characters("\n  ".join(tests.list_reasons()))
            sys.stderr.write(annotate_error(service, f"unit tests of {tests.component}", why))


def _print_next(app: App, run: Run, report: CiReport) -> None:
    """What to type after a failure; the workspace of a job may be gone by then."""
    result = report.result
    if not result.exit_code:
        return
    if report.job.service is None:
        print_log_command(app, run.reporter, result.rows)
    elif not result.pins:
        failed = [row.component for row in result.with_status(ComponentStatus.FAILED)]
        tested = [tests.component for tests in result.tests if tests.status.is_bad]
        verb, names = ("build", failed) if failed else ("test", tested)
        if names:
            command = f"altai-build {verb} {quote_path(names[0])} --rev {result.commit[:12]}"
            run.reporter.info(f"next: `{command}` does the same in a clone on your machine")
    print_fix(run.reporter, is_worktree=False, kept="finished builds are reused")


def _write_step_summary(run: Run, report: CiReport) -> None:
    """Append the summary to the file that the service shows on the page of the job."""
    job, result = report.job, report.result
    if job.summary is not None:
        try:
            with open(job.summary, "a", encoding="utf-8") as stream:
                stream.write(f"{format_summary(result)}\n")
        except OSError as error:
            # The results are in their folder, and the exit code is theirs.
            run.reporter.warn(
                f"the summary of the step is not written: {job.summary}: {describe_cause(error)}"
            )


def _report_installable(run: Run, topic: TopicRepository, summary: Path) -> None:
    """Whether what was built can be installed, and how."""
    refused, command = topic.check.refused, topic.install_command
    text = f"installable: {describe_installable(topic.check)}"
    if topic.check.answer is Installable.YES:
        run.reporter.info(text)
    else:
        reasons = [f"{name}: {why}" for name, why in refused.items()]
        run.reporter.warn("\n  ".join([text, *reasons[:_MOST_REFUSED]]))
    if command:
        what = "the others" if refused else "the packages"
        run.reporter.info(
            f"install {what}: {command if len(command) <= _LONGEST_COMMAND else f'see {summary}'}"
        )


def _list_files(build_run: BuildRun) -> dict[str, tuple[str, frozenset[str]]]:
    """Component → its path in the superproject, and the paths of its files."""
    return {
        source.component.name: (
            source.component.path,
            frozenset(entry.path for entry in source.tree if entry.is_file),
        )
        for source in build_run.build_plan.discovery.sourced
    }


def _find_place(row: BuildResult, files: tuple[str, frozenset[str]]) -> tuple[str, int]:
    """The file in the superproject and the line that an error is about; nothing where it names none of the commit."""
    folder, paths = files
    match = _PLACE.match(row.reason)
    if match is None or match[1] not in paths:
        return "", 0
    return posixpath.normpath(posixpath.join(folder, match[1])), int(match[2])
