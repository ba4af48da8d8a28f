"""Records that suites wrote: what ran, and what is no record."""

from __future__ import annotations

from typing import Any

import pytest

from altai_build.model.test_record import ContextRecord, parse_test_record, read_numbers

OID = "0" * 40
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "contexts": ["", "t.A.test_a", "@t.py", "t.A.test_b"],
    "tests": [
        ["t.A.test_a", "t.A", "test_a", "passed", 0.5, "t.py", False, None],
        ["t.A.test_b", "t.A", "test_b", "skipped", 0, "t.py", True, OID],
    ],
    "sets": ["0-1", "2", ""],
    "files": {"lib.py": [[1, 2, 0], [5, -4, 1], [9, 0, 2]]},
    "tree": {"lib.py": OID},
    "outside": "",
    "unusable": "",
}


def test_what_ran_the_lines_of_a_function() -> None:
    record = parse_test_record(DOCUMENT)
    assert record.list_contexts("lib.py", 2, 3) == {0, 1}
    assert record.list_contexts("lib.py", 4, 4) == {2}
    assert record.list_contexts("lib.py", 6, 9) == set()
    assert record.list_contexts("other.py", 1, 9) == set()
    assert record.find_tests("t.A.test_b") == {1}
    assert (record.tests[1].is_open, record.tests[1].commit) == (True, OID)
    # That of the first line was imported by a test, and by what runs outside of tests.
    assert record.importers == {1}
    assert read_numbers("0-1,3", 4) == {0, 1, 3}


def test_a_record_that_says_that_nothing_is_known() -> None:
    assert parse_test_record({"version": 1, "unusable": "why"}) == ContextRecord(unusable="why")


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"contexts": ["t"]},
        {"contexts": ["", 1]},
        {"sets": ["0-9999999"]},
        {"sets": ["1,0"]},
        {"sets": ["x"]},
        {"files": {"lib.py": [[1, 2, 3]]}},
        {"files": {"lib.py": [[1, True, 0]]}},
        {"files": {"lib.py": 1}},
        {"files": []},
        {"tree": {"lib.py": "x"}},
        {"tests": [["t"]]},
        {"tests": [["t", "", "", "odd", 0, "", False, None]]},
        {"tests": [["t", "", "", "passed", 0, "", False, "x"]]},
        {"tests": [["t" * 5000, "", "", "passed", 0, "", False, None]]},
        {"outside": None},
    ],
)
def test_what_no_suite_of_ours_writes(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_test_record({**DOCUMENT, **change})
