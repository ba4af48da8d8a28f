"""Tests that are left out: what they ran is carried over, unless the source is another one than expected."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

from altai_test_record import (
    list_digests,
    make_line_map,
    read_ranges,
    write_ranges,
)

from altai_build.model.python_functions import compare_files
from tests.kit.recorded_suites import RecordedRun, record_suite

LIBRARY = """\
def g():
    return 3


def f(number):
    if number:
        return 1
    return 2
"""
TESTS = """\
import unittest
import lib


class Case(unittest.TestCase):
    def test_f(self):
        self.assertEqual(lib.f(1), 1)

    def test_g(self):
        self.assertEqual(lib.g(), 3)
"""


def make_selection(base: RecordedRun, text: str, **fields: object) -> dict[str, Any]:
    oid = hashlib.sha1(b"blob %d\0%s" % (len(text.encode()), text.encode())).hexdigest()
    moved = compare_files(LIBRARY, text).moved
    selection = {
        "hash": "sha1",
        "base": "0" * 40,
        "carried": [0],
        "changed": {"lib.py": oid},
        "moved": {"lib.py": moved},
    }
    return {"selection.json": {**selection, **fields}, "base.json": base.record}


def test_what_tests_ran_that_are_left_out_counts(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "tests").mkdir(parents=True)
    (source / "tests/test_it.py").write_text(TESTS)
    (source / "lib.py").write_text(LIBRARY)
    base = record_suite(source, tmp_path / "base", "unittest")
    text = LIBRARY.replace("return 3", "three = 3\n    return three")
    (source / "lib.py").write_text(text)
    part = record_suite(source, tmp_path / "part", "unittest", inputs=make_selection(base, text))
    whole = record_suite(source, tmp_path / "whole", "unittest")
    assert "Ran 1 test " in part.output and part.status == 0
    assert part.selection == {"reason": "", "carried": "0"}
    assert part.lcov == whole.lcov
    name = "test_it.Case.test_f"
    assert part.list_lines(name, "lib.py") == whole.list_lines(name, "lib.py") == {7, 8}
    assert {test[0]: test[7] for test in part.record["tests"]} == {
        "test_it.Case.test_g": None,
        name: "0" * 40,
    }
    # Another file than the commits say has changed: all tests run.
    (source / "data").write_text("")
    refused = record_suite(source, tmp_path / "refused", "unittest", inputs=make_selection(base, text))
    assert "Ran 2 tests " in refused.output
    assert refused.selection == {"reason": "data is not as its commit has it", "carried": ""}


def test_digests_are_those_of_git(tmp_path: Path) -> None:
    (tmp_path / "folder/__pycache__").mkdir(parents=True)
    (tmp_path / "folder/file").write_text("text\n")
    (tmp_path / "folder/link").symlink_to("file")
    (tmp_path / "folder/__pycache__/x.pyc").write_text("")
    oid = subprocess.run(
        ["git", "hash-object", "folder/file"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.strip()
    link = hashlib.sha1(b"blob 4\0file").hexdigest()
    assert list_digests(str(tmp_path), "sha1") == {"folder/file": oid, "folder/link": link}


def test_ranges_and_moved_lines() -> None:
    assert write_ranges({5, 0, 1, 2}) == "0-2,5"
    assert read_ranges("0-2,5") == {0, 1, 2, 5}
    assert read_ranges(write_ranges(set())) == set()
    move = make_line_map([[1, 1, 2], [4, 6, 1]])
    assert [move(line) for line in (0, 1, 3, 4, -4, -3)] == [0, 1, None, 6, -6, None]
    assert make_line_map(None)(-7) == -7
