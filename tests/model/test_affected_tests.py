"""Which tests a change affects; what may affect every test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from altai_build.model.affected_tests import (
    AffectedTests,
    ChangedFile,
    EverythingRuns,
    FileAccess,
    TestSelection,
    find_word,
    select_tests,
)
from altai_build.model.python_functions import find_functions
from altai_build.model.test_record import ContextRecord, RecordedTest

LIBRARY = """\
def f():
    return 1


def g():
    return 2


def at_import():
    return 3


def set_up():
    return 4


def for_all():
    return 5


def unused():
    return 6


@cached
def kept():
    return 7
"""
CONTEXTS = ("", "t.test_f", "t.test_g", "o.test_o", "@t.py", "@")


def make_test(number: int, path: str = "t.py", **fields: object) -> RecordedTest:
    name = CONTEXTS[number]
    test = RecordedTest(
        name, name.partition(".")[0], name.partition(".")[2], "passed", 0.1, path, False, None
    )
    return replace(test, **fields)  # type: ignore[arg-type]


RECORD = ContextRecord(
    contexts=CONTEXTS,
    tests=(make_test(1), make_test(2), make_test(3, "o.py")),
    sets=("1", "2-3", "0", "4", "5"),
    files={
        "lib.py": [[-1, 2, 0], [6, -5, 1], [10, -9, 2], [14, -13, 3], [18, -17, 4], [1, 5, 2]],
        "t.py": [[-1, 1, 2], [2, -1, 0]],
    },
    tree={
        "lib.py": "old",
        "t.py": "old",
        "o.py": "old",
        "conftest.py": "old",
        "data.txt": "old",
        "x.py": "old",
    },
)


def select(
    *changes: ChangedFile,
    now: str = LIBRARY,
    record: ContextRecord = RECORD,
    texts: Mapping[str, str] | None = None,
) -> TestSelection:
    def read(oids: Sequence[str]) -> Mapping[str, str]:
        return {oid: {"old": LIBRARY, "new": now}[oid] for oid in oids}

    found = texts or {}
    return select_tests(
        record, "base", changes, FileAccess(read, lambda word, besides: find_word(word, found, besides))
    )


def change(path: str = "lib.py") -> ChangedFile:
    return ChangedFile(path, "old", "new")


@pytest.mark.parametrize(
    ("old", "carried", "why"),
    [
        ("return 1", (1, 2), "lib.py: f() has changed (1 test)"),
        ("return 2", (0,), "lib.py: g() has changed (2 tests)"),
        ("return 4", (2,), "lib.py: set_up() has changed (2 tests)"),
        ("return 6", (0, 1, 2), "lib.py: unused() has changed (0 tests)"),
    ],
)
def test_the_tests_that_ran_a_changed_function(old: str, carried: tuple[int, ...], why: str) -> None:
    found = select(change(), now=LIBRARY.replace(old, f"x = 0\n    {old}"))
    assert isinstance(found, AffectedTests)
    assert (found.carried, found.describe(), found.changed) == (carried, why, {"lib.py": "new"})
    assert found.moved["lib.py"][-1][1] - found.moved["lib.py"][-1][0] == 1


def test_nothing_has_changed() -> None:
    found = select()
    assert isinstance(found, AffectedTests)
    assert (found.carried, found.describe()) == ((0, 1, 2), "no file has changed")


def test_files_of_tests() -> None:
    found = select(change("t.py"), ChangedFile("test_new.py", None, "new"))
    assert isinstance(found, AffectedTests)
    assert (found.carried, found.moved) == ((2,), {"t.py": ()})
    assert found.describe() == "test_new.py is new; t.py has changed (2 tests)"
    # Another file may use it: it is compared like any file.
    used = {"o.py": "import t", "t.py": "t"}
    found = select(change("t.py"), now=LIBRARY.replace("return 1", "return 9"), texts=used)
    assert isinstance(found, AffectedTests)
    assert found.carried == (2,)
    assert select(
        ChangedFile("test_new.py", None, "new"), texts={"a.py": "x = 'test_new'"}
    ) == EverythingRuns("test_new.py is new, and a.py may use it")


def test_tests_of_which_not_all_is_known_always_run() -> None:
    tests = (
        make_test(1, is_open=True),
        make_test(2, status="failed"),
        make_test(3, path=""),
        make_test(3, "o.py"),
    )
    found = select(record=replace(RECORD, tests=tests))
    assert isinstance(found, AffectedTests)
    assert found.carried == (3,)
    assert found.describe() == "what other processes run is unknown (3 tests)"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (change("data.txt"), "data.txt has changed, which is no Python code"),
        (change("conftest.py"), "conftest.py has changed, on which all tests depend"),
        (change("x.py"), "x.py has changed, and no test is known to run it"),
        (ChangedFile("new.py", None, "new"), "new.py is new"),
        (ChangedFile("lib.py", "old", None), "lib.py is gone"),
        (ChangedFile("lib.py", "old", "new", is_plain=False), "lib.py is a link, or has other permissions"),
        (
            ChangedFile("lib.py", "other", "new"),
            "lib.py has changed, and was tested as something else than its commit has",
        ),
    ],
)
def test_changes_that_may_affect_every_test(found: ChangedFile, reason: str) -> None:
    assert select(found) == EverythingRuns(reason)


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (f"A = 1\n{LIBRARY}", "lib.py has changed outside of the bodies of its functions"),
        (
            LIBRARY.replace("return 3", "return 9"),
            "lib.py: at_import() has changed, which also runs outside of tests",
        ),
        (LIBRARY.replace("return 5", "return 9"), "lib.py: for_all() has changed, which all tests share"),
        (
            LIBRARY.replace("return 7", "return 9"),
            "lib.py: kept() has changed, which keeps state for later calls",
        ),
        (LIBRARY.replace("return 1", "return `1`"), "lib.py has changed, and cannot be taken apart: "),
    ],
)
def test_functions_whose_change_may_affect_every_test(now: str, reason: str) -> None:
    found = select(change(), now=now)
    assert isinstance(found, EverythingRuns)
    assert found.reason.startswith(reason)


def test_what_a_test_imports_may_be_used_by_others() -> None:
    record = replace(RECORD, files={**RECORD.files, "late.py": [[1, 2, 0]]})
    assert select(change(), now=LIBRARY.replace("return 1", "return 9"), record=record) == EverythingRuns(
        "lib.py: f() has changed, which may run where a test imports a module"
    )


def test_a_function_that_begins_to_keep_state() -> None:
    found = select(change(), now=LIBRARY.replace("return 1", "global x\n    x = 1"))
    assert found == EverythingRuns("lib.py: f() has changed, which keeps state for later calls")


def test_a_record_that_does_not_tell() -> None:
    assert select(record=ContextRecord(unusable="why")) == EverythingRuns("why")
    assert select(record=replace(RECORD, outside="a process")) == EverythingRuns("a process")


# What each of five functions adds, from which argument on it calls one of those behind it, and how many behind it.
PROGRAMS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-2, 2), st.integers(1, 4)), min_size=5, max_size=5
)


def write_program(steps: Sequence[tuple[int, int, int]]) -> str:
    functions = []
    for number, (plus, least, callee) in enumerate(steps):
        called = number + callee
        more = (
            f"    if x > {least}:\n        return {plus} + f{called}(x - 1)\n" if called < len(steps) else ""
        )
        functions.append(f"def f{number}(x):\n    ran.append({number})\n{more}    return {plus}\n")
    return "\n\n".join(functions)


def run_program(text: str) -> list[tuple[int, frozenset[int]]]:
    """What each test returns, and the functions that it runs: a test for each function and argument."""
    found = []
    for number in range(5):
        for argument in range(-3, 4):
            ran: list[int] = []
            names: dict[str, Any] = {"ran": ran}
            exec(text, names)
            found.append((names[f"f{number}"](argument), frozenset(ran)))
    return found


@settings(max_examples=50)
@given(PROGRAMS, st.integers(0, 4), st.tuples(st.integers(0, 3), st.integers(-2, 2)))
def test_every_test_that_ends_differently_is_affected(
    steps: list[tuple[int, int, int]], changed: int, step: tuple[int, int]
) -> None:
    before, now = write_program(steps), write_program([
        (*step, one[2]) if number == changed else one for number, one in enumerate(steps)
    ])  # fmt: skip
    old, new = run_program(before), run_program(now)
    names = [f"t.test_{number}" for number in range(len(old))]
    rows = [(function.first, function.last, number) for number, function in enumerate(find_functions(before))]
    record = ContextRecord(
        contexts=("", *names),
        tests=tuple(RecordedTest(name, "t", name[2:], "passed", 0, "t.py", False, None) for name in names),
        sets=(
            *(",".join(str(test + 1) for test, (_, ran) in enumerate(old) if one in ran) for one in range(5)),
            "0",
        ),
        files={"lib.py": [[1, 1, 5], *rows]},
        tree={"lib.py": "old"},
    )  # fmt: skip
    access = FileAccess(lambda oids: {"old": before, "new": now}, lambda word, besides: None)
    found = select_tests(record, "base", [change()] if before != now else [], access)
    assert isinstance(found, AffectedTests)
    different = {number for number, (one, other) in enumerate(zip(old, new)) if one[0] != other[0]}
    assert different.isdisjoint(found.carried)
    # And no more than those that ran it.
    ran = {number for number, (_, functions) in enumerate(old) if changed in functions}
    assert set(range(len(names))) - set(found.carried) == (ran if before != now else set())
