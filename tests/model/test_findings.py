"""Findings: waived, refused and written in one way."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from altai_build.errors import VerificationError
from altai_build.model.findings import (
    Finding,
    Severity,
    VerificationReport,
    Waiver,
    finding_to_json,
    refuse_errors,
    waive,
)

FINDING = Finding(
    rule="stray-files", severity=Severity.ERROR, subject="a.txt", message="stray", fix="remove the file"
)
WAIVER = Waiver(rule="stray-files", subject="*.txt", reason="for QA", expires=date(2027, 3, 31))


@pytest.mark.parametrize(
    ("finding", "day", "is_waived"),
    [
        (FINDING, date(2027, 3, 31), True),
        (FINDING, date(2027, 4, 1), False),
        (replace(FINDING, severity=Severity.WARNING), date(2027, 1, 1), True),
        (replace(FINDING, severity=Severity.NOTE), date(2027, 1, 1), False),
        (replace(FINDING, rule="checksums"), date(2027, 1, 1), False),
        (replace(FINDING, subject="a.rpm"), date(2027, 1, 1), False),
    ],
)
def test_a_waiver_turns_errors_and_warnings_into_notes(finding: Finding, day: date, is_waived: bool) -> None:
    (waived,) = waive([finding], [WAIVER], day)
    if is_waived:
        assert (waived.severity, waived.waiver, waived.fix) == (Severity.NOTE, WAIVER, "remove the file")
        assert waived.message == "stray (waived until 2027-03-31: for QA)"
    else:
        assert waived == finding


def test_every_finding_has_the_same_json_form() -> None:
    assert finding_to_json(FINDING) == {
        "rule": "stray-files",
        "severity": "error",
        "subject": "a.txt",
        "message": "stray",
        "fix": "remove the file",
        "waiver": None,
        "release": None,
        "scenarios": [],
        "documentation": "docs/rules.md#stray-files",
    }
    upgrade = replace(FINDING, waiver=WAIVER, upgrade_from="1.0.0", scenarios=("all", "alone a"))
    document = finding_to_json(upgrade)
    assert document["waiver"] == {
        "rule": "stray-files",
        "subject": "*.txt",
        "reason": "for QA",
        "expires": "2027-03-31",
    }
    assert (document["release"], document["scenarios"]) == ("1.0.0", ["all", "alone a"])
    assert upgrade.text == "from 1.0.0: stray"


def test_a_report_is_ok_without_errors() -> None:
    warning = replace(FINDING, severity=Severity.WARNING)
    assert VerificationReport(release="1.0.2", findings=(warning,)).is_ok
    report = VerificationReport(release="1.0.2", findings=(warning, FINDING))
    assert report.to_json() == {
        "release": "1.0.2",
        "ok": False,
        "trust": "unverified",
        "findings": [finding_to_json(warning), finding_to_json(FINDING)],
    }


def test_errors_are_refused_each_with_its_fix() -> None:
    warning = replace(FINDING, severity=Severity.WARNING)
    refuse_errors([warning], "release 1 was not published", todo="")
    with pytest.raises(VerificationError) as caught:
        refuse_errors([warning, FINDING], "release 1 was not published", todo="rerun")
    assert str(caught.value).splitlines() == [
        "release 1 was not published: 1 error",
        "  stray-files: a.txt: stray",
        "    fix: remove the file",
        "What to do: rerun",
    ]
    with pytest.raises(VerificationError) as caught:
        refuse_errors([FINDING, FINDING], "upgrades to 2 fail", todo="rerun", listed=False)
    assert (caught.value.what, caught.value.why) == ("upgrades to 2 fail: 2 errors", "")


def test_of_very_many_errors_the_first_are_listed() -> None:
    with pytest.raises(VerificationError) as caught:
        refuse_errors([replace(FINDING, message=f"stray {n}") for n in range(45)], "x", todo="")
    lines = caught.value.why.splitlines()
    assert (lines[-1], len(lines)) == ("  and 5 more", 81)
