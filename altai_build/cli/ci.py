"""`ci`: what a commit changed, built and published for review."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.ci_init import ci_init
from altai_build.cli.options import (
    against_option,
    baseline_option,
    choose_passphrase,
    json_option,
    rev_option,
    wait_option,
)

if TYPE_CHECKING:
    from altai_build.pipeline.published.released_builds import ReleasedBuilds
    from altai_build.pipeline.run import Run

_DEFAULT_FOLDER = "ci-results"


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
@baseline_option
@click.option(
    "--affected",
    is_flag=True,
    help="Of Python projects run only the tests that the change affects, as `altai-build test --affected` does.",
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
    baseline: str | None,
    affected: bool,
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
    from altai_build.cli.ci_report import CiReport, report_ci_result
    from altai_build.cli.ci_results import make_ci_result, write_ci_results
    from altai_build.pipeline.ci import (
        find_change,
        has_changed,
        make_topic_repository,
        open_results,
        reserve_results,
        unlock_topic_key,
    )
    from altai_build.stages.coverage_store import load_baseline
    from altai_build.tools.ci_service import recognise_job

    started = time.monotonic()
    before = load_baseline(Path(baseline)) if baseline is not None else None
    with ExitStack() as stack:
        stack.enter_context(reserve_results(output))
        policy = "rebuild" if dependents in ("direct", "all") else None
        run = app.create_building_run(app.load_config(), dependants=policy)
        job = recognise_job(os.environ)
        if job.service is not None:
            run.reporter.brief = True
        for text in job.ignored:
            run.reporter.warn(text)
        change = find_change(run, rev, pinned, job, since)
        run.reporter.info(change.description)
        key = built = released = topic = None
        # Without changes it does not wait for a run that has the workspace.
        if has_changed(run, change):
            from altai_build.pipeline.build.selection import Dependents
            from altai_build.pipeline.ci_job import build_change, plan_change

            stack.enter_context(run.lock(wait=wait))
            key = stack.enter_context(unlock_topic_key(run, choose_passphrase()))
            plan = plan_change(run, change, Dependents(dependents or "all"), with_tests=with_tests)
            if plan is not None:
                released = _open_release(run, against)
                built = build_change(
                    run, plan, released, since=change.compared.commit, baseline=before, affected=affected
                )
        folder = stack.enter_context(open_results(output))
        if built is not None:
            place = url.rstrip("/") if url is not None else output.absolute().as_uri()
            topic = make_topic_repository(run, built.build_run, released, folder, place, key)
        result = make_ci_result(change, built, released, topic, has_tested=with_tests)
        write_ci_results(result, folder)
    build_run = built.build_run if built is not None else None
    report = CiReport(result, build_run, output, job, time.monotonic() - started)
    report_ci_result(app, run, report, as_json=as_json)
    return result.exit_code


ci.add_command(ci_init)


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
