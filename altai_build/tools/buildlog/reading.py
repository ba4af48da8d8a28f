"""Build logs as bytes and as clean lines. What was printed decides how long one is: none is read whole into memory."""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path

from altai_build.regular_files import open_regular_file

# Bytes that are read from the start of a log, and from its end, where the failing part of a build is.
HEAD_SIZE = 1 << 20
TAIL_SIZE = 4 << 20
# Bytes of a log in a release: a hundred times as long as the log of a usual package.
KEPT_SIZE = 64 << 20
# Characters of a line: what is printed after them is no message of a tool.
_LINE_SIZE = 600

# Colours, cursor movements and window titles (ECMA-48), which test runners and compilers print.
_ESCAPE_SEQUENCES = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# What mock, build services and CI jobs put before each line: stream, level, place in their own source, time.
_PREFIX = re.compile(
    r"(?:BUILDSTDERR: |(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\s+\w+\.py:\d+:\s*|DEBUG: |\[ *\d+s\] ?|\[\d\d:\d\d:\d\d\] "
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?Z? |#\d+ \d+\.\d+ ?)+"
)
_PREFIX_STARTS = frozenset("BDIWEC[#12")
# Lines of mock that only say what it does.
_MOCK_NOISE = re.compile(
    r"^(?:Executing command: |Child return code was: |child environment: |kill orphans )"
)


def read_ends(path: Path, head_size: int, tail_size: int) -> tuple[bytes, int, bytes]:
    """The start of a log, the number of bytes left out, and the end: from the start of a line on, unless that is long.

    Raises OSError.
    """
    with open_regular_file(path) as stream:
        head = stream.read(head_size)
        left_out = max(os.fstat(stream.fileno()).st_size - head_size - tail_size, 0)
        if left_out:
            stream.seek(left_out, os.SEEK_CUR)
            # The rest of a line that was cut in two.
            left_out += len(stream.readline(min(tail_size, 4096)))
        return head, left_out, stream.read(tail_size)


def read_for_keeping(path: Path) -> bytes:
    """A log as it is kept in releases: of one longer than KEPT_SIZE the start and the end. Raises OSError."""
    head, left_out, tail = read_ends(path, KEPT_SIZE // 4, KEPT_SIZE - KEPT_SIZE // 4)
    return b"%s\n[%d bytes are left out here]\n%s" % (head, left_out, tail) if left_out else head + tail


def read_lines(path: Path) -> list[str]:
    """The lines of a log that are not empty, without colours and prefixes; of a large log the start and the end.

    A name that ends in .gz is a log of a release. No lines where there is no log, or none that can be read.
    """
    try:
        data = _unpack(path) if path.suffix == ".gz" else b"".join(read_ends(path, HEAD_SIZE, TAIL_SIZE)[::2])
    except (OSError, zlib.error):
        return []
    text = data.decode("utf-8", "replace")
    cleaned = (_clean(line) for line in strip_escape_sequences(text).split("\n"))
    return [line for line in cleaned if line and not _MOCK_NOISE.match(line)]


def strip_escape_sequences(text: str) -> str:
    """A text without colours, cursor movements and window titles."""
    return _ESCAPE_SEQUENCES.sub("", text) if "\x1b" in text else text


def _clean(line: str) -> str:
    """What a person saw of a line: a progress bar overwrites it after each carriage return."""
    if "\r" in line:
        line = line.rstrip("\r").rpartition("\r")[2]
    line = line[:_LINE_SIZE]
    if not line.isprintable():
        line = _CONTROL_CHARACTERS.sub("", line)
    if line[:1] in _PREFIX_STARTS and (prefix := _PREFIX.match(line)):
        line = line[prefix.end() :]
    return line.rstrip()


def _unpack(path: Path) -> bytes:
    """The start of a compressed log: not more than is read of others, however much it unpacks to."""
    limit = HEAD_SIZE + TAIL_SIZE
    with open_regular_file(path) as stream:
        return zlib.decompressobj(wbits=31).decompress(stream.read(limit), limit)
