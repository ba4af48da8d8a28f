"""Texts of the macro language are taken apart where rpm takes them apart."""

from __future__ import annotations

import pytest

from altai_build.tools.spec.calls import (
    MacroCall,
    find_call_end,
    has_open_brackets,
    parse_call,
    split_quoted,
    take_body,
)
from altai_build.tools.spec.undecided import OnlyRpmKnows


def parse(text: str) -> MacroCall:
    end = find_call_end(text, 1)
    assert end is not None
    return parse_call(text, 1, end)


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("%up-devel", "%up"),
        ("%{a}b", "%{a}"),
        ("%{a:{b}}c", "%{a:{b}}"),
        ("%{a:\\}}c", "%{a:\\}}"),
        ("%(echo (x))y", "%(echo (x))"),
        ("%[1+[2]]", "%[1+[2]]"),
        ("%?!a.b", "%?!a"),
        ("%-f*x", "%-f*"),
        ("%**x", "%**"),
        ("%#x", "%#"),
        ("%.", "%"),
    ],
)
def test_where_a_call_ends(text: str, call: str) -> None:
    assert find_call_end(text, 1) == len(call)


def test_a_bracket_that_is_not_closed_has_no_end() -> None:
    assert find_call_end("%{a", 1) is None and find_call_end("%{a\\}", 1) is None


def test_parts_of_a_call() -> None:
    simple = parse("%name rest\nnext")
    assert (simple.name, simple.words, simple.has_brackets) == ("name", " rest", False)
    assert simple.end_of_arguments("%name rest\nnext") == len("%name rest")
    assert simple.end_of_arguments("%name res\\\nnext") == len("%name res\\\n")
    colon = parse("%{?!name:a b}")
    assert (colon.name, colon.text, colon.is_test, colon.is_negated) == ("name", "a b", True, True)
    blank = parse("%{name a b}x")
    assert (blank.words, blank.end_of_arguments("%{name a b}x")) == (" a b", len("%{name a b}"))


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ("%{", True),
        ("%{a}", False),
        ("{", False),
        ("%(a{)", False),
        ("%%{", False),
        ("%{a\\}", True),
        ("%[1", True),
    ],
)
def test_texts_that_are_not_complete(text: str, is_open: bool) -> None:
    assert has_open_brackets(text) is is_open


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("a b  \nc", "a b"),
        ("a \\\nb\nc", "a \nb"),
        ("%{a\nb}\nc", "%{a\nb}"),
        ("a\\%b\nc", "a%b"),
        ("a\r\nb", "a"),
        ("a", "a"),
    ],
)
def test_the_body_of_a_definition(text: str, body: str) -> None:
    assert take_body(text, 0, "x")[0] == body


def test_a_body_without_an_end() -> None:
    with pytest.raises(OnlyRpmKnows, match="%x has an unterminated body"):
        take_body("%{a", 0, "x")


def test_quoted_words_are_one() -> None:
    assert split_quoted(" a\t\x1fb c\x1fd  \x1f\x1f") == ["a", "b cd", ""]
