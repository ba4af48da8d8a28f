"""`build`: binary packages of components, built in clean chroots."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from altai_build.cli.app import App
from altai_build.cli.options import (
    against_option,
    choose_revision,
    dependants_option,
    format_option,
    json_option,
    selection_options,
    wait_option,
)
from altai_build.cli.output import NO_COMPONENTS, digest_cell, print_rows
from altai_build.cli.reading import open_released_builds
from altai_build.cli.run_end import count_free_lines, print_end
from altai_build.model.build import BuildResult


def nothing_changed(changed_since: str | None) -> str:
    """Why there is nothing to build."""
    return NO_COMPONENTS if changed_since is None else f"no component has changed since {changed_since}"


@click.command()
@selection_options
@click.option(
    "-o", "output", metavar="DIR", type=click.Path(path_type=Path), help="Also copy the packages to DIR."
)
@click.option(
    "--keep-going/--fail-fast",
    default=True,
    help="Continue with unrelated components after a failure (default), or stop.",
)
@against_option
@dependants_option
@wait_option
@format_option
@json_option
@click.pass_obj
def build(
    app: App,
    components: tuple[str, ...],
    changed_since: str | None,
    rev: str,
    worktree: bool,
    output: Path | None,
    keep_going: bool,
    against: str | None,
    dependants: str | None,
    wait: float,
    as_json: bool,
) -> int:
    """Build the RPMs of components in clean chroots.

    Without COMPONENT all components are built. The components that a component needs are built or reused first, and a
    failure blocks only the components that depend on it. A component is reused when none of its inputs has changed.
    A machine without earlier builds can take them from a release with --against.

    \b
    Examples:
      altai-build build
      altai-build build nova --rev v1.0.2 -o /tmp/rpms
      altai-build build nova --worktree
      altai-build build --changed-since v1.0.2 --against 1.0.2
    """
    from altai_build.pipeline.build.plan import plan_build
    from altai_build.pipeline.build.run import build_all
    from altai_build.pipeline.build.work_trees import warn_of_work_trees
    from altai_build.tools.output_directory import prepare_output

    started = time.monotonic()
    if output is not None:
        prepare_output(output)
    run = app.create_building_run(app.load_config(), dependants=dependants)
    with run.lock(wait=wait):
        revision = choose_revision(run, rev, worktree)
        build_plan = plan_build(run, revision, components, changed_since)
        if revision == "HEAD":
            warn_of_work_trees(run, build_plan.discovery.sourced)
        released = open_released_builds(run, against)
        find_released = released.find if released is not None else None
        build_run = build_all(run, build_plan, fail_fast=not keep_going, find_released=find_released)
        rows = list(build_run.rows)
        if output is not None:
            rows = _copy_packages(rows, output)
    print_rows(
        rows,
        as_json,
        ("status", "component", "commit", "seconds", "packages", "reason"),
        lambda row: (
            row.status.value,
            row.component,
            digest_cell(row.commit),
            f"{row.seconds:.1f}",
            ", ".join(rpm.path.name for rpm in row.rpms) or "-",
            row.reason.split("\n")[0],
        ),
        to_json=result_to_json,
        none=nothing_changed(changed_since),
        room=count_free_lines(run, rows),
    )
    print_end(app, run, rows, time.monotonic() - started, is_worktree=worktree)
    return build_run.exit_code


def result_to_json(result: BuildResult) -> dict[str, object]:
    """What became of a component, as `build --json` prints it."""
    return {
        "component": result.component,
        "commit": result.commit,
        "status": result.status,
        "srpm": result.srpm and str(result.srpm),
        "rpms": [str(rpm.path) for rpm in result.rpms],
        "log": result.log and str(result.log),
        "seconds": result.seconds,
        "reason": result.reason,
        "causes": result.list_causes(),
    }


def _copy_packages(results: Sequence[BuildResult], output: Path) -> list[BuildResult]:
    """The results with copies of their packages in a folder."""
    from altai_build.tools.output_directory import copy_all_into

    copies = iter(copy_all_into((rpm.path for result in results for rpm in result.rpms), output))
    return [
        replace(result, rpms=tuple(replace(rpm, path=next(copies)) for rpm in result.rpms))
        for result in results
    ]
