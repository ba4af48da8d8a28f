"""The lines that rpm reads: branches of conditions, joined lines, and where it is not certain."""

from __future__ import annotations

import pytest

from altai_build.tools.spec.lines import SpecLines
from altai_build.tools.spec.macrofiles import read_system_macros
from altai_build.tools.spec.macros import MacroExpander
from altai_build.tools.spec.undecided import OnlyRpmKnows


def make_lines(text: str, arch: str = "x86_64") -> SpecLines:
    return SpecLines(text, MacroExpander(read_system_macros(arch)))


def read(text: str, arch: str = "x86_64") -> list[str]:
    """The lines that are read, without those that are empty."""
    lines, found = make_lines(text, arch), []
    while (line := lines.read()) is not None:
        found += [line] if line else []
    return found


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("%if 1\na\n%else\nb\n%endif\nc", ["a", "c"]),
        ("%if 0\na\n%elif 1\nb\n%elif 1\nc\n%else\nd\n%endif", ["b"]),
        ("%if 0\na\n%elif 0\nb\n%else\nc\n%endif", ["c"]),
        ("%if 1\na\n%elif 1\nb\n%endif", ["a"]),
        ("%ifarch aarch64\na\n%elifarch x86_64\nb\n%else\nc\n%endif", ["b"]),
        ("%ifos Darwin\na\n%elifos Linux\nb\n%endif\n%ifnos linux\nc\n%endif", ["b"]),
        ("%ifnarch %{ix86}\na\n%endif\n%ifarch %{ix86} x86_64\nb\n%endif", ["a", "b"]),
        ("%if 0\n%if 1\na\n%else\nb\n%endif\n%else\nc\n%endif", ["c"]),
        ("  %if 1\na\n\t%endif # why", ["a"]),
        ("%if 1 && \\\n 0\na\n%endif\nb", ["b"]),
        ("%if 0\n%define x %{broken\n}\n%{undefined_a}\n%endif\nb", ["b"]),
        ("%define x 1 %dnl why\n%{x}", ["1 "]),
        ("%{expand:%%if 1}\na\n%{expand:%%endif}", ["a"]),
        ("a \\\nb", ["a \\", "b"]),
        ("%{?x:a\nb}c\nd", ["c", "d"]),
        ("%define m %{expand:x\ny}\n%m\n", ["x", "y"]),
        ("#%if 0\na", ["#%if 0", "a"]),
        ("%if 1\r\na\r\n%endif\r", ["a\r"]),
        ("%iff\n%elsewhere", ["%iff", "%elsewhere"]),
        ("Version: 1.0 %dnl why\nRelease: 1", ["Version: 1.0 ", "Release: 1"]),
    ],
)
def test_lines_that_are_read(text: str, lines: list[str]) -> None:
    assert read(text) == lines


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("%if 1\na", "an %if without %endif"),
        ("%endif", "%endif without %if"),
        ("%else\n%endif", "%else without %if"),
        ("%if 1\n%else\n%else\n%endif", "%else without %if"),
        ("%if 1\n%else\n%elif 1\n%endif", "%elif without %if"),
        ("%ifarch \n%endif", "%ifarch without an argument"),
        ("a %{b\nc", "line 1: unclosed macro or bad line continuation"),
        ("a\n%include %{nil}x.inc", "%include x.inc"),
        ("%if x\n%endif", "parse error in expression"),
    ],
)
def test_what_only_rpm_can_tell(text: str, why: str) -> None:
    with pytest.raises(OnlyRpmKnows) as caught:
        read(text)
    assert why in str(caught.value)


def test_an_include_that_is_not_read() -> None:
    assert read("%if 0\n%include x\n%endif\na") == ["a"]


def test_branches_of_an_unknown_condition_are_undecided() -> None:
    lines = make_lines(
        "a\n%if %(test -e x)\nb\n%if 1\nc\n%endif\n%else\nd\n%endif\ne\n%if 0\n%elif %(x)\nf\n%else\ng\n%endif"
    )
    found = []
    while (line := lines.read()) is not None:
        found += [(line, lines.undecided)] if line else []
    assert found == [
        ("a", False), ("b", True), ("c", True), ("d", True), ("e", False), ("f", True), ("g", True),
    ]  # fmt: skip


def test_the_place_of_a_line() -> None:
    lines = make_lines("a\n\nb %{nil\n} c\n")
    while lines.read() is not None:
        pass
    assert lines.place == "line 3: b %{nil } c"


def test_a_text_that_rpm_has_expanded_is_taken_line_by_line() -> None:
    lines = SpecLines("%if x\n%{a\n", None)
    assert [lines.read(), lines.read(), lines.read()] == ["%if x", "%{a", None] and not lines.undecided
