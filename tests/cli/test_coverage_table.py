"""The table of coverage as text and Markdown: foreign names are no markup, missed goals stand out."""

from __future__ import annotations

from fractions import Fraction

from altai_build.cli import markdown
from altai_build.cli.coverage_table import format_coverage, list_cells, list_notes
from altai_build.model.coverage import Coverage, EarlierState, FileCoverage, LineBranches, UnknownCoverage
from altai_build.model.coverage_table import MeasuredComponent, make_coverage_table

HALF = Coverage({"a.py": FileCoverage(frozenset({1}), frozenset({2}), {1: LineBranches(4, 1)})})
MORE = Coverage({"a.py": FileCoverage(frozenset({1, 2, 3}), frozenset({4}), {1: LineBranches(4, 2)})})
TABLE = make_coverage_table(
    [
        MeasuredComponent("nova", "a" * 40, MORE, (), Fraction(80), EarlierState("1.0"), HALF),
        MeasuredComponent(
            "a`b|c",
            "a" * 40,
            HALF,
            (),
            Fraction(50),
            EarlierState("1.0"),
            UnknownCoverage("never <measured>"),
        ),
        MeasuredComponent(
            "glance", "a" * 40, UnknownCoverage("no report"), (), None, EarlierState("1.0"), HALF
        ),
    ],
    EarlierState("1.0"),
)


def test_the_cells() -> None:
    assert [list_cells(row) for row in TABLE.rows] == [
        ("50.0 %", "75.0 %", "unknown", "50 %: reached"),
        ("unknown", "unknown", "unknown", "none"),
        ("75.0 %", "50.0 %", "+25.0 (branches -25.0)", "80 %: missed"),
    ]
    assert list_cells(None) == ("-", "-", "-", "-")
    assert list(list_notes(TABLE)) == ["a`b|c: the change is unknown: never <measured>", "glance: no report"]


def test_the_markdown() -> None:
    assert markdown.document(format_coverage(TABLE)) == (
        "\n## Coverage\n\nThe change is in percentage points since release 1.0.\n\n"
        "| component | lines | branches | change | goal |\n|---|---|---|---|---|\n"
        "| ``a`b\\|c`` | 50.0 % | 75.0 % | unknown | 50 %: reached |\n"
        "| `glance` | unknown | unknown | unknown | none |\n"
        "| `nova` | 75.0 % | 50.0 % | +25.0 (branches -25.0) | **80 %: missed** |\n\n"
        "- a\\`b\\|c: the change is unknown: never \\<measured\\>\n- glance: no report"
    ).lstrip("\n")


def test_no_component_is_no_table() -> None:
    assert list(format_coverage(make_coverage_table([], None))) == []
