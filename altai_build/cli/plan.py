"""`plan`: which components would be built, in which order, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.options import (
    against_option,
    choose_revision,
    format_option,
    json_option,
    selection_options,
)
from altai_build.cli.output import digest_cell, print_json, print_table
from altai_build.cli.reading import open_released_builds
from altai_build.errors import AltaiError

if TYPE_CHECKING:
    from altai_build.model.component import ComponentWithoutSrpm
    from altai_build.pipeline.build.plan import BuildPlan


@click.command()
@selection_options
@against_option
@click.option(
    "--tests",
    "with_tests",
    is_flag=True,
    help="Show the unit tests of each component that `altai-build test` would run, and what says so.",
)
@click.option(
    "--affected",
    is_flag=True,
    help="With --tests: show how many tests of each component `altai-build test --affected` would run, and why.",
)
@format_option
@json_option
@click.pass_obj
def plan(
    app: App,
    components: tuple[str, ...],
    changed_since: str | None,
    rev: str,
    worktree: bool,
    against: str | None,
    with_tests: bool,
    affected: bool,
    as_json: bool,
) -> int:
    """Show what would be built, in which order and why.

    Nothing is built. Components of one wave do not depend on each other. Dependencies are read from the specs without
    running them.

    \b
    Examples:
      altai-build plan
      altai-build plan --changed-since v1.0.1
      altai-build plan --against latest
      altai-build plan --tests
      altai-build plan --tests --affected
    """
    from altai_build.model.order import DEFAULT_BUILD_SECONDS
    from altai_build.pipeline.build.plan import plan_build
    from altai_build.pipeline.build.work_trees import warn_of_work_trees

    if affected and not with_tests:
        raise click.UsageError("--affected is only for --tests")
    run = app.create_run(app.load_config(), builds=False)
    revision = choose_revision(run, rev, worktree)
    build_plan = plan_build(run, revision, components, changed_since)
    if components and revision == "HEAD":
        warn_of_work_trees(run, build_plan.discovery.sourced)
    if with_tests:
        from altai_build.cli.suites import show_suites

        show_suites(run, build_plan, affected=affected, as_json=as_json)
        return get_exit_code(build_plan)
    released = open_released_builds(run, against, with_packages=False)
    if released is not None:
        build_plan = released.describe(build_plan)
    if as_json:
        print_json(_plan_to_json(build_plan, app.jobs))
        return get_exit_code(build_plan)
    rows = [*list_wave_rows(build_plan, build_plan.reasons), *list_skipped_rows(build_plan)]
    print_table(("wave", "component", "commit", "needs", "reason"), rows)
    order = build_plan.order
    for text in describe_unreadable(build_plan.discovery.unreadable):
        run.reporter.warn(text)
    for cycle in order.cycles:
        run.reporter.warn(f"build dependency cycle: {order.describe_cycle(cycle)}")
    if not rows:
        from altai_build.cli.build import nothing_changed

        run.reporter.warn(nothing_changed(changed_since))
    buildable = build_plan.buildable
    if buildable.critical_path:
        total = buildable.estimate_duration(app.jobs)
        run.reporter.info(
            f"critical path: {' → '.join(buildable.critical_path)}, about {buildable.critical_path_seconds:.0f} s; "
            f"everything with {app.jobs} jobs: about {total:.0f} s, less what is reused "
            f"(from earlier builds; {DEFAULT_BUILD_SECONDS:.0f} s is assumed for a component that was never built)"
        )
    return get_exit_code(build_plan)


def describe_unreadable(components: Sequence[ComponentWithoutSrpm]) -> list[str]:
    """What is wrong with components that cannot be read: one text for all that have the same reason and cure."""
    groups: dict[tuple[str, str], list[str]] = {}
    for component in components:
        if component.error is not None:
            from altai_build.model.component_status import name_component  # seldom needed

            error = component.error
            groups.setdefault((error.why, error.todo), []).append(name_component(component.name, error.what))
    return [str(AltaiError("\n".join(lines), why=why, todo=todo)) for (why, todo), lines in groups.items()]


def get_exit_code(build_plan: BuildPlan) -> int:
    """That of the errors of components that cannot be read; 0 when there is none."""
    errors = (component.error for component in build_plan.discovery.unreadable)
    return max((error.exit_code for error in errors if error is not None), default=0)


def list_wave_rows(build_plan: BuildPlan, reasons: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Table rows (wave, component, commit, needs, reason); blocked components come last."""
    order, commits = build_plan.order, build_plan.commits
    placed = [
        (str(number), name, reasons.get(name, ""))
        for number, wave in enumerate(order.waves, start=1)
        for name in wave
        if name not in build_plan.blocked
    ]
    blocked = [("-", name, f"blocked: {reason}") for name, reason in build_plan.blocked.items()]
    blocked += [
        ("-", name, order.describe_blocked(name))
        for name in order.blocked_by_cycle
        if name not in build_plan.blocked
    ]
    return [
        (number, name, digest_cell(commits[name]), ", ".join(order.needs[name]) or "-", reason)
        for number, name, reason in (*placed, *blocked)
    ]


def list_skipped_rows(build_plan: BuildPlan) -> list[tuple[str, ...]]:
    """The same for components without a source package."""
    return [
        (
            "-",
            skipped.name,
            digest_cell(skipped.commit),
            "-",
            f"{'skipped' if skipped.error is None else 'failed'}: {skipped.reason}",
        )
        for skipped in build_plan.discovery.without_srpm
    ]


def order_to_json(build_plan: BuildPlan, reasons: Mapping[str, str]) -> dict[str, object]:
    """Waves, cycles, skipped and failed components, as `plan --json` and `release --dry-run --json` print them."""
    order, commits = build_plan.order, build_plan.commits

    def component(name: str, reason: str) -> dict[str, object]:
        return {
            "component": name,
            "commit": commits[name],
            "needs": order.needs[name],
            "reason": reason,
        }

    return {
        "waves": [
            [component(name, reasons.get(name, "")) for name in wave if name not in build_plan.blocked]
            for wave in order.waves
        ],
        "cycles": order.cycles,
        "blocked": [
            *(component(name, reason) for name, reason in build_plan.blocked.items()),
            *(
                component(name, order.describe_blocked(name))
                for name in order.blocked_by_cycle
                if name not in build_plan.blocked
            ),
        ],
        "skipped": [
            {"component": out.name, "commit": out.commit, "reason": out.reason}
            for out in build_plan.discovery.without_srpm
            if out.error is None
        ],
        "failed": [
            {"component": out.name, "commit": out.commit, "reason": str(out.error)}
            for out in build_plan.discovery.unreadable
        ],
    }


def _plan_to_json(build_plan: BuildPlan, jobs: int) -> dict[str, object]:
    buildable = build_plan.buildable
    return {
        "commit": build_plan.discovery.commit,
        **order_to_json(build_plan, build_plan.reasons),
        "critical_path": buildable.critical_path,
        "critical_path_seconds": round(buildable.critical_path_seconds, 1),
        "expected_seconds": round(buildable.estimate_duration(jobs), 1),
    }
