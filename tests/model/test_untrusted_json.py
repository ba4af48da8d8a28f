"""JSON of strangers is read or refused with a reason, in no time."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from altai_build.model.untrusted_json import parse_json

_VALUES = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(min_value=-(2**60), max_value=2**60)
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=20,
)


@given(_VALUES)
def test_what_programs_write_is_read(value: object) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value, ensure_ascii=False)) == value


def test_bytes_that_are_not_utf_8_survive_as_python_writes_them() -> None:
    name = b"repos/\xff".decode("utf-8", "surrogateescape")
    assert parse_json(json.dumps(name)) == name
    assert parse_json('"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 200_000, "nested too deeply"),
        ("[" * 200_000 + "]" * 200_000, "nested too deeply"),
        ('{"a":' * 102 + "1" + "}" * 102, "nested too deeply"),
        ("1" * 4_000, "a number has 4000 digits"),
        ("-" + "9" * 5_000, "a number has 5000 digits"),
        ("1e999", "a number is too large"),
        ("NaN", "NaN is not a number"),
        ("[-Infinity]", "-Infinity is not a number"),
        ('{"a": ["\\ud800"]}', "half of a character"),
        ('{"\\uDFFF": 1}', "half of a character"),
        ("{", "Expecting property name"),
        ("", "Expecting value"),
    ],
)
def test_what_no_program_should_be_given_is_refused(text: str, why: str) -> None:
    begin = time.process_time()
    with pytest.raises(ValueError, match=why):
        parse_json(text)
    assert time.process_time() - begin < 2.0
