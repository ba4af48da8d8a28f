"""Macros are expanded as rpm expands them; what would have to be run is unknown."""

from __future__ import annotations

import pytest

from altai_build.tools import process
from altai_build.tools.spec.macrofiles import read_system_macros
from altai_build.tools.spec.macros import MacroExpander
from altai_build.tools.spec.undecided import UNKNOWN, EndlessMacro, OnlyRpmKnows


def expand(text: str) -> str:
    return MacroExpander(read_system_macros("x86_64")).expand(text)


# Each is compared with rpm's own expansion.
TEXTS = [
    "a%%b 100%",
    "%undefined %{undefined} %{?undefined} %{!?undefined:x}%{?undefined:y}",
    "%global a 1\n%{a}%a%{?a}%{!?a:x}%{?a:<%{a}>}",
    "%define a 1\n%define a 2\n%{a}%undefine a\n%{a}",
    "%define up lib\nlib%up-devel",
    "%define late %{x}\n%global early %{x}\n%define x 1\n%{late}%{early}",
    "%define many a\\\nb\nx %{many}",
    "%define f() <%0|%1|%2|%#|%*|%**>\n%f a b\n%{f:a b}%{f a}",
    "%define f(n:q) %{-n*}|%{-n}|%{-q:Q}%{!-q:nq}|%1\n%f -qn other rest\n%f x",
    "%define inner() %1\n%define outer() %{inner x}%1\n%outer y",
    "%define f() %{expand:%%define g %1}%g\n%f x\n%{?g}",
    "%{expand:%%define x %%%%y}%{x}",
    "%{basename:/a/b}%{dirname:/a/b}%{suffix:a.tar.gz}%{shrink:  a   b }",
    "%define f() %#\n%f %{quote:a b} c",
    "%dnl nothing here %{\nx",
    "x%{dnl y}z",
    '%[1 + 2 * 3]%{expr:4 / 2}%[v"1:2-3"]%{expr:v"1"}',
    "%bcond_with one\n%bcond_without two\n%{with one}%{with two}%{without one}",
    "%{S:0}%{P:3}",
    "%nil|%{nil}|%{?_isa}|%_target_cpu|%{ix86}",
    "%define b {a b}\n<%b>",
    "%{!?a:%global a 7}%{a}",
    "%define quoted %{quote: x }\n%quoted",
    "%?a%!a%{}%{ a}%.",
]


@pytest.mark.parametrize("text", TEXTS)
def test_like_rpm(text: str) -> None:
    own = process.run(
        ["rpm", "--target=x86_64", "--eval", text], env={"HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    )
    assert f"{expand(text)}\n" == own.text


@pytest.mark.parametrize("text", ["%(echo 1)", "%{getenv:HOME}", "%{lower:A}", "%{lua: print(1)}"])
def test_what_would_have_to_be_run_is_unknown(text: str) -> None:
    assert expand(f"a{text}b") == f"a{UNKNOWN}b"
    assert expand(f"%global x {text}\n%{{x}}") == UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        '%{lua: rpm.define("a 1")}',
        "%{load:/x}",
        "%{error:no}",
        "%{",
        "%define x\n",
        "%define 1 x\n",
        "%define expand x\n",
        "%define f() x\n%f %(echo a)",
        "%define f() x\n%{f:%{undefine:f}}",
        "%undefine dnl",
        "%undefine %(echo a)",
        '%["a" + 1]',
        "%basename",
    ],
)
def test_what_only_rpm_can_tell(text: str) -> None:
    with pytest.raises(OnlyRpmKnows):
        expand(text)


def test_a_macro_without_end() -> None:
    with pytest.raises(EndlessMacro, match="contains itself"):
        expand("%define a x%a\n%a")
    with pytest.raises(EndlessMacro, match="without end"):
        expand(
            "".join(f"%define m{n} {'%m' + str(n + 1)}{' %m' + str(n + 1)}\n" for n in range(24))
            + f"%define m24 {chr(120) * 5000}\n%m0"
        )


def test_nothing_is_defined_where_the_branch_is_undecided() -> None:
    macros = MacroExpander({})
    macros.undecided_branch = True
    for text in ("%define a 1\n", "%{?b:x}%global a 1\n"):
        with pytest.raises(OnlyRpmKnows, match="%a is defined under a condition"):
            macros.expand(text)
