"""Findings on the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from altai_build.cli.output import is_csv, print_table
from altai_build.model.findings import Finding, fold_findings

SEE_FIXES = (
    "each finding names its fix; `altai-build rules RULE` explains a rule, and how to waive its findings"
)


def print_findings(findings: Iterable[Finding]) -> None:
    """The findings as a table; for people, those that say the same about several subjects are one row."""
    rows = [(finding, finding.subject) for finding in findings] if is_csv() else fold_findings(findings)
    print_table(
        ("severity", "rule", "subject", "finding", "fix"),
        [
            (finding.severity.value, finding.rule, subjects, finding.text, finding.fix)
            for finding, subjects in rows
        ],
    )
