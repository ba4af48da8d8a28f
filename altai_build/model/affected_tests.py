"""Which tests of a Python suite a change affects, by what each test ran before: all, or those that may end differently.

A test is affected where a function that it ran has another body. Whatever else changes, every test is.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Union

from altai_build.model.python_functions import Function, compare_files
from altai_build.model.quantity import format_count
from altai_build.model.test_record import SESSION, ContextRecord, RecordedTest

_TEST_FILES = ("test*.py", "*_test.py", "*_tests.py")
_CARRIED_STATES = ("passed", "skipped")


@dataclass(frozen=True)
class ChangedFile:
    """A file that differs between two commits; object ids of its contents, None in the commit without it.

    `is_plain`: it is a regular file with the same permissions in both, as far as it is there.
    """

    path: str
    before: str | None
    now: str | None
    is_plain: bool = True


@dataclass(frozen=True)
class EverythingRuns:
    """All tests run, for a reason."""

    reason: str


@dataclass(frozen=True)
class AffectedTests:
    """The tests that do not run are `carried` over (their numbers in the record of the commit `base`).

    `why` has a line for each change, `changed` the object ids of the files that changed, and `moved` their lines that
    are the same: first line before, first line now, number of lines.
    """

    base: str
    record: ContextRecord
    carried: tuple[int, ...]
    why: tuple[str, ...]
    changed: Mapping[str, str] = field(default_factory=dict)
    moved: Mapping[str, Sequence[tuple[int, int, int]]] = field(default_factory=dict)

    def describe(self) -> str:
        """What affects tests, as in `lib.py: parse() has changed (3 tests)`."""
        return "; ".join(self.why) or "no file has changed"


TestSelection = Union[EverythingRuns, AffectedTests]


@dataclass(frozen=True)
class FileAccess:
    """How the texts of files are read: by object ids, and the first file of this commit that has a word, or None."""

    read: Callable[[Sequence[str]], Mapping[str, str]]
    find_word: Callable[[str, str], str | None]  # the word, and a path that does not count


class _Everything(Exception):
    """A change that may affect any test."""


def select_tests(
    record: ContextRecord, base: str, changes: Sequence[ChangedFile], access: FileAccess
) -> TestSelection:
    """Which tests changes since the commit `base` affect, whose record is given."""
    if record.unusable or record.outside:
        return EverythingRuns(record.unusable or record.outside)
    try:
        return _Selection(record, base, access).select(changes)
    except _Everything as reason:
        return EverythingRuns(str(reason))


class _Selection:
    def __init__(self, record: ContextRecord, base: str, access: FileAccess) -> None:
        self._record, self._base, self._access = record, base, access
        self._files = {test.path for test in record.tests}
        self._affected = {number for number, test in enumerate(record.tests) if not _is_known(test)}
        self._why: list[str] = []
        self._moved: dict[str, Sequence[tuple[int, int, int]]] = {}
        if self._affected:
            self._why.append(
                f"what other processes run is unknown ({format_count(len(self._affected), 'test')})"
            )

    def select(self, changes: Sequence[ChangedFile]) -> AffectedTests:
        # What needs no content first: most changes that affect everything end here.
        modified = [change for change in changes if not self._is_new_test_file(self._check(change))]
        own = [change for change in modified if self._is_file_of_tests_only(change.path)]
        functions = [change for change in modified if change not in own]
        for change in functions:
            if change.path not in self._record.files:
                raise _Everything(f"{change.path} has changed, and no test is known to run it")
        texts = self._access.read(
            [oid for one in functions for oid in (one.before, one.now) if oid is not None]
        )
        for change in own:
            numbers = self._find_tests_of(change.path)
            self._affect(numbers, f"{change.path} has changed")
            self._moved[change.path] = ()
        for change in functions:
            self._compare(change, texts)
        tests = self._record.tests
        return AffectedTests(
            base=self._base,
            record=self._record,
            carried=tuple(number for number in range(len(tests)) if number not in self._affected),
            why=tuple(self._why),
            changed={change.path: change.now for change in changes if change.now is not None},
            moved=self._moved,
        )

    def _check(self, change: ChangedFile) -> ChangedFile:
        path, name = change.path, posixpath.basename(change.path)
        if not change.is_plain:
            raise _Everything(f"{path} is a link, or has other permissions")
        if change.now is None:
            raise _Everything(f"{path} is gone")
        if not name.endswith(".py"):
            raise _Everything(f"{path} has changed, which is no Python code")
        if name in ("conftest.py", "setup.py"):
            raise _Everything(f"{path} has changed, on which all tests depend")
        if change.before is not None and self._record.tree.get(path) != change.before:
            raise _Everything(f"{path} has changed, and was tested as something else than its commit has")
        return change

    def _is_new_test_file(self, change: ChangedFile) -> bool:
        if change.before is not None:
            return False
        name = posixpath.basename(change.path)
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in _TEST_FILES):
            raise _Everything(f"{change.path} is new")
        self._require_private(change.path)
        self._why.append(f"{change.path} is new")
        return True

    def _is_file_of_tests_only(self, path: str) -> bool:
        """Whether nothing but its own tests depends on a file."""
        if path not in self._files or posixpath.basename(path) == "__init__.py":
            return False
        word = posixpath.splitext(posixpath.basename(path))[0]
        return self._access.find_word(word, path) is None

    def _require_private(self, path: str) -> None:
        word = posixpath.splitext(posixpath.basename(path))[0]
        other = self._access.find_word(word, path)
        if other is not None:
            raise _Everything(f"{path} is new, and {other} may use it")

    def _find_tests_of(self, path: str) -> set[int]:
        return {number for number, test in enumerate(self._record.tests) if test.path == path}

    def _compare(self, change: ChangedFile, texts: Mapping[str, str]) -> None:
        path = change.path
        before, now = texts.get(change.before or ""), texts.get(change.now or "")
        if before is None or now is None:
            raise _Everything(f"{path} has changed, and is too large to be compared")
        try:
            difference = compare_files(before, now)
        except ValueError as error:
            raise _Everything(f"{path} has changed, and cannot be taken apart: {error}") from error
        if difference.outside:
            raise _Everything(f"{path} has changed outside of the bodies of its functions")
        self._moved[path] = difference.moved
        if path in self._files:
            self._affect(self._find_tests_of(path), f"{path} has changed")
        for function in difference.changed:
            self._affect(self._find_tests_that_run(path, function), f"{path}: {function.name}() has changed")

    def _find_tests_that_run(self, path: str, function: Function) -> set[int]:
        """The tests that ran a line of a function."""
        if function.keeps_state:
            raise _Everything(f"{path}: {function.name}() has changed, which keeps state for later calls")
        found: set[int] = set()
        for context in self._record.list_contexts(path, function.first, function.last):
            name = self._record.contexts[context]
            if context in self._record.importers:
                raise _Everything(
                    f"{path}: {function.name}() has changed, which may run where a test imports a module"
                )
            if name == "":
                raise _Everything(f"{path}: {function.name}() has changed, which also runs outside of tests")
            if name == SESSION:
                raise _Everything(f"{path}: {function.name}() has changed, which all tests share")
            if name.startswith(SESSION):
                found |= self._find_tests_of(name[len(SESSION) :])
            else:
                found |= self._record.find_tests(name)
        return found

    def _affect(self, numbers: set[int], why: str) -> None:
        self._affected |= numbers
        self._why.append(f"{why} ({format_count(len(numbers), 'test')})")


def _is_known(test: RecordedTest) -> bool:
    """Whether it is known all that a test ran, and that it did not fail."""
    return test.status in _CARRIED_STATES and not test.is_open and bool(test.path)


def find_word(word: str, texts: Mapping[str, str], besides: str) -> str | None:
    """The first file, of path → text, that has a word; None where none has."""
    pattern = re.compile(rf"\b{re.escape(word)}\b")
    return next((path for path, text in texts.items() if path != besides and pattern.search(text)), None)
