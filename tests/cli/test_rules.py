"""`rules`: all of them, one of them with its waiver, and a name that there is not."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.rule_catalog import RULE_DESCRIPTIONS
from tests.kit.cli import altai_build


def test_all_rules_are_listed(tmp_path: Path) -> None:
    listed = altai_build("rules", cwd=tmp_path)
    assert listed.code == 0
    rows = [line.split("\t") for line in listed.out.splitlines()]
    assert [row[0] for row in rows] == list(RULE_DESCRIPTIONS)
    assert rows[0][1:3] == ["verify", "error/warning"] and all(all(row) for row in rows)
    named = altai_build("rules", "--json", cwd=tmp_path).json
    assert [row["id"] for row in named] == list(RULE_DESCRIPTIONS)
    assert named[0]["severities"] == ["error", "warning"]


def test_one_rule_is_explained_with_its_waiver(tmp_path: Path) -> None:
    rule = RULE_DESCRIPTIONS["permissions"]
    out = altai_build("rules", "permissions", cwd=tmp_path).out
    text = " ".join(out.split())
    for words in (rule.checks, rule.reason, rule.source, rule.fix, "severity warning", rule.commands[0]):
        assert words in text
    (row,) = altai_build("rules", "permissions", "--json", cwd=tmp_path).json
    assert "".join(f"    {line}\n" for line in row["waiver"].splitlines()) in out
    assert row["documentation"] == "docs/rules.md#permissions"


def test_an_unknown_rule_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    refused = altai_build("rules", "permision", "--json", cwd=tmp_path)
    assert refused.code == 3
    assert refused.json["error"]["what"] == "there is no rule permision"
    assert refused.json["error"]["why"].startswith("did you mean permissions")
