"""Findings as a table: each with its fix, and with the release that is upgraded from."""

from __future__ import annotations

import pytest

from altai_build.cli.findings import print_findings
from altai_build.model.findings import Finding, Severity


def test_each_finding_is_a_row_with_its_fix(capsys: pytest.CaptureFixture[str]) -> None:
    finding = Finding(
        rule="downgrade", severity=Severity.ERROR, subject="a", message="a-2 stays", fix="write `Epoch: 1`"
    )
    upgrade = Finding(**{**vars(finding), "upgrade_from": "1.0.0"})
    print_findings([finding, upgrade])
    assert capsys.readouterr().out.splitlines() == [
        "error\tdowngrade\ta\ta-2 stays\twrite `Epoch: 1`",
        "error\tdowngrade\ta\tfrom 1.0.0: a-2 stays\twrite `Epoch: 1`",
    ]


def test_names_of_others_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_findings([Finding(rule="r", severity=Severity.NOTE, subject="\x1b[2Jx", message="m\nn")])
    assert capsys.readouterr().out == "note\tr\t\\x1b[2Jx\tm\\nn\t\n"


def test_what_is_said_of_many_subjects_is_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [
        Finding(rule="deep", severity=Severity.WARNING, subject=name, message=message, fix="f")
        for message in ("commit: gone", "gitlink: gone")
        for name in ("a", "b", "c", "d", "e")
    ]
    print_findings([*findings, Finding(rule="deep", severity=Severity.WARNING, subject="a", message="other")])
    assert capsys.readouterr().out.splitlines() == [
        "warning\tdeep\ta, b, c and 2 more\tcommit: gone\tf",
        "warning\tdeep\ta, b, c and 2 more\tgitlink: gone\tf",
        "warning\tdeep\ta\tother\t",
    ]
