"""A rule that examined nothing has proved nothing."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.findings import Finding, Severity
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView


def make_rule(examined_count: int, *messages: str) -> Rule:
    return Rule(
        id="example",
        reason="it is an example",
        fix="nothing",
        check=lambda rule, _view: RuleResult(examined_count, [rule.finding("x", text) for text in messages]),
    )


def test_findings_carry_the_rule_and_its_fix(tmp_path: Path) -> None:
    view = ReleaseView(tmp_path, ())
    assert make_rule(1).apply(view) == ()
    assert make_rule(1, "wrong").apply(view) == (
        Finding(rule="example", severity=Severity.ERROR, subject="x", message="wrong", fix="nothing"),
    )


def test_a_finding_may_have_a_fix_and_a_severity_of_its_own() -> None:
    finding = make_rule(1).finding("x", "odd", Severity.NOTE, fix="wait")
    assert (finding.severity, finding.fix) == (Severity.NOTE, "wait")


def test_a_rule_that_examined_nothing_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "1.0.2").mkdir()
    (finding,) = make_rule(0).apply(ReleaseView(tmp_path / "1.0.2", ()))
    assert (finding.subject, finding.severity) == ("1.0.2", Severity.ERROR)
    assert finding.message == "nothing to examine: it is an example"
