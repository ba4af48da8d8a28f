"""The result of a CI job in its log, and for the CI service that runs it."""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.cli.ci_results import read_log_end, result_to_json
from altai_build.cli.ci_summary import choose_shown, describe_installable, describe_outcome, format_summary
from altai_build.cli.ci_tests import print_tests, report_failed_tests
from altai_build.cli.output import print_json, print_table
from altai_build.errors import describe_cause, escape_control_characters
from altai_build.model.ci_result import RESULT_NAME, CiResult, Installable, TopicRepository
from altai_build.model.component_status import ComponentStatus

if TYPE_CHECKING:
    from altai_build.model.build import BuildResult
    from altai_build.pipeline.build.run import BuildRun
    from altai_build.pipeline.run import Run
    from altai_build.tools.ci_service import CiJob

_WRONG = (ComponentStatus.FAILED, ComponentStatus.BLOCKED)
_LONGEST_COMMAND = 500  # characters
# Packages that cannot be installed; the summary has all.
_MOST_REFUSED = 10
# The place in a compiler's message: a file, a line.
_PLACE = re.compile(r"(?:\./)*([\w+./-]+):(\d+):")


def report_ci_result(
    run: Run, result: CiResult, build_run: BuildRun | None, output: Path, job: CiJob, as_json: bool
) -> None:
    """Print the result, and tell the CI service what it shows to people."""
    from altai_build.tools.ci_service import annotate_error, fold_lines

    if as_json:
        print_json(result_to_json(result))
    else:
        rows, tests = result.rows, result.tests
        if job.service is not None:
            rows = tuple(choose_shown(rows, lambda row: row.status in _WRONG))
            tests = tuple(choose_shown(tests, lambda row: row.status.is_bad))
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
            run.reporter.info(f"the tables are shortened: {output / RESULT_NAME} has all of them")
    files = _list_files(build_run) if build_run is not None else {}
    for row in result.with_status(ComponentStatus.FAILED):
        why = row.describe_failure()
        run.reporter.warn(f"{row.component}: {why}")
        file, line = _find_place(row, files.get(row.component, ("", frozenset())))
        error = annotate_error(
            job.service, row.component, escape_control_characters(why), file=file, line=line
        )
        log = read_log_end(row)
        title = escape_control_characters(f"log of {row.component}", keep="")
        folded = fold_lines(job.service, title, log.split("\n")) if log else ""
        sys.stderr.write(folded + error)
    report_failed_tests(run.reporter, result, job)
    if job.summary is not None:
        try:
            with open(job.summary, "a", encoding="utf-8") as stream:
                stream.write(f"{format_summary(result)}\n")
        except OSError as error:
            # The results are in their folder, and the exit code is theirs.
            run.reporter.warn(
                f"the summary of the step is not written: {job.summary}: {describe_cause(error)}"
            )
    run.reporter.info(f"{result.outcome}: {describe_outcome(result)}; see {output / 'summary.md'}")
    if result.topic is not None:
        _report_installable(run, result.topic, output / "summary.md")


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
