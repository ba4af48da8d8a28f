"""Profiles of `go test -coverprofile`: blocks of statements, of which every line counts, as in gocover-cobertura."""

from __future__ import annotations

import re
from typing import BinaryIO

from altai_build.tools.coverage.measured import MAX_LINE_NUMBER, MeasuredReport, parse_count

_MODE = re.compile(rb"mode: (?:set|count|atomic)\s*")
# name.go:line.column,line.column statements count
_BLOCK = re.compile(r"(.+):(\d{1,9})\.\d{1,9},(\d{1,9})\.\d{1,9} (\d{1,9}) (\S{1,40})")
_LONGEST_LINE = 64 << 10  # bytes


def read_go_profile(stream: BinaryIO) -> MeasuredReport:
    """The report in a file. Raises ValueError for what is no such report or exceeds a limit.

    A line that two blocks share ran when one of them did. Go measures no branches.
    """
    report = MeasuredReport()
    number = 0
    while line := stream.readline(_LONGEST_LINE):
        number += 1
        # Profiles of several packages are often joined, each with its own mode.
        if not line.strip() or _MODE.fullmatch(line):
            continue
        block = _BLOCK.fullmatch(line.decode("utf-8", "surrogateescape").strip())
        if block is None:
            raise ValueError(f"line {number} is no block of a cover profile")
        first, last = int(block[2]), int(block[3])
        if not 1 <= first <= last <= MAX_LINE_NUMBER:
            raise ValueError(f"line {number}: there is no block from line {first} to {last}")
        if block[4].strip("0"):
            ran = parse_count(block[5]) > 0
            file = report.open_file(block[1])
            for place in range(first, last + 1):
                report.add_line(file, place, ran)
    return report
