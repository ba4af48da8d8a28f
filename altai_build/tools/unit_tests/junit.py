"""JUnit XML that test programs write → test cases; what they write is not trusted."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

from altai_build.model.unit_tests import TestCase, TestStatus
from altai_build.tools.repo.xmltree import get_local_name, parse_xml

# Of one suite.
MAX_CASES = 200_000
# Characters.
NAME_LIMIT = 300
MESSAGE_LIMIT = 500
DETAIL_LIMIT = 10_000
_STATES = {"failure": TestStatus.FAILED, "error": TestStatus.ERROR, "skipped": TestStatus.SKIPPED}
_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def read_junit(data: bytes) -> list[TestCase]:
    """The cases of a document, those of suites within suites too. Raises ValueError for what is no such document."""
    if _DECLARATION.search(data):
        raise ValueError("it declares a document type, which JUnit XML has not")
    root = _parse(data)
    cases = [_read_case(node) for node in _list_cases(root)]
    if not any(case.is_failure for case in cases):
        cases += _list_unnamed_failures(root)
    return cases


def _list_unnamed_failures(root: ElementTree.Element) -> Iterator[TestCase]:
    """A case for each suite that reports failures, in a document that names none."""
    for node in root.iter():
        counts = [node.get(key) or "0" for key in ("failures", "errors")]
        if get_local_name(node) == "testsuite" and any(count.strip().strip("0") for count in counts):
            yield make_case(
                node.get("name") or "",
                "(not named)",
                TestStatus.ERROR,
                message=f"the suite reports {counts[0][:9]} failures and {counts[1][:9]} errors, and names none",
            )
            return


def _parse(data: bytes) -> ElementTree.Element:
    try:
        return parse_xml(data, "testsuites")
    except ValueError:
        return parse_xml(data, "testsuite")


def _list_cases(root: ElementTree.Element) -> Iterator[ElementTree.Element]:
    count = 0
    for node in root.iter():
        if get_local_name(node) == "testcase":
            count += 1
            if count > MAX_CASES:
                raise ValueError(f"it has more than {MAX_CASES} test cases")
            yield node


def _read_case(node: ElementTree.Element) -> TestCase:
    status, message, detail = TestStatus.PASSED, "", ""
    for child in node:
        found = _STATES.get(get_local_name(child))
        # An error behind a failure (a clean-up that failed too) does not hide it.
        if found is not None and status in (TestStatus.PASSED, TestStatus.SKIPPED):
            status = found
            detail = child.text or ""
            message = child.get("message") or child.get("type") or ""
    return make_case(
        suite=node.get("classname") or node.get("file") or "",
        name=node.get("name") or "",
        status=status,
        seconds=_read_seconds(node.get("time") or ""),
        message=message,
        detail=detail,
    )


def make_case(
    suite: str, name: str, status: TestStatus, seconds: float = 0.0, message: str = "", detail: str = ""
) -> TestCase:
    """A case whose texts are cut to a length that can be shown."""
    last = next((line for line in reversed(detail.splitlines()) if line.strip()), "")
    text = message if message.strip() else last
    return TestCase(
        suite=_cut(suite, NAME_LIMIT),
        name=_cut(name, NAME_LIMIT) or "(no name)",
        status=status,
        seconds=seconds,
        message=_cut(" ".join(text.split()), MESSAGE_LIMIT),
        detail=_cut(detail.strip("\n"), DETAIL_LIMIT),
    )


def _cut(text: str, limit: int) -> str:
    """The beginning and the end of a text that is too long."""
    if len(text) <= limit:
        return text
    return f"{text[: limit // 3]}…{text[-(limit - limit // 3 - 1) :]}"


def _read_seconds(text: str) -> float:
    try:
        seconds = float(text.replace(",", ""))
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds >= 0 else 0.0
