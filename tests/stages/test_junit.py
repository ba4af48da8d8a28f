"""Builds as JUnit XML: counts, outcomes and text that XML can hold."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from altai_build.model.build import BuildResult, FailureKind
from altai_build.model.component_status import ComponentStatus
from altai_build.model.unit_tests import (
    SuiteOutcome,
    SuiteStatus,
    TestCase,
    TestResult,
    TestStatus,
    count_cases,
)
from altai_build.stages.junit import format_junit, format_tests
from tests.kit.junit import find_junit_errors


def row(
    name: str, status: ComponentStatus, reason: str = "why", failure: FailureKind | None = None
) -> BuildResult:
    return BuildResult(
        component=name, commit="0" * 40, status=status, reason=reason, seconds=1.5, failure=failure
    )


def test_each_component_is_a_case_with_its_outcome() -> None:
    rows = [
        row("built", ComponentStatus.BUILT),
        row("reused", ComponentStatus.REUSED),
        row("failed", ComponentStatus.FAILED, "x.c:1: error: <bad>", FailureKind.BUILD),
        row("lacking", ComponentStatus.FAILED, "no such package", FailureKind.DEPENDENCIES),
        row("damaged", ComponentStatus.FAILED, "no spec"),
        row("blocked", ComponentStatus.BLOCKED),
        row("skipped", ComponentStatus.SKIPPED),
    ]
    data = format_junit(rows, lambda row: f"log of {row.component}")
    assert find_junit_errors(data) == []
    (suite,) = ElementTree.fromstring(data)
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time")}
    assert counts == {"tests": "7", "failures": "1", "errors": "2", "skipped": "2", "time": "10.500"}
    outcomes = {
        case.get("name"): [(child.tag, child.get("type"), child.get("message"), child.text) for child in case]
        for case in suite
    }
    assert outcomes == {
        "built": [],
        "reused": [],
        "failed": [("failure", "build", "x.c:1: error: <bad>", "log of failed")],
        "lacking": [("error", "dependencies", "no such package", "log of lacking")],
        "damaged": [("error", "input", "no spec", "log of damaged")],
        "blocked": [("skipped", None, "why", None)],
        "skipped": [("skipped", None, "why", None)],
    }


def test_what_xml_cannot_hold_is_replaced() -> None:
    odd = 'a\x00\x1b\udcff\ufffe]]>&"<\u2028b'
    text = format_junit([row(odd, ComponentStatus.FAILED, odd, FailureKind.BUILD)], lambda _row: odd)
    assert find_junit_errors(text) == []
    case = ElementTree.fromstring(text)[0][0]
    clean = 'a����]]>&"<\u2028b'
    assert (case.get("name"), case[0].get("message"), case[0].text) == (clean, clean, clean)


def test_the_message_of_a_failure_has_every_cause() -> None:
    failed = replace(
        row("a", ComponentStatus.FAILED, "rpmbuild failed", FailureKind.BUILD),
        causes=("x.c:1: error: no y", "make: *** [x.o] Error 1"),
    )
    data = format_junit([failed], lambda _row: "the end")
    assert find_junit_errors(data) == []
    failure = ElementTree.fromstring(data)[0][0][0]
    assert failure.get("message") == "rpmbuild failed\nx.c:1: error: no y\nmake: *** [x.o] Error 1"
    assert failure.text == "the end"


def test_the_check_finds_what_a_service_cannot_read() -> None:
    good = format_junit([row("a", ComponentStatus.SKIPPED)], lambda _row: "").decode()
    for old, new in (
        ('name="a"', 'nmae="a"'),
        ('tests="1"', 'tests="2"'),
        ('time="1.500"', 'time="1,5"'),
        ("skipped ", "omitted "),
        ("testsuites", "suites"),
    ):
        assert old in good
        assert find_junit_errors(good.replace(old, new).encode()) != [], old


def test_no_component_is_an_empty_suite() -> None:
    assert find_junit_errors(format_junit([], lambda _row: "")) == []
    suite = ElementTree.fromstring(format_junit([], lambda _row: ""))[0]
    assert (suite.get("tests"), len(suite)) == ("0", 0)


def make_tests(component: str, status: SuiteStatus, *cases: TestCase) -> TestResult:
    outcome = SuiteOutcome(status, cases=cases, counts=count_cases(cases) if cases else None, seconds=2.0)
    return TestResult(component, "0" * 40, status, "why", outcome=outcome, causes=("first", "second"))


def test_that_there_are_other_tests_is_a_case_where_their_number_is_unknown() -> None:
    known = make_tests("nova", SuiteStatus.PASSED, TestCase("m.C", "a", TestStatus.PASSED))
    assert known.outcome is not None
    unknown = replace(known, outcome=replace(known.outcome, counts=None))
    (suite,) = ElementTree.fromstring(format_tests([unknown]))
    assert [(case.get("name"), [node.tag for node in case]) for case in suite] == [
        ("a", []),
        ("other tests", ["skipped"]),
    ]


def test_tests_of_earlier_commits_are_suites_of_their_own() -> None:
    cases = [
        TestCase("m.C", "a", TestStatus.PASSED, 1.0),
        TestCase("m.C", "b", TestStatus.PASSED, 2.0, commit="1" * 40),
        TestCase("m.C", "c", TestStatus.SKIPPED, commit="2" * 40),
        TestCase("m.C", "d", TestStatus.PASSED, 3.0, commit="1" * 40),
    ]
    text = format_tests([make_tests("nova", SuiteStatus.PASSED, *cases)])
    assert find_junit_errors(text) == []
    suites = ElementTree.fromstring(text)
    assert [
        (suite.get("name"), [case.get("name") for case in suite.iter("testcase")]) for suite in suites
    ] == [
        ("nova unit tests", ["a"]),
        ("nova unit tests, carried over from 111111111111", ["b", "d"]),
        ("nova unit tests, carried over from 222222222222", ["c"]),
    ]
    assert [found.attrib for found in suites[1].iter("property")] == [{"name": "commit", "value": "1" * 40}]
    assert suites[1].get("time") == "5.000"
    # Nothing ran now.
    assert len(ElementTree.fromstring(format_tests([make_tests("nova", SuiteStatus.PASSED, cases[1])]))) == 1


def test_unit_tests_are_suites_by_component() -> None:
    cases = [
        TestCase("m.C", "a", TestStatus.PASSED),
        TestCase("m.C", "b", TestStatus.FAILED, 0.5, "1 != 2", "Traceback"),
        TestCase("", "c", TestStatus.ERROR, message="gone"),
        TestCase("m.C", "d", TestStatus.SKIPPED, message="no network"),
        TestCase("m.C", "e", TestStatus.FLAKY, message="late"),
    ]
    results = [
        make_tests("nova", SuiteStatus.FAILED, *cases),
        make_tests("broken", SuiteStatus.NOT_RUN),
        make_tests("odd", SuiteStatus.FAILED, cases[0]),
        make_tests("plain", SuiteStatus.PASSED),
        make_tests("none", SuiteStatus.NONE),
    ]
    assert find_junit_errors(format_tests(results)) == []
    suites = ElementTree.fromstring(format_tests(results))
    counts = [
        [suite.get(name) for name in ("name", "tests", "failures", "errors", "skipped")] for suite in suites
    ]
    assert counts == [
        ["nova unit tests", "5", "1", "1", "1"],
        ["broken unit tests", "1", "0", "1", "0"],
        ["odd unit tests", "2", "1", "0", "0"],
        ["plain unit tests", "1", "0", "0", "0"],
        ["none unit tests", "1", "0", "0", "1"],
    ]
    found = [
        (
            case.get("classname"),
            case.get("name"),
            [(child.tag, child.get("message"), child.text) for child in case],
        )
        for suite in suites
        for case in suite
    ]
    assert found == [
        ("nova.m.C", "a", []),
        ("nova.m.C", "b", [("failure", "1 != 2", "Traceback")]),
        ("nova", "c", [("error", "gone", None)]),
        ("nova.m.C", "d", [("skipped", "no network", None)]),
        ("nova.m.C", "e", [("flakyFailure", "late", None)]),
        ("broken", "unit tests", [("error", "why", "first\nsecond")]),
        ("odd.m.C", "a", []),
        ("odd", "unit tests", [("failure", "why", "first\nsecond")]),
        ("plain", "unit tests", []),
        ("none", "unit tests", [("skipped", "why", None)]),
    ]
    data = format_junit([row("nova", ComponentStatus.BUILT)], lambda row: "", results)
    assert find_junit_errors(data) == []
    together = ElementTree.fromstring(data)
    assert [suite.get("name") for suite in together][:2] == ["altai-build.build", "nova unit tests"]
