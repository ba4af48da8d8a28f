"""Build logs as a person reads them: what a build printed cannot control the terminal on which it is shown."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from altai_build.errors import escape_control_characters
from altai_build.tools.buildlog.reading import KEPT_SIZE, strip_escape_sequences

_CHUNK = 1 << 16
# A line without end is cut.
_LONGEST_LINE = 1 << 16


class LogCleaner:
    """Makes lines of text of the bytes of a log, as they come."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> str:
        """The lines that are complete with these bytes."""
        whole, found, rest = (self._rest + data).rpartition(b"\n")
        if len(rest) > _LONGEST_LINE:
            whole, found, rest = whole + found + rest, b"\n", b""
        self._rest = rest
        return _clean(whole + found) if whole or found else ""

    def finish(self) -> str:
        """The last line, where no line break ended it."""
        rest, self._rest = self._rest, b""
        return _clean(rest + b"\n") if rest else ""


def _clean(data: bytes) -> str:
    text = strip_escape_sequences(data.decode("utf-8", "surrogateescape"))
    # A line of Windows ends in two characters, and a progress bar overwrites itself.
    return escape_control_characters(text.replace("\r\n", "\n").replace("\r", "\n"))


def read_clean(stream: BinaryIO, *, is_compressed: bool = False) -> Iterator[str]:
    """The lines of a log in parts. Of a compressed one no more than a release keeps. Raises OSError."""
    cleaner = LogCleaner()
    for data in _unpack(stream) if is_compressed else iter(lambda: stream.read(_CHUNK), b""):
        yield cleaner.feed(data)
    yield cleaner.finish()


def _unpack(stream: BinaryIO) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(wbits=31)
    total = 0
    try:
        while not unpacker.eof and (packed := unpacker.unconsumed_tail or stream.read(_CHUNK)):
            data = unpacker.decompress(packed, _CHUNK)
            total += len(data)
            if total > KEPT_SIZE + _CHUNK:
                raise OSError(None, f"it unpacks to more than {KEPT_SIZE} bytes")
            yield data
    except zlib.error as error:
        raise OSError(None, f"it is no gzip file: {error}") from error
    if not unpacker.eof:
        raise OSError(None, "it ends in the middle")
