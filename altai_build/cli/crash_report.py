"""The crash report that a bug leaves, for the developers."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from typing import TYPE_CHECKING

from altai_build import __version__
from altai_build.errors import escape_control_characters
from altai_build.tools.commands import quote_command

if TYPE_CHECKING:
    from altai_build.cli.runlog import RunLog

SEND_REPORT = "send the crash report that stderr names to the developers"


def report_bug(error: Exception, logs: list[RunLog]) -> str:
    """Write a crash report with the traceback and the command line, and print where it is; returns the traceback."""
    text = traceback.format_exc()
    log = next((log.path for log in logs if log.path is not None), None)
    report = (
        f"altai-build {__version__}, Python {sys.version}\n{time.ctime()}\n"
        f"$ {quote_command(('altai-build', *sys.argv[1:]))}\n"
        f"The debug log of the run: {log or 'none'}\n\n{text}"
    )
    try:
        descriptor, path = tempfile.mkstemp(prefix="altai-build-bug.", suffix=".txt")
        with os.fdopen(descriptor, "w", errors="backslashreplace") as stream:
            stream.write(report)
    except OSError as failure:
        print(f"altai-build: the crash report cannot be written: {failure}", file=sys.stderr)
        path = f"here:\n{escape_control_characters(report)}"
    print(
        f"altai-build: this is a bug: {type(error).__name__}: {escape_control_characters(str(error))}\n"
        f"The crash report is {path}"
        + (f", the debug log of the run is {log}; please send both" if log else "; please send it")
        + " to the developers.",
        file=sys.stderr,
    )
    return text
