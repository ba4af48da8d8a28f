"""`plan` and `build`: what would be built in which order, and building it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from altai_build.cli.app import (
    NO_COMPONENTS,
    App,
    dependants_option,
    json_option,
    print_json,
    print_rows,
    print_table,
    wait_option,
)
from altai_build.model.plan import Status

if TYPE_CHECKING:
    from altai_build.model.order import Order


def _selection(command: Any) -> Any:
    """The arguments that `plan` and `build` share."""
    for option in (
        click.argument("components", nargs=-1, metavar="[COMPONENT]..."),
        click.option(
            "--changed-since", metavar="REV", help="Only what changed since REV, and what depends on it."
        ),
        click.option("--rev", metavar="REV", default="HEAD", help="The superproject commit; default: HEAD."),
    ):
        command = option(command)
    return command


def _nothing(changed_since: str | None) -> str:
    """Why there is nothing to build."""
    return NO_COMPONENTS if changed_since is None else f"no component has changed since {changed_since}"


@click.command()
@_selection
@json_option
@click.pass_obj
def plan(app: App, components: tuple[str, ...], changed_since: str | None, rev: str, as_json: bool) -> None:
    """Show what would be built, in which order and why, without building anything.

    Components of one wave do not need one another. Dependencies are read from the specs without running them.

    \b
    Example:
      altai-build plan --changed-since v1.0.1
    """
    from altai_build.pipeline.builds import make_plan

    run = app.run(app.config())
    planned = make_plan(run, rev, components, changed_since)
    order = planned.order
    commits = planned.commits
    if as_json:
        print_json(
            {
                "commit": planned.discovery.commit,
                "waves": [
                    [
                        {
                            "component": name,
                            "commit": commits[name],
                            "needs": order.needs[name],
                            "reason": planned.reasons.get(name, ""),
                        }
                        for name in wave
                    ]
                    for wave in order.waves
                ],
                "cycles": order.cycles,
                "critical_path": order.critical_path,
                "critical_path_seconds": round(order.expected_seconds, 1),
                "expected_seconds": round(order.duration(app.jobs), 1),
                "stuck": [
                    {
                        "component": name,
                        "commit": commits[name],
                        "needs": order.needs[name],
                        "reason": _why_stuck(name, order),
                    }
                    for name in order.stuck
                ],
                "skipped": [
                    {"component": out.name, "commit": out.commit, "reason": out.reason}
                    for out in planned.discovery.left_out
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
            planned.reasons.get(name, ""),
        )
        for number, wave in enumerate(order.waves, start=1)
        for name in wave
    ]
    rows += [
        ("-", name, commits[name][:12], ", ".join(order.needs[name]), _why_stuck(name, order))
        for name in order.stuck
    ]
    rows += [
        ("-", out.name, out.commit[:12], "-", f"skipped: {out.reason}") for out in planned.discovery.left_out
    ]
    print_table(("wave", "component", "commit", "needs", "reason"), rows)
    for cycle in order.cycles:
        run.story.warn(f"build dependencies go round in a circle: {order.told(cycle)}")
    if not rows:
        run.story.warn(_nothing(changed_since))
    if order.critical_path:
        run.story.tell(
            f"critical path: {' → '.join(order.critical_path)}, about {order.expected_seconds:.0f} s; "
            f"everything with {app.jobs} jobs: about {order.duration(app.jobs):.0f} s, less what is reused "
            "(from earlier builds; 30 s is assumed for what was never built)"
        )


def _why_stuck(name: str, order: Order) -> str:
    """Why a component is in no wave."""
    own = next((cycle for cycle in order.cycles if name in cycle), None)
    if own is not None:
        return f"it goes round in a circle: {order.told(own)}"
    return f"it waits for a circle: {', '.join(one for one in order.needs[name] if one in order.stuck)}"


@click.command()
@_selection
@click.option(
    "-o", "output", metavar="DIR", type=click.Path(path_type=Path), help="Also put the packages in DIR."
)
@click.option(
    "--keep-going/--fail-fast",
    default=True,
    help="After a failure build what does not depend on it (the default), or start nothing more.",
)
@dependants_option
@wait_option
@json_option
@click.pass_obj
def build(
    app: App,
    components: tuple[str, ...],
    changed_since: str | None,
    rev: str,
    output: Path | None,
    keep_going: bool,
    dependants: str | None,
    wait: float,
    as_json: bool,
) -> int:
    """Build binary packages in clean chroots; all components when none is named.

    What a component needs of the others is built, or reused, before it. A failure blocks only what depends on it.
    Packages of the same inputs are not built again.

    \b
    Example:
      altai-build build nova --rev v1.0.2 -o /tmp/rpms
    """
    from altai_build.pipeline.builds import build_all, make_plan
    from altai_build.tools.files import make_directory, put

    run = app.run(app.config(), dependants=dependants)
    with run.workspace.lock(wait=wait):
        building = build_all(run, make_plan(run, rev, components, changed_since), fail_fast=not keep_going)
        rows = list(building.rows)
        if output is not None:
            make_directory(output)
            for index, row in enumerate(rows):
                rows[index] = replace(row, rpms=tuple(str(put(Path(name), output)) for name in row.rpms))
    print_rows(
        rows,
        as_json,
        ("status", "component", "commit", "seconds", "packages", "reason"),
        lambda row: (
            row.status.value,
            row.component,
            row.commit[:12],
            f"{row.seconds:.1f}",
            ", ".join(Path(rpm).name for rpm in row.rpms) or "-",
            row.reason.split("\n")[0],
        ),
        none=_nothing(changed_since),
    )
    for row in rows:
        if row.status is Status.FAILED:
            run.story.warn(f"{row.component}: {row.reason}" + (f"\n  the log: {row.log}" if row.log else ""))
    return building.exit_code
