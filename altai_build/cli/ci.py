"""`ci`: what a commit changed, built and published for review."""

from __future__ import annotations

import os
import posixpath
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.ci_init import ci_init
from altai_build.cli.ci_summary import choose_shown, describe_outcome, format_summary
from altai_build.cli.ci_tests import (
    choose_ci_exit_code,
    make_tests_json,
    print_tests,
    report_failed_tests,
    run_unit_tests,
    write_test_results,
)
from altai_build.cli.options import against_option, choose_passphrase, json_option, rev_option, wait_option
from altai_build.cli.output import format_json, print_json, print_table
from altai_build.errors import escape_control_characters
from altai_build.model.ci_result import RESULT_NAME, TESTS_FOLDER, CiResult
from altai_build.model.component_status import ComponentStatus
from altai_build.model.coverage_table import NO_COVERAGE

if TYPE_CHECKING:
    from altai_build.model.build import BuildResult
    from altai_build.model.coverage_table import CoverageTable
    from altai_build.model.gitlink import CommitId
    from altai_build.model.unit_tests import TestResult
    from altai_build.pipeline.build.run import BuildRun
    from altai_build.pipeline.published.released_builds import ReleasedBuilds
    from altai_build.pipeline.run import Run
    from altai_build.tools.ci_service import CiJob
    from altai_build.tools.git.merge_base import ComparedCommit

_DEFAULT_FOLDER = "ci-results"
# Lines of a failed component's log that are printed.
_SHOWN_LINES = 60
_WRONG = (ComponentStatus.FAILED, ComponentStatus.BLOCKED)
_LONGEST_COMMAND = 500  # characters
_LOG_TAIL = 64 << 10  # bytes
# The place in a compiler's message: a file, a line.
_PLACE = re.compile(r"(?:\./)*([\w+./-]+):(\d+):")


def _check_url(_ctx: click.Context, _param: click.Parameter, url: str | None) -> str | None:
    from altai_build.config.names import check_baseurl
    from altai_build.config.repositories import check_url

    if url is not None and (wrong := check_url(url) or check_baseurl(url)):
        raise click.BadParameter(wrong)
    return url


def _read_components(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Component → commit or clone, as typed."""
    pairs = [value.partition("=") for value in values]
    for name, equals, where in pairs:
        if not (name and equals and where):
            raise click.BadParameter(f"{name}: write NAME=COMMIT or NAME=CLONE")
    if len({name for name, _, _ in pairs}) < len(pairs):
        raise click.BadParameter("a component is named twice")
    return {name: where for name, _, where in pairs}


@click.group(invoke_without_command=True, subcommand_metavar="[init ...]")
@click.option(
    "--since",
    metavar="REV",
    help="The commit to compare with. Default: what the CI service names, else where the branch left the main branch, "
    "else the first parent.",
)
@rev_option
@click.option(
    "--component",
    "pinned",
    metavar="NAME=COMMIT",
    multiple=True,
    callback=_read_components,
    help="Build this commit of a component before the superproject pins it: a full commit id, which is fetched from "
    "the component's remote where no clone here has it, or the path of a clone, whose HEAD is taken. May be repeated; "
    "compared with the pins in --rev.",
)
@click.option(
    "--dependents",
    type=click.Choice(["none", "direct", "all"]),
    help="Build the components that need a changed one again: none of them, those whose specs require its packages "
    "(direct), or all. Default: those for which a package that they were built with has changed as build.dependants "
    "in repos.yaml says.",
)
@against_option
@click.option(
    "-o",
    "output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=_DEFAULT_FOLDER,
    help=f"The folder for the results; default: {_DEFAULT_FOLDER}.",
)
@click.option(
    "--url",
    metavar="URL",
    callback=_check_url,
    help="Where clients will find DIR; default: its path on this machine.",
)
@click.option(
    "--tests/--no-tests",
    "with_tests",
    default=True,
    help="Run the unit tests of what has changed and of what depends on it (default), as `altai-build test` does.",
)
@wait_option
@json_option
@click.pass_context
def ci(
    ctx: click.Context,
    since: str | None,
    rev: str,
    pinned: dict[str, str],
    dependents: str | None,
    against: str | None,
    output: Path,
    url: str | None,
    with_tests: bool,
    wait: float,
    as_json: bool,
) -> int:
    """Build and test what a commit changed, for review.

    What depends on it is built again, and packages of the latest release (or of --against) are used where their inputs
    are the same. DIR gets `repo/`, a yum repository with what the release does not have, its .repo file, `summary.md`
    for a comment on the merge request, `junit.xml`, `result.json`, `logs/` and `tests/`, in place of the results of an
    earlier job. Where nothing has changed, that is a success.

    \b
    Examples:
      altai-build ci
      altai-build ci --since origin/main -o results --url https://ci.example.org/42/results
      altai-build ci --component nova=../nova
      altai-build ci init github
    """
    if ctx.invoked_subcommand is not None:
        return 0
    app: App = ctx.obj
    from altai_build.pipeline.ci import (
        choose_compared_commit,
        make_topic_repository,
        open_results,
        pin_components,
        prepare_results_folder,
        unlock_topic_key,
    )
    from altai_build.tools.ci_service import recognise_job
    from altai_build.tools.git.merge_base import ComparedCommit
    from altai_build.tools.git.revisions import RepositoryHistory

    prepare_results_folder(output)
    policy = "rebuild" if dependents in ("direct", "all") else None
    run = app.create_run(app.load_config(), dependants=policy)
    job = recognise_job(os.environ)
    if job.service is not None:
        run.reporter.timestamps = run.reporter.brief = True
    history = RepositoryHistory(run.superproject.path)
    commit = history.resolve_revision(rev)
    built, pins = pin_components(run, commit, pinned) if pinned else (commit, {})
    if pinned and since is None:
        compared = ComparedCommit(commit, "the pins that --component replaces")
    else:
        compared = choose_compared_commit(history, commit, job, since)
    where = compared.commit[:12] if compared.commit is not None else "nothing"
    other = "".join(f" with {path} at {pin[:12]}" for path, pin in pins.items())
    run.reporter.info(f"{commit[:12]}{other} is compared with {where} ({compared.reason})")
    with run.lock(wait=wait), unlock_topic_key(run, choose_passphrase()) as key:
        build_run, released, tests, coverage = _build(run, built, compared, dependents, against, with_tests)
        with open_results(output) as folder:
            topic = None
            if build_run is not None:
                place = url.rstrip("/") if url is not None else output.absolute().as_uri()
                topic = make_topic_repository(run, build_run, released, folder, place, key)
            result = CiResult(
                commit=commit,
                since=compared.commit,
                compared=compared.reason,
                rows=build_run.rows if build_run is not None else (),
                exit_code=choose_ci_exit_code(build_run.exit_code if build_run is not None else 0, tests),
                against=released.version if released is not None else None,
                topic=topic,
                pins=pins,
                tests=tests,
                coverage=coverage,
                has_tested=with_tests,
            )
            _write_results(result, folder)
    _report(run, result, build_run, output, job, as_json)
    return result.exit_code


ci.add_command(ci_init)


def _build(
    run: Run,
    commit: CommitId,
    compared: ComparedCommit,
    dependents: str | None,
    against: str | None,
    with_tests: bool,
) -> tuple[BuildRun | None, ReleasedBuilds | None, tuple[TestResult, ...], CoverageTable]:
    """What became of the change, the release that it lies on, its unit tests and their coverage.

    None where nothing has changed, or there is no release.
    """
    from altai_build.pipeline.build.plan import plan_build
    from altai_build.pipeline.build.run import build_all
    from altai_build.pipeline.build.selection import Dependents
    from altai_build.pipeline.published.releases import PublishedReleases
    from altai_build.pipeline.unit_tests.plan import plan_tests

    since = compared.commit[:12] if compared.commit is not None else None
    policy = Dependents(dependents or "all")
    test_plan = plan_tests(run, commit, (), since, policy) if with_tests else None
    plan = test_plan.build_plan if test_plan else plan_build(run, commit, (), since, policy)
    if not plan.discovery.sourced and not plan.discovery.without_srpm:
        return None, None, (), NO_COVERAGE
    released = _open_release(run, against)
    published = PublishedReleases.load(
        run.config.get_release_settings().directory, *([released.directory] if released is not None else [])
    )
    build_run = build_all(
        run,
        plan,
        has_no_name_conflict=published.has_no_name_conflict,
        find_released=released.find if released is not None else None,
    )
    return (build_run, released, *run_unit_tests(run, test_plan, build_run))


def _open_release(run: Run, against: str | None) -> ReleasedBuilds | None:
    """The builds of the named release, else of the latest one; None where there is no release yet."""
    from altai_build.cli.reading import open_released_builds
    from altai_build.pipeline.published.catalog import open_catalog

    if against is None:
        with open_catalog(run, None) as catalog:
            against = catalog.find_latest()
    if against is None:
        run.reporter.info("there is no release yet: no packages are taken from one")
    return open_released_builds(run, against)


def _write_results(result: CiResult, folder: Path) -> None:
    """The logs of all components, and the result for people, for CI services and for programs."""
    from altai_build.stages.junit import format_junit
    from altai_build.tools.buildlog.reading import read_for_keeping
    from altai_build.tools.files import make_directory, write_atomically

    for row in result.rows:
        if row.log is not None:
            log = folder / _log_name(row)
            make_directory(log.parent)
            write_atomically(log, read_for_keeping(row.log), durable=False)
    write_test_results(result, folder / TESTS_FOLDER)
    junit = format_junit(result.rows, _read_log_end, result.tests)
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
            "install": topic.install_command,
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
                "log": _log_name(row) if row.log is not None else None,
            }
            for row in result.rows
        ],
        "tests": make_tests_json(result) if result.has_tested else None,
    }


def _log_name(row: BuildResult) -> str:
    return f"logs/{row.component}.log"


def _read_log_end(row: BuildResult) -> str:
    """The last lines of a failed component's log; "" without a log."""
    from altai_build.tools.buildlog.reading import read_ends

    if row.log is None:
        return ""
    text = read_ends(row.log, 0, _LOG_TAIL)[2].decode("utf-8", "replace")
    lines = [escape_control_characters(line, keep="\t") for line in text.splitlines()]
    return "\n".join(lines[-_SHOWN_LINES:])


def _report(
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
        log = _read_log_end(row)
        title = escape_control_characters(f"log of {row.component}", keep="")
        folded = fold_lines(job.service, title, log.split("\n")) if log else ""
        sys.stderr.write(folded + error)
    report_failed_tests(run.reporter, result, job)
    if job.summary is not None:
        with open(job.summary, "a", encoding="utf-8") as stream:
            stream.write(f"{format_summary(result)}\n")
    run.reporter.info(f"{result.outcome}: {describe_outcome(result)}; see {output / 'summary.md'}")
    if result.topic is not None:
        command = result.topic.install_command
        place = output / "summary.md"
        run.reporter.info(
            f"install the packages: {command if len(command) <= _LONGEST_COMMAND else f'see {place}'}"
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
