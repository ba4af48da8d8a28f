"""Every rule whose findings a waiver can accept, by its id."""

from __future__ import annotations

from altai_build.model.rule_description import RuleDescription
from altai_build.model.upgrade_rules import UPGRADE_RULES
from altai_build.model.verify_rules import OTHER_VERIFY_RULES, RELEASE_RULES

RULE_DESCRIPTIONS: dict[str, RuleDescription] = {
    rule.id: rule for rule in (*RELEASE_RULES, *OTHER_VERIFY_RULES, *UPGRADE_RULES)
}
