"""Foreign text never becomes markup, and whole documents have no double empty lines."""

from __future__ import annotations

import pytest

from altai_build.cli.markdown import code, document, escape, section, table


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("*a* _b_ <c> `d`", r"\*a\* \_b\_ \<c\> \`d\`"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("---", r"\---"),
        ("two\nlines\x1b", "two lines"),
        ("bytes \udcff", "bytes \ufffd"),
        ("a -1.5 b", "a -1.5 b"),
    ],
)
def test_escape(text: str, expected: str) -> None:
    assert escape(text) == expected


def test_nobody_is_notified() -> None:
    assert escape("@all, (@x/y) a@b.c @ <m@x>") == r"@&#8203;all, (@&#8203;x/y) a@b.c @ \<m@x\>"


@pytest.mark.parametrize(
    ("text", "expected"), [("a", "`a`"), ("a`b", "``a`b``"), ("`a`", "`` `a` ``"), ("", "")]
)
def test_code_spans_hold_backquotes(text: str, expected: str) -> None:
    assert code(text) == expected


def test_a_table_escapes_bars_in_its_cells() -> None:
    assert list(table(("a", "b"), [("1|2", r"3\|4")])) == ["| a | b |", "|---|---|", r"| 1\|2 | 3\|4 |"]


def test_a_document_has_no_two_empty_lines_in_a_row() -> None:
    assert document([*section("A"), *section("B", level=3), "text"]) == "## A\n\n### B\n\ntext"
