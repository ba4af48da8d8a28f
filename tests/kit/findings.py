"""Findings as tests compare them."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.findings import Finding, VerificationReport, select_errors
from altai_build.rules.view import VerifyContext
from altai_build.stages.verify import verify_release


def findings(release: Path, rule: str, context: VerifyContext | None = None) -> list[Finding]:
    """The findings of one rule about a release, in order of subjects."""
    report = verify_release(release, context=context or VerifyContext())
    return sorted((found for found in report.findings if found.rule == rule), key=lambda found: found.subject)


def messages_by_subject(release: Path, rule: str, context: VerifyContext | None = None) -> dict[str, str]:
    """Subject → message of the findings of one rule."""
    return {found.subject: found.message for found in findings(release, rule, context)}


def list_errors(report: VerificationReport) -> set[tuple[str, str]]:
    """(rule, subject) of every error."""
    return {(error.rule, error.subject) for error in select_errors(report.findings)}
