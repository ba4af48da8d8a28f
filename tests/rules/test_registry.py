"""Every rule examines an intact release, and has a reason and a fix."""

from __future__ import annotations

from pathlib import Path

from altai_build.rules.registry import RULES
from altai_build.rules.view import ReleaseView


def test_every_rule_examines_something_in_an_intact_release(release: Path) -> None:
    view = ReleaseView(release, ())
    assert {rule.id: rule.check(rule, view).examined_count > 0 for rule in RULES} == {
        rule.id: True for rule in RULES
    }
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.reason and rule.fix for rule in RULES)
