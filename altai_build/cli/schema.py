"""`schema`: the JSON Schemas of what commands print with --json, of the JSON files of a release, of repos.yaml."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from altai_build.cli.app import App
from altai_build.cli.options import format_option, json_option
from altai_build.cli.output import print_json, print_table
from altai_build.errors import InputError
from altai_build.tools.schemas import list_schemas, read_schema

# The schemas of commands that have other names than their command, or more than one.
_OTHER_NAMES = {
    "audit": ("audit", "audit-totals"),
    "cache export": ("cache",),
    "cache import": ("cache",),
    "ci": ("ci-result",),
    "plan": ("plan", "plan-tests"),
    "release": ("release", "release-plan"),
    "report": ("report", "report-index"),
    "test": ("test-result", "test-lock"),
    "verify": ("verify", "verify-history"),
}


def list_schema_names(command: str) -> tuple[str, ...]:
    """The names of the schemas one of which the result of a command has; `deps list` has `deps-list`."""
    return _OTHER_NAMES.get(command, (command.replace(" ", "-"),))


def list_commands(command: click.Command, *path: str) -> list[str]:
    """The words of each command below a command that does something itself: `changed`, `deps list`."""
    found = (
        [] if isinstance(command, click.Group) and not command.invoke_without_command else [" ".join(path)]
    )
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                found += list_commands(child, *path, name)
    return found


@click.command()
@click.argument("name", required=False, metavar="[SCHEMA]")
@format_option
@json_option
@click.pass_obj
def schema(app: App, name: str | None, as_json: bool) -> None:
    """Print the JSON Schema of a command's --json result.

    Without SCHEMA all are listed, with the commands that print such JSON. `error` is what a command prints in place of
    a result when it fails, `manifest` the file release.json of a release, `repos.yaml` the release definition (for
    editors that complete and check YAML by a schema). Each object on standard output has a
    `schema_version`: it rises when a key is removed or gets another meaning, not when a key is added.

    \b
    Examples:
      altai-build schema
      altai-build schema audit > audit.schema.json
      altai-build schema repos.yaml > .repos.schema.json
    """
    names = list_schemas()
    if name is not None:
        if name not in names:
            from altai_build.model.suggestion import suggest

            raise InputError(
                f"there is no schema {name}", why=suggest(name, names), todo="`altai-build schema` lists all"
            )
        sys.stdout.write(read_schema(name))
        return
    rows = [(one, _list_printers(one)) for one in names]
    if as_json:
        print_json([{"schema": one, "commands": commands} for one, commands in rows])
    else:
        print_table(("schema", "printed by"), [(one, ", ".join(commands) or "-") for one, commands in rows])
        app.info("`altai-build schema SCHEMA` prints one")


def _list_printers(name: str) -> Sequence[str]:
    """The commands that print JSON of a schema with --json; none for that of a failure, or of a file."""
    program = click.get_current_context().find_root().command
    return [command for command in list_commands(program) if name in list_schema_names(command)]
