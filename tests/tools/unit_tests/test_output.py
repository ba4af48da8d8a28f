"""What test programs print, one form after another."""

from __future__ import annotations

import pytest

from altai_build.model.unit_tests import SuiteKind
from altai_build.tools.unit_tests.output import read_output

UNITTEST = """\
test_a (pkg.mod.Case) ... ok
test_b (pkg.mod.Case.test_b)
What it is about ... printed by the test
ok
test_c (pkg.mod.Case) ... FAIL
test_d (pkg.mod.Case) ... skipped 'no network'
test_e (pkg.mod.Case) ... expected failure
test_f (pkg.mod.Case) ... ERROR

======================================================================
ERROR: pkg.other (unittest.loader._FailedTest)
----------------------------------------------------------------------
ImportError: Failed to import test module: pkg.other
ModuleNotFoundError: No module named 'mox'

======================================================================
ERROR: test_f (pkg.mod.Case)
Its first line
----------------------------------------------------------------------
Traceback (most recent call last):
OSError: gone

======================================================================
FAIL: test_c (pkg.mod.Case)
----------------------------------------------------------------------
Traceback (most recent call last):
AssertionError: 1 != 2

----------------------------------------------------------------------
Ran 6 tests in 0.1s

FAILED (failures=1, errors=2)
"""
AUTOMAKE = """\
PASS: t/one
FAIL: t/two
SKIP: t/three
XFAIL: t/four
PASS: t/tap.test 1 - works
# PASS:  3
FAIL: t/two
===========

two: line 3: assertion failed
FAIL t/two (exit status: 1)

SKIP: t/three
=============

no gpg
"""
CTEST = """\
Test project /b
      Start  1: alpha
 1/3 Test  #1: alpha ............................   Passed    0.01 sec
      Start  2: beta
 2/3 Test  #2: beta .............................***Failed    1.50 sec
beta.c:3: wrong answer
      Start  3: gamma
 3/3 Test  #3: gamma ............................***Skipped   0.00 sec

33% tests passed, 1 tests failed out of 3
"""
GO = """\
=== RUN   TestGood
--- PASS: TestGood (0.01s)
=== RUN   TestBad
    bad_test.go:7: want 1, got 2
--- FAIL: TestBad (0.00s)
=== RUN   TestLeft
--- SKIP: TestLeft (0.00s)
FAIL
FAIL\texample.org/a\t0.003s
?   \texample.org/b\t[no test files]
FAIL\texample.org/c [build failed]
ok  \texample.org/d\t0.001s
"""
CARGO = """\
     Running unittests src/lib.rs (target/debug/deps/x-1)

running 3 tests
test tests::good ... ok
test tests::bad ... FAILED
test tests::slow ... ignored

failures:

---- tests::bad stdout ----
thread 'tests::bad' panicked at src/lib.rs:9:5:
assertion failed

failures:
    tests::bad

   Doc-tests x

test src/lib.rs - f (line 3) ... ok
"""


@pytest.mark.parametrize(
    ("kind", "text", "cases"),
    [
        (
            SuiteKind.UNITTEST,
            UNITTEST,
            [
                ("pkg.mod.Case", "test_a", "passed", ""),
                ("pkg.mod.Case", "test_b", "passed", ""),
                ("pkg.mod.Case", "test_c", "failed", "AssertionError: 1 != 2"),
                ("pkg.mod.Case", "test_d", "skipped", "skipped 'no network'"),
                ("pkg.mod.Case", "test_e", "passed", ""),
                ("pkg.mod.Case", "test_f", "error", "OSError: gone"),
                (
                    "unittest.loader._FailedTest",
                    "pkg.other",
                    "error",
                    "ModuleNotFoundError: No module named 'mox'",
                ),
            ],
        ),
        (
            SuiteKind.AUTOMAKE,
            AUTOMAKE,
            [
                ("", "t/one", "passed", ""),
                ("", "t/two", "failed", "FAIL t/two (exit status: 1)"),
                ("", "t/three", "skipped", ""),
                ("", "t/four", "passed", ""),
                ("", "t/tap.test 1 - works", "passed", ""),
            ],
        ),
        (
            SuiteKind.CTEST,
            CTEST,
            [
                ("", "alpha", "passed", ""),
                ("", "beta", "failed", "Failed: beta.c:3: wrong answer"),
                ("", "gamma", "skipped", "Skipped"),
            ],
        ),
        (
            SuiteKind.GO,
            GO,
            [
                ("example.org/a", "TestGood", "passed", ""),
                ("example.org/a", "TestBad", "failed", "bad_test.go:7: want 1, got 2"),
                ("example.org/a", "TestLeft", "skipped", ""),
                ("example.org/c", "(package)", "error", "build failed"),
            ],
        ),
        (
            SuiteKind.CARGO,
            CARGO,
            [
                ("src/lib.rs", "tests::good", "passed", ""),
                ("src/lib.rs", "tests::bad", "failed", "thread 'tests::bad' panicked at src/lib.rs:9:5:"),
                ("src/lib.rs", "tests::slow", "skipped", ""),
                ("doc-tests of x", "src/lib.rs - f (line 3)", "passed", ""),
            ],
        ),
    ],
)
def test_each_form(kind: SuiteKind, text: str, cases: list[tuple[str, str, str, str]]) -> None:
    found = [(case.suite, case.name, case.status.value, case.message) for case in read_output(kind, text)]
    assert found == cases


def test_a_command_of_ones_own_may_print_what_unittest_does() -> None:
    text = "E.\n=====\nERROR: test_x (m.Case)\n-----\nKeyError: 1\n\n-----\nRan 2 tests in 0.1s\n\nFAILED (errors=1)\n"
    assert [(case.label, case.status.value) for case in read_output(SuiteKind.COMMAND, text)] == [
        ("m.Case: test_x", "error")
    ]
    assert read_output(SuiteKind.COMMAND, "test_x (m.Case) ... ok\n") == []


@pytest.mark.parametrize("kind", SuiteKind)
def test_torn_output_is_read_to_its_end(kind: SuiteKind) -> None:
    for text in (UNITTEST, AUTOMAKE, CTEST, GO, CARGO):
        for end in range(0, len(text), 7):
            assert isinstance(read_output(kind, text[:end]), list)
            assert isinstance(read_output(kind, text[end:]), list)
