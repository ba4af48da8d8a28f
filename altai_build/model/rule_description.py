"""What people read about a rule: what it checks, where that comes from, how its findings are waived."""

from __future__ import annotations

from dataclasses import dataclass

from altai_build.model.findings import Severity


@dataclass(frozen=True)
class RuleDescription:
    """One rule, by the id that findings and waivers have.

    `commands` are those that apply it, `checks` is what must be true, `source` is where that comes from: a standard, a
    manual page, or a principle of this program. `subject` is an example of what its findings are about, as a waiver
    names it. `severity` is the usual one, `other_severities` say when it is another one; "" where it never is.
    """

    id: str
    commands: tuple[str, ...]
    checks: str
    reason: str
    fix: str
    source: str
    subject: str
    severity: Severity = Severity.ERROR
    other_severities: str = ""

    @property
    def severities(self) -> tuple[Severity, ...]:
        """All severities that its findings can have without a waiver, the usual one first."""
        named = [severity for severity in Severity if severity.value in self.other_severities.split()]
        return tuple(dict.fromkeys((self.severity, *named)))

    def format_waiver(self, day: str) -> str:
        """The waiver of such a finding as repos.yaml has it; `day` is the last one on which it is valid."""
        return (
            f'waivers:\n  - rule: {self.id}\n    subject: "{self.subject}"\n'
            f"    reason: why this is accepted\n    expires: {day}\n"
        )
