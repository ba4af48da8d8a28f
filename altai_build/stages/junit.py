"""Builds and unit tests as JUnit XML, which CI services show as test results.

The form is the one that Jenkins, GitLab and GitHub's reporters read: testsuites, testsuite, testcase, failure, error,
skipped (the schema of Jenkins's xUnit plugin, junit-10.xsd).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from xml.etree import ElementTree

from altai_build.model.build import BuildResult, FailureKind
from altai_build.model.component_status import ComponentStatus
from altai_build.model.unit_tests import SuiteStatus, TestCase, TestResult, TestStatus, count_cases

# What XML 1.0 has no form for.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def format_junit(
    rows: Sequence[BuildResult],
    read_log: Callable[[BuildResult], str],
    tests: Sequence[TestResult] = (),
) -> bytes:
    """A test case for each component; `read_log` gives the end of the log of a failed one; then its unit `tests`.

    The message of a failure has every known cause. A component that could not be built because of another one, or that
    is skipped, is a skipped case. A failed build is a failure; a failure of its surroundings (buildroot, dependencies,
    inputs) an error.
    """
    suites = ElementTree.Element("testsuites")
    attributes = {
        "name": "altai-build.build",
        "tests": str(len(rows)),
        "failures": str(sum(_is_failure(row) for row in rows)),
        "errors": str(sum(row.status is ComponentStatus.FAILED and not _is_failure(row) for row in rows)),
        "skipped": str(sum(_is_skipped(row) for row in rows)),
        "time": f"{sum(row.seconds for row in rows):.3f}",
    }
    suite = ElementTree.SubElement(suites, "testsuite", attributes)
    for row in rows:
        names = {
            "classname": "altai-build.build",
            "name": _clean(row.component),
            "time": f"{row.seconds:.3f}",
        }
        case = ElementTree.SubElement(suite, "testcase", names)
        message = {"message": _clean(row.reason)}
        if row.status is ComponentStatus.FAILED:
            message = {"message": _clean(row.describe_failure())}
            kind = "failure" if _is_failure(row) else "error"
            what = row.failure.value if row.failure is not None else "input"
            ElementTree.SubElement(case, kind, {**message, "type": what}).text = _clean(read_log(row))
        elif _is_skipped(row):
            ElementTree.SubElement(case, "skipped", message)
    for result in tests:
        _add_suite(suites, result)
    return _write(suites)


def format_tests(results: Sequence[TestResult]) -> bytes:
    """The unit tests of components: a suite for each, whose cases have the component's name before their class.

    A suite that could not be run is one case with an error; a component without a suite one that is skipped.
    """
    suites = ElementTree.Element("testsuites")
    for result in results:
        _add_suite(suites, result)
    return _write(suites)


def _write(suites: ElementTree.Element) -> bytes:
    ElementTree.indent(suites)
    text: str = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _add_suite(suites: ElementTree.Element, result: TestResult) -> None:
    """The tests that ran, then those that ran at an earlier commit, a suite for each of those."""
    cases = _list_cases(result)
    name = f"{result.component} unit tests"
    now = [case for case in cases if not case.commit]
    if now or not cases:
        _add_cases(suites, result.component, name, now, result.seconds)
    for commit in dict.fromkeys(case.commit for case in cases if case.commit):
        carried = [case for case in cases if case.commit == commit]
        title = f"{name}, carried over from {commit[:12]}"
        _add_cases(suites, result.component, title, carried, sum(case.seconds for case in carried), commit)


def _add_cases(
    suites: ElementTree.Element,
    component: str,
    name: str,
    cases: Sequence[TestCase],
    seconds: float,
    commit: str = "",
) -> None:
    counts = count_cases(cases)
    attributes = {
        "name": _clean(name),
        "tests": str(counts.tests),
        "failures": str(counts.failures),
        "errors": str(counts.errors),
        "skipped": str(counts.skipped),
        "time": f"{seconds:.3f}",
    }
    suite = ElementTree.SubElement(suites, "testsuite", attributes)
    if commit:
        properties = ElementTree.SubElement(suite, "properties")
        ElementTree.SubElement(properties, "property", {"name": "commit", "value": commit})
    for case in cases:
        names = {
            "classname": _clean(".".join(filter(None, (component, case.suite)))),
            "name": _clean(case.name),
            "time": f"{case.seconds:.3f}",
        }
        node = ElementTree.SubElement(suite, "testcase", names)
        element = _CASE_ELEMENTS.get(case.status)
        if element == "skipped":
            ElementTree.SubElement(node, element, {"message": _clean(case.message)})
        elif element is not None:
            about = {"message": _clean(case.message), "type": case.status.value}
            ElementTree.SubElement(node, element, about).text = _clean(case.detail)


_CASE_ELEMENTS = {
    TestStatus.FAILED: "failure",
    TestStatus.ERROR: "error",
    TestStatus.SKIPPED: "skipped",
    TestStatus.FLAKY: "flakyFailure",
}


def _list_cases(result: TestResult) -> Sequence[TestCase]:
    """The cases of a suite; one for all of it where they are not known, or do not say what went wrong."""
    status = {
        SuiteStatus.PASSED: TestStatus.PASSED,
        SuiteStatus.FLAKY: TestStatus.FLAKY,
        SuiteStatus.FAILED: TestStatus.FAILED,
        SuiteStatus.NOT_RUN: TestStatus.ERROR,
    }.get(result.status, TestStatus.SKIPPED)
    whole = TestCase(
        suite="", name="unit tests", status=status, message=result.reason, detail="\n".join(result.causes)
    )
    if not result.cases:
        return [whole]
    cases = list(result.cases)
    if result.status.is_bad and not any(case.is_failure for case in cases):
        cases.append(whole)
    if result.has_unknown_counts:
        why = "how many there were is unknown: some results of the suite cannot be read"
        cases.append(TestCase(suite="", name="other tests", status=TestStatus.SKIPPED, message=why))
    return cases


def _is_failure(row: BuildResult) -> bool:
    return row.status is ComponentStatus.FAILED and row.failure is FailureKind.BUILD


def _is_skipped(row: BuildResult) -> bool:
    return row.status in (ComponentStatus.BLOCKED, ComponentStatus.SKIPPED)


def _clean(text: str) -> str:
    """Text without what XML cannot hold."""
    return _NOT_XML.sub("�", text)
