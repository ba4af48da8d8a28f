"""Options as popt(3) and getopt(3) tell them apart from other words."""

from __future__ import annotations

import pytest

from altai_build.tools.spec.options import read_call_options, read_line_options
from altai_build.tools.spec.undecided import OnlyRpmKnows


def test_options_of_a_line() -> None:
    options, words = read_line_options("%x -qn 'a b' -m=c d -nz -n =y -- -e", "n:m:q")
    assert options == [("q", None), ("n", "a b"), ("m", "c"), ("n", "z"), ("n", "=y")]
    assert words == ["d", "-e"]
    assert read_line_options("%x", "") == ([], [])
    for wrong in ("%x -z", "%x -n", "%x 'a", "%x -n ''"):
        with pytest.raises(ValueError):
            read_line_options(wrong, "n:q")


def test_options_of_a_call() -> None:
    arguments = ["x", "-qn", "other", "-p1", "-o", "-n=v", "-o2", "--", "-y"]
    assert read_call_options(arguments, "qn:p:o::") == (
        [("q", None), ("n", "other"), ("p", "1"), ("o", None), ("n", "=v"), ("o", "2")],
        ["x", "-y"],
    )
    assert read_call_options(["-x"], "-") == ([], ["-x"])
    for wrong, letters in ((["-z"], "q"), (["-n"], "n:"), (["-q"], "+q"), (["-:"], "n:")):
        with pytest.raises(OnlyRpmKnows):
            read_call_options(wrong, letters)
