"""The files that a test run left, and what they say about the tests."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from altai_build.model.affected_tests import AffectedTests
from altai_build.model.test_record import ContextRecord, RecordedTest
from altai_build.model.unit_tests import SuiteKind, SuiteStatus, TestCounts, TestResult, TestStatus
from altai_build.stages.unit_tests.results import parse_results

GOOD = b'<testsuite><testcase classname="m" name="a"/></testsuite>'
BAD = b'<testsuite><testcase classname="m" name="a"><failure message="no"/></testcase></testsuite>'
PYTEST, COMMAND = SuiteKind.PYTEST, SuiteKind.COMMAND


@pytest.mark.parametrize(
    ("files", "kind", "status", "problem"),
    [
        ({"1/status": b"0 3\n", "1/junit-1.xml": GOOD}, PYTEST, SuiteStatus.PASSED, ""),
        ({"1/status": b"1 3\n", "1/junit-1.xml": BAD}, PYTEST, SuiteStatus.FAILED, ""),
        ({"1/status": b"0 3\n", "1/junit-1.xml": BAD}, PYTEST, SuiteStatus.FAILED,
         "tests failed, although the suite ended with exit status 0"),
        ({"1/status": b"1 3\n", "1/junit-1.xml": BAD, "2/status": b"0 1\n", "2/junit-1.xml": GOOD}, PYTEST,
         SuiteStatus.FLAKY, ""),
        ({"1/status": b"5 0\n"}, PYTEST, SuiteStatus.NOT_RUN, "the suite ended with exit status 5 and ran no test"),
        ({"1/status": b"0 0\n"}, PYTEST, SuiteStatus.NOT_RUN, "the suite ran no test"),
        ({"1/status": b"0 0\n"}, COMMAND, SuiteStatus.PASSED, ""),
        ({"1/status": b"2 0\n"}, COMMAND, SuiteStatus.FAILED, "the suite ended with exit status 2"),
        ({"1/status": b"0 0\n", "1/junit-1.xml": b"<testsuite/>"}, COMMAND, SuiteStatus.NOT_RUN,
         "the suite ran no test"),
        ({"1/status": b"0 0\n", "1/junit-1.xml": b"<testsuite failures='1'/>"}, COMMAND, SuiteStatus.FAILED,
         "tests failed, although the suite ended with exit status 0"),
        ({"1/status": b"0 0\n", "1/junit-1.xml": b"<broken"}, PYTEST, SuiteStatus.NOT_RUN,
         "whether a test ran is unknown: the JUnit file of the suite cannot be read"),
        ({"1/status": b"5 0\n", "1/junit-1.xml": b"<broken"}, PYTEST, SuiteStatus.FAILED,
         "the suite ended with exit status 5"),
        ({"1/status": b"0 0\n", "1/junit-1.xml": b"<broken", "1/junit-2.xml": b"<testsuite/>"}, COMMAND,
         SuiteStatus.PASSED, ""),
        ({"1/status": b"124 9\n"}, COMMAND, SuiteStatus.FAILED, "the suite ended with exit status 124"),
        ({"1/status": b"137 9\n"}, COMMAND, SuiteStatus.FAILED,
         "the suite was killed (SIGKILL): by itself, or because memory ran out"),
        ({"1/status": b"137 9 timeout\n"}, COMMAND, SuiteStatus.FAILED,
         "the suite was ended after the time that it may take (test.timeout)"),
        ({"1/status": b"not a number"}, COMMAND, SuiteStatus.NOT_RUN, "the results of the suite are missing"),
        ({}, PYTEST, SuiteStatus.NOT_RUN, "the results of the suite are missing"),
    ],
)  # fmt: skip
def test_the_status(files: Mapping[str, bytes], kind: SuiteKind, status: SuiteStatus, problem: str) -> None:
    outcome = parse_results(files, kind)
    assert (outcome.status, outcome.problem) == (status, problem)


def test_what_a_run_leaves() -> None:
    outcome = parse_results(
        {
            "folder": b"/builddir/x\n",
            "1/status": b"1 3\n",
            "1/log": b"first",
            "1/junit-1.xml": BAD,
            "2/status": b"0 4\n",
            "2/log": b"second",
            "2/junit-1.xml": GOOD,
            "2/junit-2.xml": b"<broken",
            "coverage.xml": b"<coverage/>",
            "other": b"",
        },
        PYTEST,
    )
    assert outcome.counts == TestCounts(tests=1, flaky=1)
    assert (outcome.seconds, outcome.logs, outcome.folder) == (7.0, (b"first", b"second"), "/builddir/x")
    assert outcome.coverage == {"coverage.xml": b"<coverage/>"}
    assert len(outcome.notes) == 1 and outcome.notes[0].startswith(
        "a JUnit file of the suite cannot be read: "
    )


def test_output_counts_where_there_is_no_junit_file() -> None:
    outcome = parse_results({"1/status": b"0 1\n", "1/log": b"test_a (m.C) ... ok\n"}, SuiteKind.UNITTEST)
    assert (outcome.status, outcome.counts) == (SuiteStatus.PASSED, TestCounts(tests=1))


@pytest.mark.parametrize("unread", [{"1/junit-2.xml": b"<broken"}, {"too-large": b"junit-2.xml\n"}])
def test_the_number_of_tests_is_unknown_where_results_cannot_be_read(unread: Mapping[str, bytes]) -> None:
    outcome = parse_results({"1/status": b"0 1\n", "1/junit-1.xml": GOOD, **unread}, COMMAND)
    assert (outcome.status, outcome.counts, len(outcome.cases)) == (SuiteStatus.PASSED, None, 1)
    result = TestResult("x", "", outcome.status, "why", outcome=outcome)
    assert result.describe_counts() == ("unknown", "unknown", "unknown")
    # What the output counts is known.
    printed = {"1/status": b"0 1\n", "1/log": b"Ran 4 tests in 0.1s\n\nOK\n", "1/junit-1.xml": GOOD, **unread}
    assert parse_results(printed, COMMAND).counts == TestCounts(tests=4)


RECORD = ContextRecord(
    contexts=("", "m.C.one", "m.C.two"),
    tests=(
        RecordedTest("m.C.one", "m.C", "one", "passed", 1.5, "m.py", False, None),
        RecordedTest("m.C.two", "m.C", "two", "skipped", 0.0, "m.py", False, "1" * 40),
        RecordedTest("m.C.three", "m.C", "three", "passed", 0.0, "m.py", False, None),
    ),
)
SELECTION = AffectedTests("2" * 40, RECORD, carried=(0, 1), why=("why",))


def test_tests_that_were_left_out_count_as_they_ended_before() -> None:
    files = {"1/status": b"0 1\n", "1/log": b"", "selection.json": b'{"reason": "", "carried": "0-1"}'}
    outcome = parse_results(files, SuiteKind.UNITTEST, SELECTION)
    assert (outcome.status, outcome.counts) == (SuiteStatus.PASSED, TestCounts(tests=2, skipped=1))
    assert [(case.label, case.status, case.seconds, case.commit) for case in outcome.cases] == [
        ("m.C: one", TestStatus.PASSED, 1.5, "2" * 40),
        ("m.C: two", TestStatus.SKIPPED, 0.0, "1" * 40),
    ]


@pytest.mark.parametrize(
    ("selection", "labels", "refused"),
    [
        (b'{"reason": "lib.py is another\\u001b", "carried": ""}', [], "lib.py is another\\x1b"),
        # The suite says that it left out what it was not asked to.
        (b'{"reason": "", "carried": "1-2"}', ["m.C: two"], ""),
    ],
)
def test_what_a_suite_says_that_it_left_out(selection: bytes, labels: list[str], refused: str) -> None:
    files = {"1/status": b"0 1\n", "1/log": b"test_a (m.C) ... ok\n", "selection.json": selection}
    outcome = parse_results(files, SuiteKind.UNITTEST, SELECTION)
    assert [case.label for case in outcome.cases] == ["m.C: test_a", *labels]
    assert outcome.refused == refused


@pytest.mark.parametrize(
    "data", [None, b"", b"[]", b"{}", b'{"reason": "", "carried": "0-9"}', b'{"carried": 1}']
)
def test_that_it_is_unknown_what_was_left_out_is_a_failure(data: bytes | None) -> None:
    files = {"1/status": b"0 1\n", "1/log": b"test_a (m.C) ... ok\n"}
    outcome = parse_results(
        files if data is None else {**files, "selection.json": data}, SuiteKind.UNITTEST, SELECTION
    )
    assert (outcome.status, outcome.problem) == (
        SuiteStatus.FAILED,
        "it is unknown which tests were left out; run all with --all",
    )


ERRORS = b"""\
E..E
=====
ERROR: test_a (m.C)
-----
KeyError: 1

=====
ERROR: test_d (m.C)
-----
KeyError: 1

-----
Ran 4 tests in 0.1s

FAILED (errors=2)
"""


@pytest.mark.parametrize("kind", [COMMAND, SuiteKind.NOSE])
@pytest.mark.parametrize("junit", [None, b"<testsuite><testcase name='\x01'"])
def test_what_is_printed_counts_where_no_junit_file_can_be_read(kind: SuiteKind, junit: bytes | None) -> None:
    files = {"1/status": b"1 1\n", "1/log": ERRORS}
    outcome = parse_results(files if junit is None else {**files, "1/junit-1.xml": junit}, kind)
    assert (outcome.status, outcome.counts) == (SuiteStatus.FAILED, TestCounts(tests=4, errors=2))
    assert [case.label for case in outcome.cases] == ["m.C: test_a", "m.C: test_d"]


def test_what_does_not_fit_together_is_said() -> None:
    files = {
        "1/status": b"1 1\n",
        "1/log": ERRORS,
        "1/junit-1.xml": BAD,
        "too-large": b"nose.xml\n",
    }
    outcome = parse_results(files, COMMAND)
    assert outcome.notes == (
        "nose.xml of the suite is too large, and was not read",
        "its output reports 2 failures, and its results have 1",
    )
    again = {"1/status": b"1 1\n", "1/log": ERRORS, "2/status": b"1 1\n", "2/junit-1.xml": BAD}
    again["1/junit-1.xml"] = GOOD.replace(
        b"<testsuite>", b"<testsuite><testcase name='b'><error/></testcase>"
    )
    assert parse_results(again, COMMAND).notes[-1] == (
        "1 test passed first and failed when all were run again: m: a"
    )
