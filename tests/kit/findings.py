"""Findings as tests compare them."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.findings import Finding
from altai_build.rules.view import VerifyContext
from altai_build.stages.verify import verify_release


def findings(release: Path, rule: str, context: VerifyContext | None = None) -> list[Finding]:
    """What one rule says of a release, in order of subjects."""
    answer = verify_release(release, context=context or VerifyContext())
    return sorted((one for one in answer.findings if one.rule == rule), key=lambda one: one.subject)


def messages_by_subject(release: Path, rule: str, context: VerifyContext | None = None) -> dict[str, str]:
    """Subject → message of what one rule says."""
    return {one.subject: one.message for one in findings(release, rule, context)}
