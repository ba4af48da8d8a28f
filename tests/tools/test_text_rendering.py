"""Texts are shown with the names of what is inserted, and with all that may be chosen."""

from __future__ import annotations

import ast

import pytest

from altai_build.tools.text_rendering import Renderer, has_words


def read(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("'a'", "a"),
        ("f'no {thing.name}!'", "no \x01THING\x02!"),
        ("f'{path!r}'", "'\x01PATH\x02'"),
        ("f'{len(rows)} rows'", "\x01COUNT\x02 rows"),
        ("f\"it {'is' if one else 'are'} gone\"", "it \x03is\x04are\x05 gone"),
        ("'a ' + FILE", "a repos.yaml"),
        ("f'{format_count(n, \"error\")} in it'", "\x01COUNT\x02 errors in it"),
    ],
)
def test_expressions_are_shown(expression: str, text: str) -> None:
    constants = {"FILE": read("'repos.yaml'")}
    assert Renderer(constants).render(read(expression), {}) == text


def test_each_text_that_may_be_chosen_is_one() -> None:
    renderer = Renderer({})
    assert list(renderer.alternatives(read("'a' if x else what"), {"what": [read("'b'")]})) == ["a", "b"]


def test_a_text_of_inserted_values_alone_has_no_words() -> None:
    assert has_words("\x01A\x02 is")
    assert not has_words("\x01reason\x02: \x01path\x02")
