"""What a failure prints on stdout for programs that asked for JSON; the text for people is on stderr."""

from __future__ import annotations

import sys
from contextlib import suppress

from altai_build.errors import AltaiError


def wants_json(arguments: list[str]) -> bool:
    """True when a command line asks for JSON."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def print_failure(code: int, what: str, *, why: str = "", todo: str = "") -> None:
    """Print the error as one JSON document if the command line asks for JSON and no result was printed before.

    `code` is the exit code.
    """
    if not wants_json(sys.argv[1:]):
        return
    from altai_build.cli import output

    if not output.is_json_printed():
        # The exit code says what happened, also where the document cannot be written.
        with suppress(OSError):
            output.print_json({"error": {"code": code, "what": what, "why": why, "todo": todo}})
            sys.stdout.flush()


def print_error(error: AltaiError) -> None:
    """`print_failure` of an error of ours."""
    print_failure(error.exit_code, error.what, why=error.why, todo=error.todo)
