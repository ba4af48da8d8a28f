"""The page of coverage shows every component and file, loads nothing, and no name writes HTML; the JSON is exact."""

from __future__ import annotations

import re
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

from altai_build.model.coverage import Coverage, EarlierState, FileCoverage, LineBranches, UnknownCoverage
from altai_build.model.coverage_table import CoverageTable, MeasuredComponent, make_coverage_table
from altai_build.stages import coverage_report
from altai_build.stages.coverage_report import table_to_json, write_coverage_page

COMMIT = "0123456789ab" + "c" * 28
EVIL = "<script>alert(1)</script>\udcff.py"
NOVA = Coverage(
    {
        "nova/api.py": FileCoverage(frozenset({1, 2}), frozenset({3, 4, 5, 9}), {2: LineBranches(2, 1)}),
        EVIL: FileCoverage(frozenset({1}), frozenset(), {}),
    }
)


def make_table() -> CoverageTable:
    before = Coverage({"nova/api.py": FileCoverage(frozenset({1}), frozenset({2}), {})})
    return make_coverage_table(
        [
            MeasuredComponent("nova", COMMIT, NOVA, (), Fraction(80), EarlierState("1.0.1"), before),
            MeasuredComponent(
                "<b>glance</b>",
                COMMIT,
                UnknownCoverage("its tests wrote <no> coverage"),
                (),
                None,
                EarlierState("1.0.1"),
                before,
            ),
        ],
        EarlierState("1.0.1"),
    )


class Page(HTMLParser):
    """The cells of each row, and the tags."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.loaded: list[str | None] = []
        self._is_cell = False
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        values = dict(attrs)
        self.loaded += [values[name] for name in ("src", "href") if name in values]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._is_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._is_cell = False

    def handle_data(self, data: str) -> None:
        if self._is_cell:
            self.rows[-1][-1] += data.strip()


def test_the_page_has_every_component_and_file(tmp_path: Path) -> None:
    write_coverage_page(tmp_path / "coverage.html", make_table())
    page = Page(tmp_path / "coverage.html")
    assert page.rows == [
        ["component", "lines", "branches", "change", "goal"],
        ["<b>glance</b>", "unknown", "unknown", "unknown", "none"],
        ["nova", "42.8 %", "50.0 %", "-7.1", "80 %: missed"],
        ["file", "lines", "share", "branches", "missed lines"],
        ["nova/api.py", "33.3 %", "", "50.0 %", "3-5, 9"],
        ["<script>alert(1)</script>\\xff.py", "100.0 %", "", "nothing to cover", ""],
    ]
    assert not page.tags & {"b", "no"}
    assert [link for link in page.loaded if not str(link).startswith("#")] == ["data:,"]
    text = (tmp_path / "coverage.html").read_text("utf-8")
    assert "its tests wrote &lt;no&gt; coverage" in text
    assert re.search(r"since release 1\.0\.1\.", text) and "3 of 7 lines ran, 1 of 2 branches." in text


def test_very_many_missed_lines_are_cut(tmp_path: Path) -> None:
    coverage_report._MOST_MISSED, most = 10, coverage_report._MOST_MISSED
    try:
        missed = frozenset(range(1, 100, 2))
        coverage = Coverage({"a.py": FileCoverage(frozenset(), missed)})
        measured = MeasuredComponent("a", COMMIT, coverage, (), None, None, UnknownCoverage("-"))
        write_coverage_page(tmp_path / "c.html", make_coverage_table([measured], None))
    finally:
        coverage_report._MOST_MISSED = most
    assert Page(tmp_path / "c.html").rows[-1] == ["a.py", "0.0 %", "", "not measured", "1, 3, 5 and more"]


def test_the_json_has_exact_numbers_and_null_for_what_is_unknown() -> None:
    document = table_to_json(make_table(), with_files=False)
    assert document == {
        "since": {"release": "1.0.1", "commit": None},
        "components": [
            {
                "component": "<b>glance</b>",
                "commit": COMMIT,
                "lines": None,
                "branches": None,
                "goal": None,
                "goal_status": "no goal",
                "change": None,
                "reasons": ["its tests wrote <no> coverage"],
            },
            {
                "component": "nova",
                "commit": COMMIT,
                "lines": {"covered": 3, "valid": 7, "percent": 300 / 7},
                "branches": {"covered": 1, "valid": 2, "percent": 50.0},
                "goal": 80.0,
                "goal_status": "missed",
                "change": {
                    "since": {"release": "1.0.1", "commit": None},
                    "lines": float(Fraction(300, 7) - 50),
                    "branches": None,
                },
                "reasons": [],
            },
        ],
    }
    files = table_to_json(make_table(), with_files=True)["components"]
    assert files[0]["files"] is None and files[1]["files"]["nova/api.py"]["missed"] == "3-5,9"
