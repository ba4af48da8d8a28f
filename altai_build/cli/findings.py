"""Findings on the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from altai_build.cli.output import print_table
from altai_build.model.findings import Finding

SEE_FIXES = "each finding names its fix; docs/verify.md and docs/upgrades.md explain the rules"


def print_findings(findings: Iterable[Finding]) -> None:
    """The findings as a table."""
    print_table(
        ("severity", "rule", "subject", "finding", "fix"),
        [(one.severity.value, one.rule, one.subject, one.text, one.fix) for one in findings],
    )
