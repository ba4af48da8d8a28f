"""Command-line options that several verbs share."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from altai_build.errors import InputError, UsageError, quote_path

if TYPE_CHECKING:
    from altai_build.model.openpgp import PublicKey
    from altai_build.pipeline.run import Run
    from altai_build.tools.openpgp.passphrase import Passphrase

# Under which a context keeps the value of --format.
_FORMAT = "altai_build.cli.format"


def _refuse_format(ctx: click.Context, _param: click.Parameter, as_json: bool) -> bool:
    if as_json and _FORMAT in ctx.meta:
        raise click.UsageError("--json and --format exclude each other")
    return as_json


def _choose_format(ctx: click.Context, _param: click.Parameter, name: str | None) -> None:
    from altai_build.cli.output import TableFormat, choose_format

    if name is not None:
        if ctx.params.get("as_json"):
            raise click.UsageError("--json and --format exclude each other")
        ctx.meta[_FORMAT] = name
    choose_format(None if name is None else TableFormat(name))


json_option = click.option(
    "--json", "as_json", is_flag=True, callback=_refuse_format, help="Print the result as JSON."
)

# for verbs whose result is a table
format_option = click.option(
    "--format",
    type=click.Choice(["table", "csv", "markdown"]),
    expose_value=False,
    callback=_choose_format,
    help="Print the result as a table with headers, as CSV or as Markdown. Default: a table on a terminal, lines with "
    "tabs and without headers into a pipe.",
)


def _refuse_key_names(ctx: click.Context, _param: click.Parameter, files: tuple[str, ...]) -> tuple[str, ...]:
    """Say where the file of a key is, for the name that repos.yaml gives the key."""
    missing = [name for name in files if "/" not in name and not os.path.exists(name)]
    if not missing or ctx.obj is None:
        return files
    from altai_build.errors import AltaiError
    from altai_build.model.suggestion import find_similar

    try:
        keys = ctx.obj.load_config(needed=False).keys
    except AltaiError:
        # It has errors of its own, which are not about this option.
        return files
    for name in missing:
        similar = [name] if name in keys else find_similar(name, keys)
        if similar:
            raise InputError(
                f"--key {name}: there is no such file",
                why="the option takes a file with public keys, not the name of a key in repos.yaml",
                todo=f"perhaps --key {quote_path(str(keys[similar[0]].file))}, which is the key {similar[0]}",
            )
    return files


key_option = click.option(
    "--key",
    "keys",
    metavar="FILE",
    multiple=True,
    callback=_refuse_key_names,
    help="Trust only what the public key in FILE signed; may be repeated. Default: the signing keys in repos.yaml.",
)

releases_option = click.option(
    "--releases",
    "where",
    metavar="DIR|URL",
    help="Read the releases in this folder or at this URL, of all or of one; no repos.yaml is needed then.",
)

markdown_option = click.option("--markdown", is_flag=True, help="Print the result as Markdown.")

rev_option = click.option(
    "--rev", metavar="REV", default="HEAD", help="The superproject commit; default: HEAD."
)

worktree_option = click.option(
    "--worktree",
    is_flag=True,
    help="Take what is in the work trees now, changes that are not committed included, as if it were committed and "
    "pinned. For trying changes; a release is made from a commit.",
)


def refuse_no_number(_ctx: click.Context, _param: click.Parameter, seconds: float) -> float:
    """The seconds; `nan` is less than no time that has passed, so that the wait would have no end."""
    if seconds != seconds:
        raise click.BadParameter("it is not a number")
    return seconds


# for verbs that lock the workspace
wait_option = click.option(
    "--wait",
    metavar="SECONDS",
    type=click.FloatRange(min=0.0),
    callback=refuse_no_number,
    default=0.0,
    help="Wait up to SECONDS for another run to end; default: do not wait.",
)

# for verbs that build or tell what a build would do
against_option = click.option(
    "--against",
    metavar="RELEASE",
    help="Use the packages of RELEASE (a version, `latest`, a folder or a URL) where they were built from the same "
    "inputs, instead of building them here.",
)

# for verbs that measure coverage
baseline_option = click.option(
    "--baseline",
    metavar="FILE",
    help="Compare coverage with that in FILE too, the coverage.json of an earlier job. Default: what this workspace "
    "measured, or took with `cache import`.",
)

# for verbs that rebuild components because a package that they were built with has changed
dependants_option = click.option(
    "--dependants",
    type=click.Choice(["rebuild", "headers", "never"]),
    help="Rebuild a component when a package that it was built with has changed in anything that its build can see "
    "(rebuild), when its provides or requires have changed (headers), or never. Default: build.dependants in "
    "repos.yaml, else rebuild.",
)


def name_component(name: str, root: str) -> str:
    """A component's name or path as typed; a folder, as a shell completes it, by its path in the superproject."""
    if "/" not in name and name not in (".", ".."):
        return name
    inner = os.path.relpath(os.path.realpath(name), os.path.realpath(root))
    if os.path.isdir(name) and inner.split(os.sep)[0] != os.pardir:
        return inner
    return os.path.normpath(name)


def _name_components(ctx: click.Context, _param: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    if not any("/" in name or name in (".", "..") for name in names):
        return names
    root = ctx.obj.read_superproject().folder
    return tuple(name_component(name, root) for name in names)


def _name_one_component(ctx: click.Context, param: click.Parameter, name: str) -> str:
    return _name_components(ctx, param, (name,))[0]


component_argument = click.argument("component", callback=_name_one_component)
components_argument = click.argument(
    "components", nargs=-1, metavar="[COMPONENT]...", callback=_name_components
)


def selection_options(command: Any) -> Any:
    """The arguments and options that `plan` and `build` share; `choose_revision` takes the last two."""
    for option in (
        components_argument,
        click.option(
            "--changed-since",
            metavar="REV",
            help="Only components that have changed since REV (commit, files, settings in repos.yaml, mock "
            "configuration), and those that depend on them. Needs the whole history: no shallow clone.",
        ),
        rev_option,
        worktree_option,
    ):
        command = option(command)
    return command


def choose_passphrase() -> Passphrase:
    """Where the passphrases of signing keys come from: a file that the environment names, else the terminal."""
    from altai_build.tools.openpgp.passphrase import choose_passphrase_source

    def ask(key: PublicKey) -> str:
        return str(click.prompt(f"Passphrase of {key.uid} ({key.key_id})", hide_input=True, err=True))

    return choose_passphrase_source(ask if sys.stdin.isatty() else None)


def choose_revision(run: Run, rev: str, worktree: bool) -> str:
    """The revision that --rev names, or the commit of what is in the work trees. Raises UsageError for both."""
    if not worktree:
        return rev
    if rev != "HEAD":
        raise UsageError(
            "--worktree and --rev exclude each other",
            todo="give one of them: --worktree takes what is there now",
        )
    from altai_build.pipeline.build.work_trees import commit_work_trees

    return commit_work_trees(run)
