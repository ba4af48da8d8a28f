"""`man`: the manual pages of the commands."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option
from altai_build.cli.output import print_json
from altai_build.cli.user_files import find_data_home, write_user_file
from altai_build.errors import UsageError


@click.command()
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.option("--install", is_flag=True, help="Write all pages to where `man` looks for those of this user.")
@click.option("-o", "output", metavar="DIR", type=click.Path(path_type=Path), help="Write all pages to DIR.")
@json_option
@click.pass_context
def man(
    ctx: click.Context, words: tuple[str, ...], install: bool, output: Path | None, as_json: bool
) -> None:
    """Print or install the man page of a command.

    The pages are made from the definitions of the commands, as --help is.

    \b
    Examples:
      altai-build man log | man -l -
      altai-build man --install && man altai-build-log
    """
    from altai_build.cli.man_page import list_pages

    app: App = ctx.obj
    pages = dict(list_pages(ctx.find_root().command, None, "altai-build"))
    if not install and output is None:
        name = "-".join(("altai-build", *words)) + ".1"
        if name not in pages:
            from altai_build.model.suggestion import suggest

            known = [page.removesuffix(".1").removeprefix("altai-build-").replace("-", " ") for page in pages]
            raise UsageError(
                f"there is no command {' '.join(words)}",
                why=suggest(" ".join(words), known),
                todo="`altai-build --help` lists the commands",
            )
        if as_json:
            print_json({"folder": None, "pages": [name], "changed": [], "text": pages[name]})
        else:
            sys.stdout.write(pages[name])
        return
    if words:
        raise UsageError("--install and -o write the pages of all commands: leave out the command")
    folder = output.absolute() if output is not None else find_data_home() / "man" / "man1"
    changed = [name for name, text in pages.items() if write_user_file(folder / name, text.encode())]
    if changed:
        app.info(f"wrote {len(changed)} of {len(pages)} man pages to {folder}")
    if as_json:
        print_json({"folder": str(folder), "pages": list(pages), "changed": changed, "text": None})
