"""An error that was raised has the anchor that its text has on the page of troubles."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import altai_build
from altai_build.config import load_config
from altai_build.errors import InputError
from altai_build.tools.error_anchors import find_anchor, list_used, measure_match, read_texts
from altai_build.tools.error_texts import ErrorTexts

PACKAGE = Path(altai_build.__file__).parent


def test_modules_and_what_they_use_have_the_anchors_of_the_whole_program() -> None:
    """Of each tenth module, and of those whose texts have constants and errors of others."""
    whole = ErrorTexts(PACKAGE).entries
    modules = sorted({module for entry in whole.values() for module in entry.modules})
    chosen = {*modules[::10], "cli/reading", "pipeline/published/history"}
    for module in chosen:
        importlib.import_module(f"altai_build.{module.replace('/', '.')}")
        read = read_texts({module, "errors"} | list_used({module, "errors"})).entries
        expected = {anchor for anchor, entry in whole.items() if module in entry.modules}
        assert expected - set(read) == set(), module


def test_an_error_of_a_file_has_its_anchor(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_config(tmp_path / "repos.yaml")
    assert find_anchor(caught.value, caught.value.what) == "exit-3-cannot-read"


def test_an_error_from_elsewhere_has_none() -> None:
    with pytest.raises(InputError) as caught:
        raise InputError("the moon is made of cheese")
    assert find_anchor(caught.value, caught.value.what) is None


@pytest.mark.parametrize(
    ("text", "what", "size"),
    [
        ("it is gone", "it is gone", 10),
        ("it is gone", "it is gone.", 0),
        ("\x01A\x02 is gone", "/a/b is gone", 8),
        ("no \x01A\x02 in \x01B\x02", "no x in y in z", 7),
        ("no \x01A\x02 in \x01B\x02 at all", "no x at all in", 0),
        ("a\x01A\x02a", "a", 0),
        ("\x03one\x04two\x05 \x01A\x02", "two x", 4),
        ("error\x03s\x05", "error", 5),
        ("error\x03s\x05", "errors", 6),
    ],
)
def test_a_text_fits_what_it_can_become(text: str, what: str, size: int) -> None:
    assert measure_match(text, what) == size


def test_a_long_text_of_others_takes_no_time() -> None:
    assert measure_match("a\x01A\x02b" * 200 + "!", "ab" * 100_000) == 0
