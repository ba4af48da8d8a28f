"""`completion`: completion of command lines for bash, zsh and fish."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option
from altai_build.cli.output import print_json
from altai_build.cli.user_files import find_config_home, find_data_home, write_user_file
from altai_build.errors import UsageError
from altai_build.regular_files import read_regular_file

_TEMPLATES = Path(__file__).resolve().parents[1] / "templates" / "completion"


class _Shell(NamedTuple):
    """The script of a shell, and what its user still has to do."""

    template: str
    todo: str = ""


_SHELLS = {
    "bash": _Shell("altai-build.bash"),
    "zsh": _Shell(
        "_altai-build.zsh",
        "add this to ~/.zshrc before compinit, unless it is there: fpath+=(~/.local/share/zsh/site-functions)",
    ),
    "fish": _Shell("altai-build.fish"),
}


def _find_place(shell: str) -> Path:
    """Where a shell looks for the completions of its user."""
    if shell == "bash":
        return find_data_home() / "bash-completion" / "completions" / "altai-build"
    if shell == "zsh":
        return find_data_home() / "zsh" / "site-functions" / "_altai-build"
    return find_config_home() / "fish" / "completions" / "altai-build.fish"


@click.command()
@click.argument("shells", nargs=-1, metavar="[bash|zsh|fish]...", type=click.Choice(list(_SHELLS)))
@click.option(
    "--install", is_flag=True, help="Write the scripts to where the shells of this user look for them."
)
@json_option
@click.pass_obj
def completion(app: App, shells: tuple[str, ...], install: bool, as_json: bool) -> None:
    """Print or install shell completion.

    It completes commands and options, components, releases, keys, repositories, channels and revisions. No spec is read
    and nothing is downloaded for it. The default is the shell that $SHELL names.

    \b
    Examples:
      altai-build completion --install bash zsh fish
      source <(altai-build completion bash)
    """
    chosen = shells or (os.path.basename(os.environ.get("SHELL", "")),)
    if chosen[0] not in _SHELLS:
        raise UsageError(
            "$SHELL names none of bash, zsh, fish", todo="name the shell: altai-build completion bash"
        )
    rows = []
    for shell in chosen:
        script = read_regular_file(_TEMPLATES / _SHELLS[shell].template)
        place = _find_place(shell) if install else None
        has_changed = place is not None and write_user_file(place, script)
        if place is None and not as_json:
            sys.stdout.write(script.decode())
        elif has_changed:
            todo = f"; {_SHELLS[shell].todo}" if _SHELLS[shell].todo else "; it works in new shells"
            app.info(f"wrote {place}{todo}")
        rows.append(
            {
                "shell": shell,
                "file": str(place) if place is not None else None,
                "changed": has_changed,
                "script": script.decode() if place is None else None,
                "todo": _SHELLS[shell].todo,
            }
        )
    if as_json:
        print_json(rows)
