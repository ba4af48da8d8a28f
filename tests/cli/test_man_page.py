"""Man pages: one for each command, in roff that takes no text for a request."""

from __future__ import annotations

import re

import click

from altai_build.cli.main import VERBS, cli
from altai_build.cli.man_page import list_pages

REQUESTS = re.compile(r"\.(?:TH|SH|PP|TP|B|BR|nf|fi)(?: |$)")


def test_every_command_has_a_page_without_foreign_requests() -> None:
    pages = dict(list_pages(cli, None, "altai-build"))
    assert {f"altai-build-{verb}.1" for verb in VERBS} | {"altai-build.1", "altai-build-deps-lock.1"} <= set(
        pages
    )
    for name, text in pages.items():
        lines = text.splitlines()
        assert lines[0].startswith(f'.TH "{name[:-2].upper()}" 1 '.replace("-", "\\-")), name
        assert ".SH SYNOPSIS" in lines and ".SH OPTIONS" in lines
        for line in lines:
            assert REQUESTS.match(line) or not line.startswith((".", "'")), line
        assert name == "altai-build.1" or "\n.nf\n" in text, f"{name} has no example"
    assert ".BR altai\\-build\\-log (1)" in pages["altai-build.1"]


def test_texts_are_printed_as_they_are() -> None:
    @click.command(epilog="The end.")
    @click.option("--dir", metavar="D\\n", help=".so /etc/passwd")
    @click.argument("thing")
    def odd(dir: str, thing: str) -> None:
        """Show things.

        'no request
        of two lines.

        \b
        Example:
          odd "x" \\fB
        """

    ((name, text),) = list_pages(odd, None, "odd")
    assert name == "odd.1"
    assert text.splitlines()[1:] == [
        ".SH NAME",
        "odd \\- show things",
        ".SH SYNOPSIS",
        ".B odd",
        "[OPTIONS] THING",
        ".SH DESCRIPTION",
        ".PP",
        "\\&'no request of two lines.",
        ".PP",
        ".nf",
        "Example:",
        "\\&  odd \\(dqx\\(dq \\efB",
        ".fi",
        ".SH OPTIONS",
        ".TP",
        ".B \\-\\-dir D\\en",
        "\\&.so /etc/passwd",
        ".TP",
        ".B \\-\\-help",
        "Show this message and exit.",
        ".SH NOTES",
        ".PP",
        "The end.",
    ]
