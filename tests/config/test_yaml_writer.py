"""Values as YAML text: whatever the text is, a reader reads the same."""

from __future__ import annotations

import pytest

from altai_build.config.yaml_reader import parse_yaml
from altai_build.config.yaml_writer import format_list, format_scalar, quote_text

TEXTS = (
    "plain",
    "a/b-c.d",
    "6",
    "6.10",
    "no",
    "Null",
    "",
    " x",
    "a: b",
    "#x",
    '"',
    "'",
    "é",
    "😀",
    "\x07\n",
    "~",
    "{a}",
)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_read_as_it_was(text: str) -> None:
    for written in (format_scalar(text), quote_text(text)):
        assert parse_yaml(f"a: {written}\n".encode(), "x") == {"a": text}
        assert parse_yaml(f"{{a: {written}, b: 1}}\n".encode(), "x") == {"a": text, "b": 1}


def test_a_list_is_on_one_line() -> None:
    assert format_list(TEXTS).count("\n") == 0
    assert parse_yaml(format_list(TEXTS).encode(), "x") == list(TEXTS)


def test_names_and_paths_have_no_quotes() -> None:
    assert format_scalar("repos/altai/nova-billing_1.0") == "repos/altai/nova-billing_1.0"
    assert format_scalar("yes") == '"yes"'
