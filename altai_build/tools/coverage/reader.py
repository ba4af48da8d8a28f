"""The coverage that a test suite left in a file: which format it has, and which files of the component it is about."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from altai_build.errors import InputError
from altai_build.model.coverage import Coverage, FileCoverage, merge_files
from altai_build.tools.coverage.cobertura import read_cobertura
from altai_build.tools.coverage.go_profile import read_go_profile
from altai_build.tools.coverage.lcov import read_lcov
from altai_build.tools.coverage.measured import MeasuredReport
from altai_build.tools.coverage.paths import ComponentFiles, find_module_prefix

_BEGINNING = 4_096  # bytes by which a format is recognised


@dataclass(frozen=True)
class ReadCoverage:
    """The coverage of a component's files, and the names of other files in the report, which do not count."""

    coverage: Coverage
    others: tuple[str, ...]


def read_coverage(name: str, data: bytes, files: ComponentFiles) -> ReadCoverage:
    """Read a coverage report. Raises InputError where it is unusable, and where no file in it is the component's."""
    try:
        report = _choose_reader(data)(io.BytesIO(data))
        if not report.files:
            raise ValueError("it names no file")
        return _select_files(report, files, is_go=_is_go(data))
    except ValueError as error:
        raise InputError(
            f"the coverage report {name} cannot be used",
            why=str(error),
            todo="the test command of the component writes it: correct its coverage settings",
        ) from error


def _choose_reader(data: bytes) -> Callable[[BinaryIO], MeasuredReport]:
    text = data[:_BEGINNING].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text:
        raise ValueError("it is empty")
    if text.startswith(b"<"):
        return read_cobertura
    if _is_go(data):
        return read_go_profile
    if text.startswith((b"TN:", b"SF:", b"#", b"VER:")):
        return read_lcov
    raise ValueError("it is neither Cobertura XML nor an lcov tracefile nor a Go cover profile")


def _is_go(data: bytes) -> bool:
    return data.startswith(b"mode: ")


def _select_files(report: MeasuredReport, files: ComponentFiles, *, is_go: bool) -> ReadCoverage:
    """The component's files. Two names may mean one of them."""
    found: dict[str, FileCoverage] = {}
    others = []
    prefix = find_module_prefix(report.files, files.paths) if is_go else ""
    for name, file in report.files.items():
        path = files.locate(name[len(prefix) :] if name.startswith(prefix) else name, report.folders)
        if path is None:
            others.append(name)
            continue
        coverage = report.make_file_coverage(file)
        found[path] = merge_files(found[path], coverage) if path in found else coverage
    if not found:
        raise ValueError(
            f"none of its {len(others)} files is a file of the component; the first is {others[0][:200]!r}"
        )
    return ReadCoverage(_sort(found), tuple(sorted(others)))


def _sort(files: Mapping[str, FileCoverage]) -> Coverage:
    return Coverage({path: files[path] for path in sorted(files)})
