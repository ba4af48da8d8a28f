"""Builds as JUnit XML: counts, outcomes and text that XML can hold."""

from __future__ import annotations

from xml.etree import ElementTree

from altai_build.model.build import BuildResult, FailureKind
from altai_build.model.component_status import ComponentStatus
from altai_build.stages.junit import format_junit


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
    suites = ElementTree.fromstring(format_junit(rows, lambda row: f"log of {row.component}"))
    (suite,) = suites
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
    case = ElementTree.fromstring(text)[0][0]
    clean = 'a����]]>&"<\u2028b'
    assert (case.get("name"), case[0].get("message"), case[0].text) == (clean, clean, clean)


def test_no_component_is_an_empty_suite() -> None:
    suite = ElementTree.fromstring(format_junit([], lambda _row: ""))[0]
    assert (suite.get("tests"), len(suite)) == ("0", 0)
