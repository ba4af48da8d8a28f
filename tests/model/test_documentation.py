"""Places in the documentation exist: tests/test_reference.py compares the anchors of rules."""

from __future__ import annotations

from altai_build.model.documentation import locate_check, locate_rule


def test_a_rule_is_explained_under_its_name() -> None:
    assert locate_rule("file-conflicts") == "docs/rules.md#file-conflicts"


def test_a_check_is_explained_under_its_kind() -> None:
    assert locate_check("sandbox") == "docs/troubleshooting.md#check-sandbox"
