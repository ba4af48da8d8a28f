"""What rpmkeys prints becomes a status and plain words; test_signatures.py lets rpmkeys check real packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.model.signature import SignatureStatus
from altai_build.tools.rpm.check_report import (
    CheckReport,
    describe_bad_digests,
    describe_damage,
    describe_status,
    determine_status,
    split_reports,
)

GOOD = """\
    Header V4 RSA/SHA256 Signature, key ID c886d2d3: OK
    Header SHA256 digest: OK
    Payload SHA256 digest: OK
    MD5 digest: OK
"""
PAYLOAD = GOOD.replace(
    "Payload SHA256 digest: OK", "Payload SHA256 digest: BAD (Expected 58ed != 6eb4)"
).replace("MD5 digest: OK", "MD5 digest: BAD (Expected bd98 != f686)")


def read(text: str, errors: str = "") -> CheckReport:
    reports = split_reports(["/a.rpm"], f"/a.rpm:\n{text}", errors)
    assert reports is not None
    (report,) = reports
    return report


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PAYLOAD, "its payload differs from what was packed"),
        (
            PAYLOAD.replace("Header SHA256 digest: OK", "Header SHA256 digest: BAD (Expected 1 != 2)"),
            "its header and payload differ from what was packed",
        ),
        (GOOD.replace("MD5 digest: OK", "MD5 digest: BAD"), "its content differs from what was packed"),
    ],
)
def test_wrong_digests_name_the_part_and_not_the_digests(text: str, words: str) -> None:
    report = read(text)
    assert determine_status(report, (), None) is SignatureStatus.BAD_DIGEST
    assert describe_bad_digests(report) == words


def test_the_reason_of_rpm_is_given_without_the_path_that_messages_name() -> None:
    report = CheckReport(lines=(), error_text="error: /a.rpm: hdr blob(1673): BAD, read returned 0")
    assert determine_status(report, (), None) is SignatureStatus.DAMAGED
    assert (
        describe_damage(Path("/a.rpm"), report) == "rpm cannot read it: hdr blob(1673): BAD, read returned 0"
    )
    assert describe_damage(Path("/a.rpm"), CheckReport(lines=(), error_text="")) == "it has no digest"


def test_a_row_that_nobody_foresaw_is_no_good_signature_and_is_quoted() -> None:
    report = read(GOOD + "    Quantum signature of the third kind\n")
    status = determine_status(report, (), None)
    assert status is SignatureStatus.BAD_SIGNATURE
    words = describe_status(Path("/a.rpm"), status, report, None, None)
    assert words == "Quantum signature of the third kind"


def test_what_the_status_says_is_not_said_again() -> None:
    for result, status in (("NOTFOUND", SignatureStatus.UNSIGNED), ("NOKEY", SignatureStatus.UNKNOWN_KEY)):
        report = read(GOOD.replace("c886d2d3: OK", f"c886d2d3: {result}"))
        assert determine_status(report, (), None) is status
        assert describe_status(Path("/a.rpm"), status, report, None, None) == ""


def test_output_without_a_section_for_each_file_is_no_report() -> None:
    assert split_reports(["/a.rpm", "/b.rpm"], f"/a.rpm:\n{GOOD}", "") is None
    assert split_reports(["/a.rpm"], "unexpected\n", "") is None
