"""`plan`: which components would be built, in which order, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.build import nothing_changed
from altai_build.cli.options import json_option, selection_options
from altai_build.cli.output import print_json, print_table

if TYPE_CHECKING:
    from altai_build.model.order import Order


@click.command()
@selection_options
@json_option
@click.pass_obj
def plan(app: App, components: tuple[str, ...], changed_since: str | None, rev: str, as_json: bool) -> None:
    """Show what would be built, in which order and why.

    Nothing is built. Components of one wave do not depend on each other. Dependencies are read from the specs without
    running them.

    \b
    Examples:
      altai-build plan
      altai-build plan --changed-since v1.0.1
    """
    from altai_build.pipeline.build.plan import plan_build

    run = app.create_run(app.load_config())
    build_plan = plan_build(run, rev, components, changed_since)
    order = build_plan.order
    commits = build_plan.commits
    if as_json:
        print_json(
            {
                "commit": build_plan.discovery.commit,
                "waves": [
                    [
                        {
                            "component": name,
                            "commit": commits[name],
                            "needs": order.needs[name],
                            "reason": build_plan.reasons.get(name, ""),
                        }
                        for name in wave
                    ]
                    for wave in order.waves
                ],
                "cycles": order.cycles,
                "critical_path": order.critical_path,
                "critical_path_seconds": round(order.critical_path_seconds, 1),
                "expected_seconds": round(order.estimate_duration(app.jobs), 1),
                "stuck": [
                    {
                        "component": name,
                        "commit": commits[name],
                        "needs": order.needs[name],
                        "reason": _explain_blocked(name, order),
                    }
                    for name in order.blocked_by_cycle
                ],
                "skipped": [
                    {"component": out.name, "commit": out.commit, "reason": out.reason}
                    for out in build_plan.discovery.without_srpm
                ],
            }
        )
        return
    rows = [
        (
            str(number),
            name,
            commits[name][:12],
            ", ".join(order.needs[name]) or "-",
            build_plan.reasons.get(name, ""),
        )
        for number, wave in enumerate(order.waves, start=1)
        for name in wave
    ]
    rows += [
        ("-", name, commits[name][:12], ", ".join(order.needs[name]), _explain_blocked(name, order))
        for name in order.blocked_by_cycle
    ]
    rows += [
        ("-", out.name, out.commit[:12], "-", f"skipped: {out.reason}")
        for out in build_plan.discovery.without_srpm
    ]
    print_table(("wave", "component", "commit", "needs", "reason"), rows)
    for cycle in order.cycles:
        run.story.warn(f"build dependencies go round in a circle: {order.describe_cycle(cycle)}")
    if not rows:
        run.story.warn(nothing_changed(changed_since))
    if order.critical_path:
        run.story.info(
            f"critical path: {' → '.join(order.critical_path)}, about {order.critical_path_seconds:.0f} s; "
            f"everything with {app.jobs} jobs: about {order.estimate_duration(app.jobs):.0f} s, less what is reused "
            "(from earlier builds; 30 s is assumed for what was never built)"
        )


def _explain_blocked(name: str, order: Order) -> str:
    """Why a component is in no wave."""
    own = next((cycle for cycle in order.cycles if name in cycle), None)
    if own is not None:
        return f"it goes round in a circle: {order.describe_cycle(own)}"
    return f"it waits for a circle: {', '.join(one for one in order.needs[name] if one in order.blocked_by_cycle)}"
