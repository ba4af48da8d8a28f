"""Cobertura XML, as coverage.py, gcovr and cargo-llvm-cov write it."""

from __future__ import annotations

import re
import xml.parsers.expat
from typing import BinaryIO

from altai_build.model.coverage import LineBranches
from altai_build.tools.coverage.measured import (
    MAX_BRANCHES,
    MAX_FILES,
    MeasuredFile,
    MeasuredReport,
    parse_count,
    parse_line_number,
)

_CONDITION_COVERAGE = re.compile(r"\s*[0-9.]{1,9}\s*%\s*\(\s*(\d{1,9})\s*/\s*(\d{1,9})\s*\)\s*")


def read_cobertura(stream: BinaryIO) -> MeasuredReport:
    """The report in a file. Raises ValueError for what is no such report or exceeds a limit."""
    reader = _Reader()
    parser = xml.parsers.expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.add_text
    parser.EntityDeclHandler = _refuse_entity
    try:
        parser.ParseFile(stream)
    # LookupError: an encoding that Python does not know.
    except (xml.parsers.expat.ExpatError, LookupError) as error:
        raise ValueError(f"it is not XML: {error}") from error
    return reader.report


def _refuse_entity(name: str, *_rest: object) -> None:
    raise ValueError(f"it declares the entity {name[:100]}")


class _Reader:
    """Gets the elements one after another; the tree is never in memory."""

    def __init__(self) -> None:
        self.report = MeasuredReport()
        self._file: MeasuredFile | None = None
        self._is_started = False
        self._source: list[str] | None = None

    def start(self, element: str, attributes: dict[str, str]) -> None:
        """Take what is in the attributes."""
        if not self._is_started and element != "coverage":
            raise ValueError(f"it is a {element[:100]} document, not coverage")
        if not self._is_started and "clover" in attributes:
            raise ValueError("it is in Clover's format, not in Cobertura's")
        self._is_started = True
        if element == "source":
            self._source = []
        elif element == "class":
            self._file = self.report.open_file(attributes.get("filename", ""))
        elif element == "line":
            if self._file is None:
                raise ValueError("it has a line outside a class: it is not Cobertura's format")
            self._add_line(self._file, attributes)

    def end(self, element: str) -> None:
        """Leave a class or a source."""
        if element == "class":
            self._file = None
        elif element == "source" and self._source is not None:
            folder = "".join(self._source).strip()
            if folder and folder not in self.report.folders:
                if len(self.report.folders) == MAX_FILES:
                    raise ValueError(f"it names more than {MAX_FILES} folders")
                self.report.folders.append(folder)
            self._source = None

    def add_text(self, text: str) -> None:
        """Take the text of a source."""
        if self._source is not None:
            self._source.append(text)

    def _add_line(self, file: MeasuredFile, attributes: dict[str, str]) -> None:
        number = parse_line_number(attributes.get("number", ""))
        self.report.add_line(file, number, parse_count(attributes.get("hits", "")) > 0)
        if attributes.get("branch", "").lower() == "true":
            self.report.add_counted_branches(file, number, _read_branches(number, attributes))


def _read_branches(number: int, attributes: dict[str, str]) -> LineBranches:
    match = _CONDITION_COVERAGE.fullmatch(attributes.get("condition-coverage", ""))
    if match is None:
        raise ValueError(f"line {number} has branches, but its condition-coverage does not say how many")
    covered, valid = int(match[1]), int(match[2])
    if covered > valid or valid > MAX_BRANCHES:
        raise ValueError(f"line {number} cannot have {covered} covered branches of {valid}")
    # Of coverage.py: the lines that missed branches lead to.
    names = frozenset(name.strip() for name in attributes.get("missing-branches", "").split(",")) - {""}
    return LineBranches(valid, valid - covered, names if len(names) == valid - covered else frozenset())
