"""Command-line options that several verbs share."""

from __future__ import annotations

from typing import Any

import click


def json_option(command: Any) -> Any:
    """`--json`, which every verb takes: the answer as one JSON document."""
    return click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")(command)


def wait_option(command: Any) -> Any:
    """`--wait`, for verbs that hold the workspace."""
    return click.option(
        "--wait",
        metavar="SECONDS",
        type=float,
        default=0.0,
        help="Wait for another run to end, this long at most.",
    )(command)


def dependants_option(command: Any) -> Any:
    """`--dependants`, for verbs that build what depends on what was rebuilt."""
    return click.option(
        "--dependants",
        type=click.Choice(["rebuild", "headers", "never"]),
        help="Build what is built with a rebuilt package again when anything its build could see of that differs, "
        "when its provides or requires do, or not at all; default: build.dependants in repos.yaml, else rebuild.",
    )(command)


def selection_options(command: Any) -> Any:
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


markdown_option = click.option("--markdown", is_flag=True, help="Print the answer as Markdown.")
