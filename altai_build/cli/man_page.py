"""Man pages, made from the definitions of the commands.

click-man sees no command that is imported when it is called, and writes lines as they are: one that begins with a dot
would be taken for a request (groff_man(7)).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from altai_build import __version__

# What click leaves before a paragraph whose lines are not joined.
_VERBATIM = "\b"


def list_pages(command: click.Command, parent: click.Context | None, name: str) -> Iterator[tuple[str, str]]:
    """The name and the text of the page of a command, and of each below it."""
    ctx = click.Context(command, info_name=name, parent=parent)
    path = ctx.command_path
    yield f"{path.replace(' ', '-')}.1", "\n".join(_format_page(ctx)) + "\n"
    if isinstance(command, click.Group):
        for below in command.list_commands(ctx):
            found = command.get_command(ctx, below)
            if found is not None and not found.hidden:
                yield from list_pages(found, ctx, below)


def _format_page(ctx: click.Context) -> Iterator[str]:
    command, path = ctx.command, ctx.command_path
    title, *rest = _split_paragraphs(command.help or "")
    yield f'.TH "{_escape(path.replace(" ", "-").upper())}" 1 "" "altai-build {__version__}" "altai-build"'
    yield from (
        ".SH NAME",
        f"{_escape(path.replace(' ', '-'))} \\- {_escape(_lower_first(title.rstrip('.')))}",
    )
    usage = " ".join(command.collect_usage_pieces(ctx))
    yield from (".SH SYNOPSIS", f".B {_escape(path)}", _escape(usage))
    if rest:
        yield ".SH DESCRIPTION"
        for paragraph in rest:
            yield from _format_paragraph(paragraph)
    options = [
        record
        for parameter in command.get_params(ctx)
        if isinstance(parameter, click.Option)
        and not parameter.hidden
        and (record := parameter.get_help_record(ctx)) is not None
    ]
    if options:
        yield ".SH OPTIONS"
        for declaration, text in options:
            yield from (".TP", f".B {_escape(declaration)}", _escape(text))
    if isinstance(command, click.Group):
        yield ".SH COMMANDS"
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            if below is not None and not below.hidden:
                page = f"{path} {name}".replace(" ", "-")
                yield from (".TP", f".BR {_escape(page)} (1)", _escape(below.get_short_help_str(limit=200)))
    if command.epilog:
        yield ".SH NOTES"
        for paragraph in _split_paragraphs(command.epilog):
            yield from _format_paragraph(paragraph)
    if ctx.parent is not None:
        yield from (".SH SEE ALSO", f".BR {_escape(ctx.parent.command_path.replace(' ', '-'))} (1)")


def _split_paragraphs(text: str) -> list[str]:
    cleaned = inspect.cleandoc(text).replace("\f", "")
    return [paragraph.strip("\n") for paragraph in re.split(r"\n\s*\n", cleaned) if paragraph.strip()] or [""]


def _format_paragraph(paragraph: str) -> Iterator[str]:
    if _VERBATIM not in paragraph:
        yield from (".PP", _escape(" ".join(paragraph.split())))
        return
    yield from (".PP", ".nf")
    for line in paragraph.splitlines():
        if line.strip(f" {_VERBATIM}"):
            yield _escape(line.replace(_VERBATIM, ""))
    yield ".fi"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _escape(text: str) -> str:
    """A text as roff prints it: no part of it is a request or an escape, and a hyphen can be copied as a minus."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{escaped}" if escaped.startswith((".", "'", " ")) else escaped
