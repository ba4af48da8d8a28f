"""Errors: their text, their exit codes, and control characters in them."""

from __future__ import annotations

import pytest

from altai_build import errors
from altai_build.errors import AltaiError, InputError, escape_control_characters


def test_the_text_has_what_why_and_what_to_do() -> None:
    error = InputError("cannot read x", why="no such file\n", todo="name the file")
    assert str(error) == "cannot read x\nno such file\nWhat to do: name the file"
    assert str(InputError("cannot read x")) == "cannot read x"


def test_each_class_has_its_own_exit_code() -> None:
    classes = {
        cls.__name__: cls.exit_code
        for cls in AltaiError.__subclasses__()
        if cls.__module__ == errors.__name__
    }
    assert classes == {
        "UsageError": 2,
        "InputError": 3,
        "MissingToolError": 4,
        "BuildError": 5,
        "SigningError": 6,
        "VerificationError": 7,
        "PublishError": 8,
        "WorkspaceLockedError": 9,
    }
    assert AltaiError.exit_code == 70


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\tand ü", "two\nlines\tand ü"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("back\rspace\x08", "back\\rspace\\x08"),
        ("no\u202etfel", "no\\u202etfel"),
        ("byte \udcff", "byte \\xff"),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    assert escape_control_characters(text) == shown


def test_a_cell_of_a_table_keeps_no_line_break() -> None:
    assert escape_control_characters("two\nlines\tand é", keep="") == "two\\nlines\\tand é"


def test_the_text_of_an_error_has_a_bounded_length() -> None:
    error = InputError(f"a{'x' * 5000}b", why=f"c{'y' * 5_000_000}d")
    assert (len(error.what) < 2_100, error.what[0], error.what[-1]) == (True, "a", "b")
    assert len(str(error)) < 20_000
    assert error.why.startswith("cy") and error.why.endswith("yd")
    assert "[…4984002 characters are left out…]" in error.why
    short = InputError("w" * 2_000, why="y" * 16_000)
    assert (short.what, short.why) == ("w" * 2_000, "y" * 16_000)
