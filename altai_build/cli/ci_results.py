"""The result of a CI job in its folder: for people, for CI services and for programs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.cli.ci_summary import format_summary
from altai_build.cli.ci_tests import choose_ci_exit_code, make_tests_json, write_test_results
from altai_build.cli.output import format_json
from altai_build.errors import escape_control_characters
from altai_build.model.ci_result import RESULT_NAME, TESTS_FOLDER, CiResult, TopicRepository

if TYPE_CHECKING:
    from altai_build.model.build import BuildResult
    from altai_build.pipeline.ci import Change
    from altai_build.pipeline.ci_job import BuiltChange
    from altai_build.pipeline.published.released_builds import ReleasedBuilds

# Lines of a failed component's log that are printed.
_SHOWN_LINES = 60
_LOG_TAIL = 64 << 10  # bytes


def make_ci_result(
    change: Change,
    built: BuiltChange | None,
    released: ReleasedBuilds | None,
    topic: TopicRepository | None,
    *,
    has_tested: bool,
) -> CiResult:
    """The result of a job; `built` is None where nothing has changed."""
    result = CiResult(
        commit=change.commit,
        since=change.compared.commit,
        compared=change.compared.reason,
        rows=(),
        exit_code=0,
        pins=change.pins,
        has_tested=has_tested,
    )
    if built is None:
        return result
    return replace(
        result,
        rows=built.build_run.rows,
        exit_code=choose_ci_exit_code(built.build_run.exit_code, built.tests),
        against=released.version if released is not None else None,
        topic=topic,
        tests=built.tests,
        coverage=built.coverage,
    )


def write_ci_results(result: CiResult, folder: Path) -> None:
    """The logs of all components, and the result for people, for CI services and for programs."""
    from altai_build.stages.junit import format_junit
    from altai_build.tools.buildlog.reading import read_for_keeping
    from altai_build.tools.files import make_directory, write_atomically

    for row in result.rows:
        if row.log is not None:
            log = folder / name_log(row.component)
            make_directory(log.parent)
            write_atomically(log, read_for_keeping(row.log), durable=False)
    write_test_results(result, folder / TESTS_FOLDER)
    junit = format_junit(result.rows, read_log_end, result.tests)
    write_atomically(folder / "junit.xml", junit, durable=False)
    write_atomically(folder / "summary.md", f"{format_summary(result)}\n".encode(), durable=False)
    write_atomically(folder / RESULT_NAME, format_json(result_to_json(result)).encode(), durable=False)


def result_to_json(result: CiResult) -> dict[str, object]:
    """The result as `ci --json` prints it; paths are those in the folder of results."""
    topic = result.topic
    return {
        "outcome": result.outcome,
        "exit_code": result.exit_code,
        "commit": result.commit,
        "pins": dict(result.pins),
        "since": result.since,
        "compared": result.compared,
        "against": result.against,
        "topic": topic
        and {
            "section": topic.section,
            "url": topic.url,
            "signer": topic.signer or None,
            "files": list(topic.files),
            "install": topic.install_command or None,
            "installable": {
                "answer": topic.check.answer,
                "reason": topic.check.reason or None,
                "refused": dict(topic.check.refused),
            },
        },
        "components": [
            {
                "component": row.component,
                "commit": row.commit,
                "status": row.status,
                "reason": row.reason,
                "causes": row.list_causes(),
                "seconds": row.seconds,
                "packages": [rpm.path.name for rpm in row.rpms],
                "log": name_log(row.component) if row.log is not None else None,
            }
            for row in result.rows
        ],
        "tests": make_tests_json(result) if result.has_tested else None,
    }


def name_log(component: str) -> str:
    """The path of a component's log in the folder of results."""
    return f"logs/{component}.log"


def read_log_end(row: BuildResult) -> str:
    """The last lines of a failed component's log; "" without a log."""
    from altai_build.tools.buildlog.reading import read_ends

    if row.log is None:
        return ""
    text = read_ends(row.log, 0, _LOG_TAIL)[2].decode("utf-8", "replace")
    lines = [escape_control_characters(line, keep="\t") for line in text.splitlines()]
    return "\n".join(lines[-_SHOWN_LINES:])
