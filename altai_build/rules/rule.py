"""What a rule is, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from altai_build.model.findings import Finding, Severity
from altai_build.rules.view import ReleaseView


@dataclass(frozen=True)
class RuleResult:
    """How many things a rule examined, and what it found."""

    examined_count: int
    findings: Sequence[Finding]


class RuleScope(Enum):
    """Which part of a release a rule examines.

    A release is verified before it has its checksums, because they cover the report, which shows the findings.
    """

    CONTENT = "content"
    SIGNATURES = "signatures"
    BOTH = "both"


CheckFunction = Callable[["Rule", ReleaseView], RuleResult]


@dataclass(frozen=True)
class Rule:
    """One thing that must be true of a release: why, and what to do when it is not."""

    id: str
    reason: str
    fix: str
    check: CheckFunction
    scope: RuleScope = RuleScope.CONTENT

    def finding(
        self, subject: str, message: str, severity: Severity = Severity.ERROR, *, fix: str = ""
    ) -> Finding:
        """A finding of this rule; `fix` where the rule's own does not help."""
        return Finding(rule=self.id, severity=severity, subject=subject, message=message, fix=fix or self.fix)

    def apply(self, view: ReleaseView) -> tuple[Finding, ...]:
        """The findings about a release. A rule that examined nothing has proved nothing: that is a finding too."""
        result = self.check(self, view)
        if not result.examined_count and not result.findings:
            return (self.finding(view.version, f"nothing to examine: {self.reason}"),)
        return tuple(result.findings)
