"""Builds as JUnit XML, which CI services show as test results.

The form is the one that Jenkins, GitLab and GitHub's reporters read: testsuites, testsuite, testcase, failure, error,
skipped (the schema of Jenkins's xUnit plugin, junit-10.xsd).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from xml.etree import ElementTree

from altai_build.model.build import BuildResult, FailureKind
from altai_build.model.component_status import ComponentStatus

# What XML 1.0 has no form for.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def format_junit(rows: Sequence[BuildResult], read_log: Callable[[BuildResult], str]) -> bytes:
    """A test case for each component; `read_log` gives the end of the log of a failed one.

    A component that could not be built because of another one, or that is skipped, is a skipped case. A failed build
    is a failure; a failure of its surroundings (buildroot, dependencies, inputs) an error.
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
            kind = "failure" if _is_failure(row) else "error"
            what = row.failure.value if row.failure is not None else "input"
            ElementTree.SubElement(case, kind, {**message, "type": what}).text = _clean(read_log(row))
        elif _is_skipped(row):
            ElementTree.SubElement(case, "skipped", message)
    ElementTree.indent(suites)
    text: str = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _is_failure(row: BuildResult) -> bool:
    return row.status is ComponentStatus.FAILED and row.failure is FailureKind.BUILD


def _is_skipped(row: BuildResult) -> bool:
    return row.status in (ComponentStatus.BLOCKED, ComponentStatus.SKIPPED)


def _clean(text: str) -> str:
    """Text without what XML cannot hold."""
    return _NOT_XML.sub("�", text)
