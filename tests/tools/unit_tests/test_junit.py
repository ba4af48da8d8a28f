"""JUnit XML of test programs, sound and hostile."""

from __future__ import annotations

import pytest

from altai_build.model.unit_tests import TestCase, TestStatus
from altai_build.tools.unit_tests.junit import DETAIL_LIMIT, read_junit

SUITE = b"""<?xml version="1.0"?>
<testsuites><testsuite name="a"><testsuite name="inner">
  <testcase classname="m.C" name="good" time="1,000.5"/>
  <testcase classname="m.C" name="bad"><failure message="1 != 2" type="AssertionError">Traceback
E   1 != 2</failure><system-out>x</system-out></testcase>
  <testcase file="t.py" name="broken"><skipped/><error>no
import</error><failure/></testcase>
  <testcase classname="m.C" name="left out"><skipped message="no network"/></testcase>
</testsuite></testsuite></testsuites>"""


def test_cases_of_suites_within_suites() -> None:
    assert read_junit(SUITE) == [
        TestCase("m.C", "good", TestStatus.PASSED, 1000.5),
        TestCase("m.C", "bad", TestStatus.FAILED, 0.0, "1 != 2", "Traceback\nE   1 != 2"),
        TestCase("t.py", "broken", TestStatus.ERROR, 0.0, "import", "no\nimport"),
        TestCase("m.C", "left out", TestStatus.SKIPPED, 0.0, "no network"),
    ]
    single = read_junit(b'<testsuite><testcase name="" time="nan"/></testsuite>')
    assert single == [TestCase("", "(no name)", TestStatus.PASSED)]


def test_failures_that_only_a_suite_reports_are_failures() -> None:
    (case,) = read_junit(b'<testsuites><testsuite name="a" tests="5" failures="3" errors="0"/></testsuites>')
    assert (case.suite, case.status) == ("a", TestStatus.ERROR) and case.message.startswith(
        "the suite reports 3"
    )
    assert read_junit(b'<testsuite failures="0" errors=" 00"/>') == []
    named = b'<testsuite failures="2"><testcase name="b"><failure/></testcase></testsuite>'
    assert [case.name for case in read_junit(named)] == ["b"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is not XML"),
        (b"<html/>", "it is a html document"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><testsuite/>', "declares a document type"),
        (b"<testsuite><testcase>", "it is not XML"),
    ],
)
def test_what_is_no_such_document_is_an_error(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_junit(data)


def test_long_texts_keep_their_beginning_and_end() -> None:
    text = b"start" + b"x" * 3 * DETAIL_LIMIT + b"end"
    (case,) = read_junit(
        b'<testsuite><testcase name="a"><failure>' + text + b"</failure></testcase></testsuite>"
    )
    assert len(case.detail) == DETAIL_LIMIT
    assert case.detail.startswith("start") and case.detail.endswith("end")
