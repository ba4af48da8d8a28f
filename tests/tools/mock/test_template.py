"""Templates in mock's values: what is filled in without Jinja is what Jinja would make of it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altai_build.errors import InputError
from altai_build.tools.mock import template as mocktemplate
from altai_build.tools.mock.jinja import OUTPUT_LIMIT, render
from altai_build.tools.mock.template import expand

VALUES = {"a": "x", "b": "{{ a }}", "line": "1\n2\n", "none": "n", "number": 7, "list": ["y"], "range": "r"}
NAMED = [f"{{{{ {name} }}}}" for name in VALUES]
PIECES = ["{", "}", "{{", "}}", " ", "\n", "\r\n", "{%", "{#", "text", *VALUES, *NAMED]


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_what_is_filled_in_without_jinja_is_the_same(text: str) -> None:
    filled = mocktemplate._fill_plain_names(text, VALUES)
    if filled is not None:
        assert filled == render(text, VALUES, where="here")


def test_values_may_name_values_that_name_values() -> None:
    assert expand("{{ b }}{{ a }}\n", VALUES, where="here") == "xx\n"
    assert expand("{{ number + 1 }}{{ nothing }}", VALUES, where="here") == "8"
    with pytest.raises(InputError, match="still changes"):
        expand("{{ c }}", {"c": "{{ c }}{{ c }}"}, where="here")


def test_a_value_that_grows_beyond_bounds_is_refused_before_it_is_made() -> None:
    long = "x" * (OUTPUT_LIMIT // 4)
    with pytest.raises(InputError, match="cannot be expanded"):
        expand("{{ long }}" * 100_000, {"long": long}, where="here")


def test_plain_names_need_no_jinja() -> None:
    program = (
        "import sys; from altai_build.tools.mock.template import expand_nested; "
        "print(expand_nested({'x': ['.{{ dist }}']}, {'dist': 'el6'}, where='here'), 'jinja2' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert told.stdout == "{'x': ['.el6']} False\n"
