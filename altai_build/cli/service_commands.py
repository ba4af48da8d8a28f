"""Nothing that foreign text says in the log of a job is a command to the CI service."""

from __future__ import annotations

import atexit
import functools
import sys

from altai_build.tools.ci_service import resume_commands, stop_commands


@functools.cache
def stop_service_commands() -> None:
    """From here to the end of the process GitHub takes only our own lines for commands.

    Messages have text of specs, logs and other programs in them, and it finds a command anywhere in a line.
    """
    _write(stop_commands())
    # What other programs print in the same step may be meant as a command.
    atexit.register(_write, resume_commands())


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
