"""What a rule is, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from altai_build.model.findings import Severity
from altai_build.rules.view import ReleaseView


@dataclass(frozen=True)
class RuleFinding:
    """What a rule found, before it is given the rule's name."""

    subject: str
    message: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True)
class RuleResult:
    """How many things a rule looked at, and what was wrong with them."""

    examined: int
    faults: Sequence[RuleFinding]


class RuleScope(Enum):
    """What a rule speaks of: the seal comes last, over a page that shows what was found of everything else."""

    CONTENT = "content"
    SIGNATURES = "seal"
    BOTH = "both"


@dataclass(frozen=True)
class Rule:
    """One thing that must hold of a release: why, and what to do when it does not."""

    id: str
    reason: str
    fix: str
    check: Callable[[ReleaseView], RuleResult]
    rule_scope: RuleScope = RuleScope.CONTENT
