"""A waived finding stays in the report as a note; a waiver that expired or names no rule is a finding."""

from __future__ import annotations

import shutil
from datetime import date, datetime, timezone
from pathlib import Path

import pytest

from altai_build.model.findings import Severity, VerificationReport, Waiver
from altai_build.rules.view import VerifyContext
from altai_build.stages.verify import verify_release
from tests.kit.releases import Materials, sign_again

NOTES = Waiver(rule="stray-files", subject="*.txt", reason="asked for by QA", expires=date(2027, 3, 31))


@pytest.fixture(scope="module")
def release(materials: Materials, intact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    release = Path(shutil.copytree(intact, tmp_path_factory.mktemp("waivers") / "1.0.2"))
    (release / "notes.txt").write_text("new\n")
    sign_again(release, materials)
    return release


def verify(release: Path, *waivers: Waiver, day: str = "2027-03-31") -> VerificationReport:
    now = datetime.fromisoformat(day).replace(hour=23, tzinfo=timezone.utc)
    return verify_release(release, context=VerifyContext(waivers=waivers, now=now))


def test_a_waived_finding_is_a_note_that_says_why(release: Path) -> None:
    assert not verify(release).is_ok
    report = verify(release, NOTES)
    assert report.is_ok
    (finding,) = report.to_json()["findings"]
    assert finding == {
        "rule": "stray-files",
        "severity": "note",
        "subject": "notes.txt",
        "message": "the file is not part of the release (waived until 2027-03-31: asked for by QA)",
        "waiver": {
            "rule": "stray-files",
            "subject": "*.txt",
            "reason": "asked for by QA",
            "expires": "2027-03-31",
        },
        "fix": "find out where the file comes from; restore the release from another copy",
        "release": None,
        "scenarios": [],
        "documentation": "docs/rules.md#stray-files",
    }


def test_an_expired_waiver_waives_nothing_and_is_a_warning(release: Path) -> None:
    report = verify(release, NOTES, day="2027-04-01")
    assert [(found.rule, found.severity, found.subject) for found in report.findings] == [
        ("stray-files", Severity.ERROR, "notes.txt"),
        ("waivers", Severity.WARNING, "stray-files: *.txt"),
    ]
    assert "expired on 2027-03-31" in report.findings[1].message


def test_a_waiver_of_another_rule_or_subject_does_not_help(release: Path) -> None:
    for other in ({"rule": "checksums"}, {"subject": "*.rpm"}):
        assert not verify(release, Waiver(**{**vars(NOTES), **other})).is_ok


def test_a_waiver_whose_rule_is_misspelled_is_a_warning(release: Path) -> None:
    report = verify(release, NOTES, Waiver(**{**vars(NOTES), "rule": "stray-file"}))
    (warning,) = (finding for finding in report.findings if finding.rule == "waivers")
    assert (warning.severity, warning.subject) == (Severity.WARNING, "stray-file: *.txt")
    assert warning.message == "there is no rule 'stray-file'; did you mean stray-files?"


@pytest.mark.parametrize("rule", ["replaced", "left-over", "downgrade", "obsoletes-loop", "upstream", "deep"])
def test_waivers_of_other_checks_are_no_findings(release: Path, rule: str) -> None:
    report = verify(release, NOTES, Waiver(**{**vars(NOTES), "rule": rule}))
    assert {found.rule for found in report.findings} == {"stray-files"}
