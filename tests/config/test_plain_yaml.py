"""Plain YAML is read from its events, with the values that the loader gives; the rest is left to the loader."""

from __future__ import annotations

import pytest
import yaml

from altai_build.config.plain_yaml import NotPlainError, read_plain_yaml
from altai_build.config.yaml_reader import _build_tree

PLAIN = """\
# a comment
texts: [a, 'b: c', "d\\te", "1", 'true', "<<", =a]
numbers: {one: 1, octal: 010, float: 1.5, sexagesimal: 1:30, negative: -3}
others: {yes: no, nothing: ~, empty: , day: 2020-01-01, 1: 2}
block: |
  two
  lines
folded: >-
  two
  lines
nested:
- - a
  - b: {c: [d]}
- é
"""


def read(text: str) -> object:
    return read_plain_yaml((loader := yaml.SafeLoader(text)).get_event, loader)


@pytest.mark.parametrize("text", [PLAIN, "", "---\n", "a", "'1'", "[]", "{}", "--- a\n...\n"])
def test_values_are_those_of_the_loader(text: str) -> None:
    if text:
        assert repr(read(text)) == repr(yaml.safe_load(text))
    assert repr(_build_tree(text.encode())) == repr(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1\nb: *x\n",
        "a: !!str 1\n",
        "[!x a]",
        "!!map {}",
        "a: 1\na: 2\n",
        "1: a\n'1': b\n",
        "? [a]\n: b\n",
        "a: 1\n---\nb: 2\n",
        "[" * 60 + "]" * 60,
        "",
    ],
)
def test_what_is_not_plain_is_left_to_the_loader(text: str) -> None:
    with pytest.raises(NotPlainError):
        read(text)


@pytest.mark.parametrize("text", ["<<: {a: 1}\n", "a: =\n", "a: 2012-13-45\n", "a: [\n", "a: \x01\n"])
def test_nothing_is_read_of_what_the_loader_merges_or_refuses(text: str) -> None:
    with pytest.raises((yaml.YAMLError, ValueError)):
        read(text)
