"""docs/reference.py: the parts of the pages that come from code are as the code has them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import reference

from altai_build.model.doctor_checks import CHECK_DESCRIPTIONS
from altai_build.model.documentation import locate_check, locate_rule
from altai_build.model.rule_catalog import RULE_DESCRIPTIONS

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", reference.PARTS)
def test_pages_have_what_the_code_has(name: str) -> None:
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert page == reference.fill_page(name), f"run .venv/bin/python docs/reference.py to update {name}"


def test_the_package_has_the_schema_of_repos_yaml() -> None:
    assert reference.SCHEMA.read_text(encoding="utf-8") == reference.format_schema()


def test_every_rule_has_the_anchor_that_findings_name() -> None:
    page, _, anchor = locate_rule("closure").partition("#")
    headings = re.findall(r"^### `(\S+)`$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in headings and sorted(headings) == sorted(RULE_DESCRIPTIONS)


def test_every_check_of_doctor_has_the_anchor_that_it_names() -> None:
    page, _, anchor = locate_check("key").partition("#")
    headings = re.findall(r"^### Check: (\S+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor == "check-key" and headings == [check.kind for check in CHECK_DESCRIPTIONS]


def test_a_part_that_nothing_writes_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "DOCS", tmp_path)
    page = tmp_path / "rules.md"
    for text in ("# Rules\n", "<!-- from code: rule -->\n<!-- end -->\n"):
        page.write_text(text)
        with pytest.raises(KeyError):
            reference.fill_page("rules.md")
    page.write_text("a\n<!-- from code: rules -->\nold\n<!-- end -->\nb\n")
    assert re.fullmatch(
        r"a\n<!-- .*\n## Rules of .*\n<!-- end -->\nb\n", reference.fill_page("rules.md"), re.DOTALL
    )
