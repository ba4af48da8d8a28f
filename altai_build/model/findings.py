"""Results of checks: findings and their waivers, the report of a verification."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from typing import Any

from altai_build.errors import VerificationError
from altai_build.model.documentation import locate_rule
from altai_build.model.quantity import format_count
from altai_build.model.trust import TrustLevel

WAIVERS_RULE = "waivers"  # the rule of findings about waivers themselves
# The rule that one component makes the packages of a name; builds heed its waivers too.
SHARED_NAMES_RULE = "package-names"
_MAX_LISTED_ERRORS = 40
# How many subjects of one message are named for people; --json has all.
_MAX_SUBJECTS = 3


class Severity(str, Enum):
    """How serious a finding is: an error fails a verification."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Waiver:
    """Findings that are accepted for a time: the id of their rule, and a pattern (`*`, `?`) for their subjects."""

    rule: str
    subject: str
    reason: str
    expires: date  # the last day on which it is valid

    def covers(self, finding: Finding) -> bool:
        """True when it applies to this finding."""
        return self.rule == finding.rule and fnmatch.fnmatchcase(finding.subject, self.subject)

    def to_json(self) -> dict[str, str]:
        """The waiver as release.json and `--json` have it."""
        return {**vars(self), "expires": self.expires.isoformat()}


@dataclass(frozen=True)
class Finding:
    """One result of a check. A waived finding is a note that carries its waiver.

    Findings of `upgrade-check` also name the release that is upgraded from (empty: the finding is about the new
    release itself) and the scenarios in which they appear.
    """

    rule: str
    severity: Severity
    subject: str  # a file, a package, or the release
    message: str
    fix: str = ""  # what to do about it
    waiver: Waiver | None = None
    upgrade_from: str = ""
    scenarios: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The message, with the release that is upgraded from."""
        return f"from {self.upgrade_from}: {self.message}" if self.upgrade_from else self.message


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """A finding in the one form that every `--json` output has."""
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "subject": finding.subject,
        "message": finding.message,
        "fix": finding.fix,
        "waiver": finding.waiver.to_json() if finding.waiver else None,
        "release": finding.upgrade_from or None,
        "scenarios": list(finding.scenarios),
        "documentation": locate_rule(finding.rule),
    }


def waive(findings: Iterable[Finding], waivers: Sequence[Waiver], today: date) -> tuple[Finding, ...]:
    """The findings in their order; an error or warning that a waiver covers today becomes a note."""
    valid = [waiver for waiver in waivers if waiver.expires >= today]
    return tuple(_waive_finding(finding, valid) for finding in findings)


def _waive_finding(finding: Finding, waivers: Sequence[Waiver]) -> Finding:
    waiver = next((waiver for waiver in waivers if waiver.covers(finding)), None)
    if waiver is None or finding.severity is Severity.NOTE:
        return finding
    message = f"{finding.message} (waived until {waiver.expires}: {waiver.reason})"
    return replace(finding, severity=Severity.NOTE, message=message, waiver=waiver)


def fold_findings(findings: Iterable[Finding]) -> list[tuple[Finding, str]]:
    """Findings that say the same about several subjects once: the first of them, and the names of the subjects."""
    groups: dict[Finding, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(replace(finding, subject=""), []).append(finding)
    return [
        (group[0], join_subjects(list(dict.fromkeys(finding.subject for finding in group))))
        for group in groups.values()
    ]


def join_subjects(subjects: Sequence[str]) -> str:
    """The first subjects, and how many more there are."""
    if len(subjects) <= _MAX_SUBJECTS:
        return ", ".join(subjects)
    return f"{', '.join(subjects[:_MAX_SUBJECTS])} and {len(subjects) - _MAX_SUBJECTS} more"


def select_errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that fail a verification."""
    return tuple(finding for finding in findings if finding.severity is Severity.ERROR)


def refuse_errors(findings: Iterable[Finding], what: str, *, todo: str, listed: bool = True) -> None:
    """Raise VerificationError when there are errors: `what` failed, how many errors, and each with its fix.

    `listed=False` leaves the errors out, for commands that have already printed their findings.
    """
    errors = select_errors(findings)
    if not errors:
        return
    lines = [
        f"  {finding.rule}: {subjects}: {finding.text}\n    fix: {finding.fix}"
        for finding, subjects in fold_findings(errors)
    ]
    if len(lines) > _MAX_LISTED_ERRORS:
        lines[_MAX_LISTED_ERRORS:] = [f"  and {len(lines) - _MAX_LISTED_ERRORS} more"]
    raise VerificationError(
        f"{what}: {format_count(len(errors), 'error')}", why="\n".join(lines) if listed else "", todo=todo
    )


@dataclass(frozen=True)
class VerificationReport:
    """What the verification of one release found, and who vouches for its manifest."""

    release: str
    findings: tuple[Finding, ...]
    trust: TrustLevel = TrustLevel.UNVERIFIED

    @property
    def is_ok(self) -> bool:
        """True when no finding is an error."""
        return not select_errors(self.findings)

    def to_json(self) -> dict[str, Any]:
        """The contract's form: {release, ok, trust, findings: [{rule, severity, subject, message, …}]}."""
        return {
            "release": self.release,
            "ok": self.is_ok,
            "trust": self.trust.value,
            "findings": [finding_to_json(finding) for finding in self.findings],
        }
