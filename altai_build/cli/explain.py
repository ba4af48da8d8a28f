"""`explain`: why a component was built or reused, input by input, and what would rebuild it."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.options import (
    against_option,
    component_argument,
    dependants_option,
    json_option,
    rev_option,
)
from altai_build.cli.output import print_json, print_table, print_text
from altai_build.cli.reading import open_released_builds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altai_build.model.build_inputs import InputChange
    from altai_build.pipeline.build.explain import BuildExplanation

_LONGEST = 40  # characters of a value in the table; of digests the beginning is enough


@click.command()
@component_argument
@rev_option
@against_option
@dependants_option
@json_option
@click.pass_obj
def explain(
    app: App, component: str, rev: str, against: str | None, dependants: str | None, as_json: bool
) -> None:
    """Explain why COMPONENT was built or reused.

    Compares every input of the last build with its value now: the source package and its own inputs, the target, the
    builder, and each package of the buildroot. Also prints what would cause a rebuild. Builds nothing. With --against
    it says whether the packages of a release would be used.

    \b
    Example:
      altai-build explain nova
    """
    from altai_build.pipeline.build.explain import explain_component

    run = app.create_run(app.load_config(), dependants=dependants, builds=False)
    # The keys of builds depend on what the builder can do.
    app.become_root()
    explanation = explain_component(run, rev, component, open_released_builds(run, against))
    if as_json:
        print_json(_explanation_to_json(explanation))
    else:
        _print_explanation(explanation)


def _print_explanation(explanation: BuildExplanation) -> None:
    from altai_build.model.build_inputs import BUILDROOT_PREFIX

    print_text(f"{explanation.component} ({explanation.path}) at {explanation.commit[:12]}")
    last_run = explanation.last_run
    if last_run is not None:
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(last_run.time))
        print_text(f"last run:  {last_run.status} on {when}: {last_run.reason}")
        _print_changes(explanation.last_changes)
    else:
        print("last run:  none in this workspace")
    print_text(f"next run:  {explanation.would}: {explanation.reason}")
    print("inputs:")
    statuses = [change.status for change in explanation.inputs]
    for status in dict.fromkeys(statuses):
        print_text(f"  {status}: {statuses.count(status)}")
    changed = [change for change in explanation.inputs if change.status != "same"]
    _print_changes(
        changed or [change for change in explanation.inputs if not change.name.startswith(BUILDROOT_PREFIX)]
    )
    print("rebuilt by:")
    for cause in explanation.rebuilt_by:
        print_text(f"  {cause}")


def _print_changes(changes: Sequence[InputChange]) -> None:
    if changes:
        print_table(
            ("status", "input", "then", "now"),
            [(change.status, change.name, _shorten(change.then), _shorten(change.now)) for change in changes],
        )


def _shorten(value: str | None) -> str:
    if value is None:
        return "-"
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"


def _explanation_to_json(explanation: BuildExplanation) -> dict[str, object]:
    tree = dict(vars(explanation))
    last_build = explanation.last_build
    # The inputs of the last build are in `inputs`, each with its value now.
    tree["last_build"] = last_build and {
        key: value for key, value in asdict(last_build).items() if key != "inputs"
    }
    return tree
