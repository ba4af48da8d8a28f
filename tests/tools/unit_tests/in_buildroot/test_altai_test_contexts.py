"""The recorder of tests, with real pytest and unittest: which test ran what, and what of it is not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.model.test_record import parse_test_record
from tests.kit.recorded_suites import record_suite

LIBRARY = """\
def one():
    return 1


def shared():
    return 2


def cleaned():
    return 3


def at_import():
    return 4
"""
UNITTEST = """\
import subprocess, sys, threading, unittest
import lib

lib.at_import()


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        lib.shared()

    @classmethod
    def tearDownClass(cls):
        lib.cleaned()

    def setUp(self):
        self.one = lib.one()

    def test_one(self):
        pass

    @unittest.skip("why")
    def test_skipped(self):
        pass

    def test_process(self):
        subprocess.run([sys.executable, "-c", ""], check=True)

    def test_thread(self):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
"""
PYTEST = """\
import pytest
import lib


@pytest.fixture(scope="session")
def whole():
    yield lib.shared()
    lib.cleaned()


@pytest.fixture(scope="module")
def part():
    yield lib.at_import()


def test_first(whole, part):
    pass


@pytest.mark.parametrize("number", [1, 2])
def test_number(whole, part, number):
    lib.one()
"""


def write(folder: Path, test: str) -> Path:
    (folder / "tests").mkdir(parents=True)
    (folder / "lib.py").write_text(LIBRARY)
    (folder / "tests/test_it.py").write_text(test)
    return folder


def test_unittest(tmp_path: Path) -> None:
    run = record_suite(write(tmp_path / "source", UNITTEST), tmp_path / "state", "unittest")
    assert run.status == 0, run.output
    record = parse_test_record(run.record)
    assert {(test.title, test.suite, test.status, test.path, test.is_open) for test in record.tests} == {
        ("test_one", "test_it.Case", "passed", "tests/test_it.py", False),
        ("test_skipped", "test_it.Case", "skipped", "tests/test_it.py", False),
        ("test_process", "test_it.Case", "passed", "tests/test_it.py", True),
        ("test_thread", "test_it.Case", "passed", "tests/test_it.py", True),
    }
    assert run.list_lines("test_it.Case.test_one", "lib.py") == {2}
    assert run.list_lines("@tests/test_it.py", "lib.py") == {6, 10}
    assert run.list_lines("", "lib.py") == {1, 5, 9, 13, 14}
    assert (record.outside, record.unusable) == ("", "")
    assert sorted(record.tree) == ["lib.py", "tests/test_it.py"]


def test_pytest(tmp_path: Path) -> None:
    run = record_suite(write(tmp_path / "source", PYTEST), tmp_path / "state", "pytest")
    assert run.status == 0, run.output
    record = parse_test_record(run.record)
    assert [(test.name, test.suite, test.title) for test in record.tests] == [
        ("tests/test_it.py::test_first", "tests.test_it", "test_first"),
        ("tests/test_it.py::test_number[1]", "tests.test_it", "test_number[1]"),
        ("tests/test_it.py::test_number[2]", "tests.test_it", "test_number[2]"),
    ]
    # A fixture runs once, and each test that uses it depends on it.
    assert run.list_lines("tests/test_it.py::test_first", "lib.py") == set()
    assert run.list_lines("tests/test_it.py::test_number[2]", "lib.py") == {2}
    assert run.list_lines("@tests/test_it.py", "lib.py") == {14}
    assert run.list_lines("@", "lib.py") == {6, 10}
    # That every test is left out is no failure.
    selection = {"hash": "sha1", "base": "0" * 40, "carried": [0, 1, 2], "changed": {}, "moved": {}}
    inputs = {"selection.json": selection, "base.json": run.record}
    none = record_suite(tmp_path / "source", tmp_path / "none", "pytest", inputs=inputs)
    assert (none.status, none.selection, none.lcov) == (0, {"reason": "", "carried": "0-2"}, run.lcov)


@pytest.mark.parametrize(
    ("kind", "test", "unusable", "outside"),
    [
        (
            "unittest",
            "import sys, unittest\n\n\nclass Case(unittest.TestCase):\n"
            "    def test_it(self):\n        sys.settrace(None)\n",
            "the test test_it.Case.test_it ends the measurement (sys.settrace)",
            "",
        ),
        (
            "unittest",
            "import subprocess, sys, unittest\n\nsubprocess.run([sys.executable, '-c', ''])\n",
            "no test was seen",
            "the suite starts a process outside of its tests: ",
        ),
    ],
)
def test_what_is_not_known(tmp_path: Path, kind: str, test: str, unusable: str, outside: str) -> None:
    record = record_suite(write(tmp_path / "source", test), tmp_path / "state", kind).record
    assert record["unusable"] == unusable
    assert record["outside"].startswith(outside) and bool(record["outside"]) == bool(outside)
