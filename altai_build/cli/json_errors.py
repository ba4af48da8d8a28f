"""What a failure prints on stdout for programs that asked for JSON; the text for people is on stderr."""

from __future__ import annotations

import sys
from contextlib import suppress

from altai_build.errors import AltaiError


def wants_json(arguments: list[str]) -> bool:
    """True when a command line asks for JSON."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def print_failure(
    code: int, what: str, *, why: str = "", todo: str = "", error: BaseException | None = None
) -> None:
    """Print the error as one JSON document if the command line asks for JSON and no result was printed before.

    `code` is the exit code, `error` what was raised: where its text stands in the documentation is named, too.
    """
    if not wants_json(sys.argv[1:]):
        return
    from altai_build.cli import output

    if not output.is_json_printed():
        document = {"code": code, "what": what, "why": why, "todo": todo}
        # The exit code says what happened, also where the document cannot be written.
        with suppress(OSError):
            output.print_json({"error": {**document, "documentation": _locate(error, what)}})
            sys.stdout.flush()


def print_error(error: AltaiError) -> None:
    """`print_failure` of an error of ours."""
    print_failure(error.exit_code, error.what, why=error.why, todo=error.todo, error=error)


def _locate(error: BaseException | None, what: str) -> str:
    """The place of an error's text in the documentation; where it is not there, that of errors in general."""
    from altai_build.model.documentation import locate_error

    anchor = None
    if error is not None:
        from altai_build.tools.error_anchors import find_anchor

        # Whatever is odd about the sources, the error itself is told.
        with suppress(Exception):
            anchor = find_anchor(error, what)
    return locate_error(anchor)
