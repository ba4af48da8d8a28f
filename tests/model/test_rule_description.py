"""The waiver that a description writes is one that repos.yaml takes, and covers such a finding."""

from __future__ import annotations

from datetime import date

import pytest

from altai_build.config.waivers import read_waivers
from altai_build.config.yaml_reader import InputErrors, YamlNode, parse_yaml
from altai_build.model.findings import Finding, Severity
from altai_build.model.rule_catalog import RULE_DESCRIPTIONS
from altai_build.model.rule_description import RuleDescription


@pytest.mark.parametrize("rule", RULE_DESCRIPTIONS.values(), ids=list(RULE_DESCRIPTIONS))
def test_the_waiver_of_each_rule_can_be_pasted_into_repos_yaml(rule: RuleDescription) -> None:
    errors = InputErrors()
    tree = parse_yaml(rule.format_waiver("2027-03-31").encode(), "repos.yaml")
    (waiver,) = read_waivers(YamlNode(tree["waivers"], "waivers", errors))
    assert errors.lines == []
    subject = rule.subject.replace("*", "x")
    assert waiver.covers(Finding(rule=rule.id, severity=rule.severity, subject=subject, message=""))
    assert waiver.expires == date(2027, 3, 31)


def test_severities_begin_with_the_usual_one() -> None:
    assert RULE_DESCRIPTIONS["arch-change"].severities == (Severity.NOTE, Severity.WARNING)
    assert RULE_DESCRIPTIONS["key-expiry"].severities == (Severity.WARNING, Severity.ERROR)
    assert RULE_DESCRIPTIONS["checksums"].severities == (Severity.ERROR,)
