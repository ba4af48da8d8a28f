"""`explain`: why a component was built or reused, key by key, and what would build it again."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.options import dependants_option, json_option, rev_option
from altai_build.cli.output import print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altai_build.pipeline.build.explain import BuildExplanation, InputChange

_LONGEST = 40  # characters of a value; digests are told by their beginning


@click.command()
@click.argument("component")
@rev_option
@dependants_option
@json_option
@click.pass_obj
def explain(app: App, component: str, rev: str, dependants: str | None, as_json: bool) -> None:
    """Explain why COMPONENT was built or reused.

    Compares every input of the last build with its value now: the source package and its own inputs, the target, the
    builder, and each package of the buildroot. Also prints what would cause a rebuild. Builds nothing.

    \b
    Example:
      altai-build explain nova
    """
    from altai_build.pipeline.build.explain import explain_component

    told = explain_component(app.create_run(app.load_config(), dependants=dependants), rev, component)
    if as_json:
        print_json(_explanation_record(told))
        return
    print(f"{told.component} ({told.path}) at {told.commit[:12]}")
    if told.last_run is not None:
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(told.last_run.time))
        print(f"last run:  {told.last_run.status} on {when}: {told.last_run.reason}")
        _print_inputs(told.last_changes)
    else:
        print("last run:  none has come to it in this workspace")
    print(f"next run:  {told.would}: {told.reason}")
    print("inputs:")
    differ = [one for one in told.inputs if one.status != "same"]
    for status in dict.fromkeys(one.status for one in told.inputs):
        print(f"  {status}: {sum(one.status == status for one in told.inputs)}")
    shown = differ or [one for one in told.inputs if not one.name.startswith("buildroot ")]
    _print_inputs(shown)
    print("built again by:")
    for line in told.rebuilt_by:
        print(f"  {line}")


def _print_inputs(inputs: Sequence[InputChange]) -> None:
    if inputs:
        print_table(
            ("status", "input", "then", "now"),
            [(one.status, one.name, _short(one.then), _short(one.now)) for one in inputs],
        )


def _short(value: str | None) -> str:
    if value is None:
        return "-"
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"


def _explanation_record(told: BuildExplanation) -> dict[str, object]:
    tree = {name: getattr(told, name) for name in told.__dataclass_fields__}
    build = told.last_build
    # Its inputs stand below, each beside what it is now.
    tree["last_build"] = build and {key: value for key, value in asdict(build).items() if key != "inputs"}
    return tree
