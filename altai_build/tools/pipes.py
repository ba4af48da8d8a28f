"""Reading and writing the pipes of a child at the same time."""

from __future__ import annotations

import os
import selectors
import time
from typing import IO, cast


def seconds_left(deadline: float | None) -> float | None:
    """Seconds until a time of time.monotonic(), at least 0; None without a deadline."""
    return None if deadline is None else max(deadline - time.monotonic(), 0.0)


class Pipes:
    """The pipes of a child: what it printed so far, and the input that it has not read yet."""

    def __init__(
        self, stdin: IO[bytes] | None, stdout: IO[bytes] | None, stderr: IO[bytes] | None, input: bytes
    ) -> None:
        self._captured = {stream: bytearray() for stream in (stdout, stderr) if stream is not None}
        self._stdin = stdin
        self._unsent = memoryview(input)
        self._selector = selectors.PollSelector()
        for stream in self._captured:
            self._selector.register(stream, selectors.EVENT_READ)
        if stdin is not None:
            os.set_blocking(stdin.fileno(), False)
            self._selector.register(stdin, selectors.EVENT_WRITE)

    def __enter__(self) -> Pipes:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()

    @property
    def size(self) -> int:
        """Bytes that the child printed."""
        return sum(map(len, self._captured.values()))

    def read(self, stream: IO[bytes] | None) -> bytes:
        """What the child printed to a stream; nothing where that is no pipe."""
        return bytes(self._captured[stream]) if stream is not None else b""

    def transfer(self, deadline: float | None) -> bool:
        """Wait for a pipe that is ready, and use it; False when all are closed. Raises TimeoutError."""
        if not self._selector.get_map():
            return False
        ready = self._selector.select(seconds_left(deadline))
        if not ready:
            raise TimeoutError
        for key, _ in ready:
            stream = cast("IO[bytes]", key.fileobj)
            is_open = self._write(stream) if stream is self._stdin else self._read(stream)
            if not is_open:
                self._selector.unregister(stream)
            if not is_open and stream is self._stdin:
                # So that the child reads the end of its input.
                stream.close()
        return True

    def _read(self, stream: IO[bytes]) -> bool:
        """Read a piece; False at the end."""
        piece = os.read(stream.fileno(), 1 << 16)
        self._captured[stream] += piece
        return bool(piece)

    def _write(self, stream: IO[bytes]) -> bool:
        """Write a piece of the input; False when nothing is left, or the child does not read it."""
        try:
            self._unsent = self._unsent[os.write(stream.fileno(), self._unsent) :]
        except BrokenPipeError:
            self._unsent = self._unsent[:0]
        return bool(self._unsent)
