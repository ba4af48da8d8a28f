"""Places in the documentation exist: tests/test_reference.py compares the anchors of rules."""

from __future__ import annotations

from altai_build.model.documentation import locate_check, locate_error, locate_rule


def test_a_rule_is_explained_under_its_name() -> None:
    assert locate_rule("file-conflicts") == "docs/rules.md#file-conflicts"


def test_a_check_is_explained_under_its_kind() -> None:
    assert locate_check("sandbox") == "docs/troubleshooting.md#check-sandbox"


def test_an_error_without_an_anchor_is_explained_with_all_others() -> None:
    assert locate_error("exit-3-cannot-read") == "docs/troubleshooting.md#exit-3-cannot-read"
    assert locate_error(None) == "docs/troubleshooting.md#how-to-read-an-error"
