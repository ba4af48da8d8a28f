"""Indented JSON is that of Python's library."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from altai_build.model.indented_json import WrittenJson, format_json

JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


@given(JSON, some.sampled_from([1, 2, 4]), some.booleans())
def test_it_is_what_the_library_writes(value: Any, indent: int, sort_keys: bool) -> None:
    assert format_json(value, indent=indent, sort_keys=sort_keys) == json.dumps(
        value, indent=indent, sort_keys=sort_keys
    )


def test_a_margin_is_that_of_a_part_of_a_document() -> None:
    whole = json.dumps({"a": {"b": [1, {}]}}, indent=2)
    assert f'{{\n  "a": {format_json({"b": (1, {})}, margin="  ")}\n}}' == whole


def test_what_is_written_already_stands_there_as_it_is() -> None:
    part = {"b": [1, "parts"]}
    written = WrittenJson(format_json(part, margin="    "))
    for others in ([], [1], [1, {}]):
        expected = json.dumps({"a": [*others, part]}, indent=2)
        assert format_json({"a": [*others, written]}) == expected
    assert format_json({"a": WrittenJson("{}")}) == json.dumps({"a": {}}, indent=2)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError):
        format_json({"a": object()})
