"""Standard streams that hold whatever happens at their other end: the work goes on, and its exit code stays true."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO


class _SafeOutput(io.FileIO):
    """A descriptor to write to; what nobody reads any more (`| head`) is dropped, a full disk is told once."""

    _failed = False

    def write(self, data: object) -> int:
        """As the base class, but for a pipe without a reader and after a failure."""
        if self._failed:
            return memoryview(data).nbytes  # type: ignore[arg-type]
        try:
            return super().write(data) or 0  # type: ignore[arg-type]
        except BrokenPipeError:
            return memoryview(data).nbytes  # type: ignore[arg-type]
        except OSError:
            self._failed = True
            raise


def install_safe_streams() -> None:
    """Replace standard output and error; to be called once, before anything is opened or printed.

    A name that the encoding has no letters for is shown escaped. A stream that was closed is /dev/null: its number
    would otherwise be given to the next file that is opened, and children would write into that.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest free number, which is this one
    sys.stdout, sys.stderr = _replaced(sys.stdout, 1), _replaced(sys.stderr, 2)


def _replaced(stream: TextIO | None, number: int) -> TextIO:
    encoding = stream.encoding if stream is not None else "utf-8"
    # Errors are seen at once, as Python's own standard error shows them.
    return io.TextIOWrapper(
        io.BufferedWriter(_SafeOutput(number, "w", closefd=False)),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=number == 2 or os.isatty(number),
    )
