"""`test`: the unit tests of components, in clean buildroots."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.options import (
    against_option,
    baseline_option,
    choose_revision,
    format_option,
    json_option,
    selection_options,
    wait_option,
)
from altai_build.cli.output import format_json, print_json
from altai_build.cli.reading import open_released_builds
from altai_build.errors import VerificationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altai_build.model.build import BuildResult
    from altai_build.model.unit_tests import TestResult


@click.command()
@selection_options
@click.option("--all", "run_all", is_flag=True, help="Run also the tests whose inputs have not changed.")
@click.option(
    "--affected",
    is_flag=True,
    help="Of Python projects run only the tests that may end differently than at the last commit before that was "
    "tested so: those that ran a function that has changed. The other results, and their coverage, are carried over. "
    "All run where something else has changed.",
)
@click.option(
    "--lock",
    is_flag=True,
    help="Run no tests: resolve the requirements from the Python package index (test.pypi in repos.yaml) to exact "
    "files for the target's Python, and write test.lock.yaml. Locked versions are kept as long as they fit.",
)
@click.option("--update", is_flag=True, help="With --lock: take the newest versions.")
@click.option(
    "-o",
    "output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Also write JUnit XML, the output of each suite, and the table of coverage as HTML, Markdown and JSON to DIR.",
)
@baseline_option
@click.option(
    "--require-goals",
    is_flag=True,
    help="Fail, with exit code 7, where a component misses its goal of coverage.",
)
@against_option
@wait_option
@format_option
@json_option
@click.pass_obj
def test(
    app: App,
    components: tuple[str, ...],
    changed_since: str | None,
    rev: str,
    worktree: bool,
    run_all: bool,
    affected: bool,
    lock: bool,
    update: bool,
    output: Path | None,
    baseline: str | None,
    require_goals: bool,
    against: str | None,
    wait: float,
    as_json: bool,
) -> int:
    """Run the unit tests of components in clean chroots.

    A component is built first; then its suite runs in its unpacked source, with the packages that its build and its
    own packages require, without network. The suite is components.NAME.test.command in repos.yaml, or is found in the
    files of its commit: `altai-build plan --tests` shows which one, and why. Tests that fail are run once more; those
    that pass then are flaky. Where nothing has changed since a run without failures, that counts.

    \b
    Examples:
      altai-build test
      altai-build test nova --worktree
      altai-build test --changed-since v1.0.2 -o test-results
      altai-build test nova --affected
      altai-build test --lock
      altai-build test --baseline main/coverage.json --require-goals
    """
    from altai_build.cli.run_end import print_fix, print_log_command
    from altai_build.cli.test_locking import lock_requirements
    from altai_build.cli.test_report import (
        choose_exit_code,
        print_results,
        results_to_json,
        write_coverage,
        write_results,
    )
    from altai_build.pipeline.build.run import build_all
    from altai_build.pipeline.build.work_trees import warn_of_work_trees
    from altai_build.pipeline.unit_tests.coverage import measure_coverage
    from altai_build.pipeline.unit_tests.locking import fetch_locked
    from altai_build.pipeline.unit_tests.plan import plan_tests
    from altai_build.pipeline.unit_tests.run import run_tests
    from altai_build.stages.coverage_store import load_baseline
    from altai_build.tools.files import write_atomically
    from altai_build.tools.output_directory import prepare_output

    started = time.monotonic()
    if update and not lock:
        raise click.UsageError("--update is only for --lock")
    if output is not None:
        prepare_output(output)
    before = load_baseline(Path(baseline)) if baseline is not None else None
    run = app.create_building_run(app.load_config())
    with run.lock(wait=wait):
        revision = choose_revision(run, rev, worktree)
        plan = plan_tests(run, revision, components, changed_since)
        if lock:
            is_whole = not components and changed_since is None
            return lock_requirements(run, plan, update=update, is_whole=is_whole, as_json=as_json)
        if revision == "HEAD":
            warn_of_work_trees(run, plan.build_plan.discovery.sourced)
        released = open_released_builds(run, against)
        find_released = released.find if released is not None else None
        results: Sequence[TestResult] = ()
        built: Sequence[BuildResult] = ()
        if plan.suites:
            locked = fetch_locked(run, plan)
            build_run = build_all(run, plan.build_plan, find_released=find_released)
            built = build_run.rows
            results = run_tests(run, plan, build_run, run_all=run_all, affected=affected, locked=locked)
        coverage = measure_coverage(run, plan, results, before)
    exit_code = choose_exit_code(results, is_named=bool(components))
    if exit_code == 0 and require_goals and coverage.missed_goals:
        exit_code = VerificationError.exit_code
    files = write_results(results, output) if output is not None else {}
    if output is not None:
        write_coverage(coverage, output)
        text = format_json(results_to_json(results, exit_code, coverage, files))
        write_atomically(output / "result.json", text.encode(), durable=False)
    if as_json:
        print_json(results_to_json(results, exit_code, coverage, files))
    else:
        print_results(run.reporter, results, changed_since, coverage, time.monotonic() - started)
        if any(result.status.is_bad for result in results):
            print_log_command(app, run.reporter, built)
            print_fix(run.reporter, is_worktree=worktree, kept="what has passed is not run again")
    return exit_code
