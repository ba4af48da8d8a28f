"""What each test of a Python suite ran, as the suite's own record tells: it wrote it, so it is read within limits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

_VERSION = 1
# Begins the name of a context that is no test; alone it is shared by all tests, before a path by those of the file.
SESSION = "@"
_MOST_CONTEXTS = 300_000
_LONGEST_NAME = 4_000
_RANGE = re.compile(r"(\d{1,7})(?:-(\d{1,7}))?")
_DIGEST = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_STATES = ("passed", "skipped", "failed")


@dataclass(frozen=True)
class RecordedTest:
    """One test, the file that it is in, and how it ended; `is_open`: it ran more than was measured.

    `commit` is the one at which it ran, where that is an earlier one than the record's.
    """

    name: str
    suite: str
    title: str
    status: str
    seconds: float
    path: str
    is_open: bool
    commit: str | None


@dataclass(frozen=True)
class ContextRecord:
    """What each context ran: a test by its name, what tests share (SESSION), and "", everything outside of tests.

    `sets` are sets of contexts, written as ranges of their numbers; `files` has for each file (first line, last line,
    set) of what ran, lines of entries and exits negative. `tree` has the object ids of all files of the source.
    `outside` says why what runs outside of tests is not known, `unusable` why nothing is.
    """

    contexts: tuple[str, ...] = ()
    tests: tuple[RecordedTest, ...] = ()
    sets: tuple[str, ...] = ()
    files: Mapping[str, Sequence[Sequence[int]]] = field(default_factory=dict)
    tree: Mapping[str, str] = field(default_factory=dict)
    outside: str = ""
    unusable: str = ""

    def list_contexts(self, path: str, first: int, last: int) -> set[int]:
        """The contexts that ran one of these lines of a file."""
        numbers = {
            number
            for start, end, number in self.files.get(path, ())
            if first <= abs(start) <= last or first <= abs(end) <= last
        }
        return {context for number in numbers for context in _read_set(self.sets[number])}

    def find_tests(self, name: str) -> set[int]:
        """The numbers of the tests with a name."""
        return self._numbers.get(name, set())

    @cached_property
    def importers(self) -> frozenset[int]:
        """The contexts in which a module was imported: they ran the first of the lines of a file that ever run."""
        found: set[int] = set()
        for rows in self.files.values():
            first = min((line for row in rows for line in row[:2] if line > 0), default=0)
            for number in {row[2] for row in rows if first and first in row[:2]}:
                found.update(_read_set(self.sets[number]))
        return frozenset(found - {0})

    @cached_property
    def _numbers(self) -> Mapping[str, set[int]]:
        found: dict[str, set[int]] = {}
        for number, test in enumerate(self.tests):
            found.setdefault(test.name, set()).add(number)
        return found


def parse_test_record(document: object) -> ContextRecord:
    """The record in a document. Raises ValueError for anything else than what a suite leaves."""
    fields = _require(document, dict, "a record")
    if fields.get("version") != _VERSION:
        raise ValueError("it has another version")
    unusable = _read_name(fields.get("unusable"))
    if unusable:
        return ContextRecord(unusable=unusable)
    contexts = tuple(map(_read_name, _read_list(fields, "contexts")))
    if len(contexts) > _MOST_CONTEXTS or contexts[:1] != ("",):
        raise ValueError("its contexts are not those of a suite")
    sets = tuple(_check_set(text, len(contexts)) for text in _read_list(fields, "sets"))
    files = _require(fields.get("files"), dict, "its files")
    tree = _require(fields.get("tree"), dict, "its tree")
    if not all(isinstance(oid, str) and _DIGEST.fullmatch(oid) for oid in tree.values()):
        raise ValueError("its tree has something else than object ids")
    return ContextRecord(
        contexts=contexts,
        tests=tuple(map(_read_test, _read_list(fields, "tests"))),
        sets=sets,
        files={path: _check_rows(path, rows, len(sets)) for path, rows in files.items()},
        tree=tree,
        outside=_read_name(fields.get("outside")),
    )


def read_numbers(text: object, count: int) -> frozenset[int]:
    """The numbers below `count` in `0-3,7`. Raises ValueError for anything else."""
    return frozenset(_read_set(_check_set(text, count)))


def _read_set(text: str) -> Iterator[int]:
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _check_set(text: object, count: int) -> str:
    """A set of numbers below `count`, each range behind the one before, so that it has no more than `count`."""
    least = 0
    for part in _require(text, str, "a set").split(",") if text else ():
        match = _RANGE.fullmatch(part)
        if match is None:
            raise ValueError(f"{part[:50]!r} is no range of contexts")
        first, last = int(match[1]), int(match[2] or match[1])
        if not least <= first <= last < count:
            raise ValueError(f"{part} is no range of its {count} contexts")
        least = last + 1
    return str(text)


def _check_rows(path: str, rows: object, count: int) -> Sequence[Sequence[int]]:
    for row in _require(rows, list, f"what ran of {path[:100]!r}"):
        if (
            not isinstance(row, list)
            or len(row) != 3
            or not all(type(number) is int for number in row)
            or not 0 <= row[2] < count
        ):
            raise ValueError(f"{path[:100]!r} has something else than lines")
    found: Sequence[Sequence[int]] = rows  # type: ignore[assignment]
    return found


def _read_test(row: object) -> RecordedTest:
    fields = _require(row, list, "a test")
    if len(fields) != 8:
        raise ValueError("a test does not have 8 fields")
    name, suite, title, status, seconds, path, is_open, commit = fields
    if status not in _STATES or not isinstance(is_open, bool) or not isinstance(seconds, (int, float)):
        raise ValueError(f"the test {str(name)[:100]!r} has no status that is known")
    if commit is not None and not (isinstance(commit, str) and _DIGEST.fullmatch(commit)):
        raise ValueError(f"the test {str(name)[:100]!r} has no commit")
    return RecordedTest(
        name=_read_name(name),
        suite=_read_name(suite),
        title=_read_name(title),
        status=status,
        seconds=float(seconds),
        path=_read_name(path),
        is_open=is_open,
        commit=commit,
    )


def _read_list(fields: Mapping[str, Any], name: str) -> list[Any]:
    found: list[Any] = _require(fields.get(name), list, f"its {name}")
    return found


def _require(value: object, kind: type, what: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{what} is no {kind.__name__}")
    return value


def _read_name(value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        raise ValueError(f"{str(value)[:100]!r} is no name")
    return value
