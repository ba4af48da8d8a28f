"""lcov tracefiles, as lcov, gcovr, cargo-llvm-cov and coverage.py write them (geninfo(1), FILES)."""

from __future__ import annotations

import re
from typing import BinaryIO

from altai_build.tools.coverage.measured import MeasuredFile, MeasuredReport, parse_count, parse_line_number

_RECORD = re.compile(r"([A-Z][A-Z_]{0,19}):(.*)")
_LONGEST_LINE = 64 << 10  # bytes


def read_lcov(stream: BinaryIO) -> MeasuredReport:
    """The report in a file. Raises ValueError for what is no such report or exceeds a limit."""
    report = MeasuredReport()
    file: MeasuredFile | None = None
    number = 0
    while line := stream.readline(_LONGEST_LINE):
        number += 1
        text = line.decode("utf-8", "surrogateescape").strip()
        if not text or text.startswith("#"):
            continue
        try:
            if text == "end_of_record":
                file = None
                continue
            record = _RECORD.fullmatch(text)
            if record is None:
                raise ValueError(f"{text[:100]!r} is no record of a tracefile")
            if record[1] == "SF":
                file = report.open_file(record[2])
            elif record[1] in ("DA", "BRDA"):
                if file is None:
                    raise ValueError(f"{record[1]} does not follow the name of a file (SF)")
                _add(report, file, record[1], record[2])
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return report


def _add(report: MeasuredReport, file: MeasuredFile, kind: str, text: str) -> None:
    fields = text.split(",")
    if kind == "DA":
        # A checksum of the line may follow.
        if not 2 <= len(fields) <= 3:
            raise ValueError(f"DA has {len(fields)} fields")
        report.add_line(file, parse_line_number(fields[0]), parse_count(fields[1]) > 0)
        return
    if len(fields) < 4:
        raise ValueError(f"BRDA has {len(fields)} fields")
    # "-": the line itself did not run. The name of a branch may be an expression with commas.
    name, taken = ",".join(fields[1:-1]), fields[-1]
    report.add_branch(file, parse_line_number(fields[0]), name, taken != "-" and parse_count(taken) > 0)
