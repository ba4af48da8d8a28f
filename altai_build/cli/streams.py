"""Standard streams that survive a closed pipe and a full disk: the run continues, and its exit code stays right."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

# How errors name them.
STREAM_NAMES = ("standard output", "standard error")


class _SafeOutput(io.FileIO):
    """A file descriptor for output: drops what nobody reads any more (`| head`), reports a full disk once."""

    _failed = False

    def write(self, data: object) -> int:
        """Like the base class; discards the data when the pipe has no reader, and after a failure."""
        if self._failed:
            return memoryview(data).nbytes  # type: ignore[arg-type]
        try:
            return super().write(data) or 0  # type: ignore[arg-type]
        except BrokenPipeError:
            return memoryview(data).nbytes  # type: ignore[arg-type]
        except OSError as error:
            self._failed = True
            error.filename = STREAM_NAMES[self.fileno() - 1]
            raise


def install_safe_streams() -> None:
    """Replace stdout and stderr; call it once, before anything is opened or printed.

    Characters that the encoding cannot write are escaped. A closed stream becomes /dev/null: otherwise the next file
    that is opened would get its number, and children would write into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # open() returns the lowest free number, which is this one
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:  # it was closed
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout, sys.stderr = _make_safe_stream(sys.stdout, 1), _make_safe_stream(sys.stderr, 2)


def is_reader_gone() -> bool:
    """True when nobody reads standard output any more: what is written to it is dropped."""
    import select

    poll = select.poll()
    poll.register(1, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _make_safe_stream(stream: TextIO | None, number: int) -> TextIO:
    encoding = stream.encoding if stream is not None else "utf-8"
    # stderr is line-buffered, as in Python itself, so that errors appear at once
    return io.TextIOWrapper(
        io.BufferedWriter(_SafeOutput(number, "w", closefd=False)),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=number == 2 or os.isatty(number),
    )
