"""What a report says of each file: within limits, and a line that ran once ran."""

from __future__ import annotations

import pytest

from altai_build.model.coverage import FileCoverage, LineBranches
from altai_build.tools.coverage import measured
from altai_build.tools.coverage.measured import MeasuredReport, parse_count, parse_line_number


def test_a_line_that_ran_in_one_record_ran() -> None:
    report = MeasuredReport()
    file = report.open_file("a.c")
    for number, ran in ((1, True), (1, False), (2, False), (2, True), (3, False), (0, True)):
        report.add_line(report.open_file("a.c"), number, ran)
    assert report.make_file_coverage(file) == FileCoverage(frozenset({1, 2}), frozenset({3}))
    assert report.lines == 3


def test_a_branch_that_ran_in_one_record_ran() -> None:
    report = MeasuredReport()
    file = report.open_file("a.c")
    for name, ran in (("0,0", True), ("0,1", False), ("0,0", False), ("0,2", False), ("0,2", True)):
        report.add_branch(file, 7, name, ran)
    assert report.make_file_coverage(file).branches == {7: LineBranches(3, 1, frozenset({"0,1"}))}


def test_a_line_that_is_counted_twice_has_its_branches_once() -> None:
    report = MeasuredReport()
    file = report.open_file("a.py")
    for names in (frozenset("a"), frozenset("b")):
        report.add_counted_branches(file, 3, LineBranches(2, 1, names))
    assert report.make_file_coverage(file).branches == {3: LineBranches(2, 0)}
    assert report.branches == 2


def test_without_any_branch_in_the_report_branches_are_unknown_else_a_file_may_have_none() -> None:
    report = MeasuredReport()
    one, other = report.open_file("a.py"), report.open_file("b.py")
    assert report.make_file_coverage(one).branches is None
    report.add_counted_branches(other, 3, LineBranches(2, 0))
    assert report.make_file_coverage(one).branches == {}


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 5000])
def test_no_name_of_a_file(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a file"):
        MeasuredReport().open_file(name)


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("MAX_FILES", "MAX_LINES", "MAX_BRANCHES"):
        monkeypatch.setattr(measured, limit, 2)
    report = MeasuredReport()
    file = report.open_file("a")
    report.open_file("b")
    with pytest.raises(ValueError, match="it names more than 2 files"):
        report.open_file("c")
    for _ in range(2):
        report.add_line(file, 1, True)
        report.add_line(file, 2, True)
    with pytest.raises(ValueError, match="it has more than 2 lines"):
        report.add_line(file, 3, True)
    report.add_branch(file, 1, "a", True)
    with pytest.raises(ValueError, match="it has more than 2 branches"):
        report.add_counted_branches(file, 1, LineBranches(2, 0))
    with pytest.raises(ValueError, match="there is no line 10000001"):
        report.add_line(file, 10_000_001, True)


def test_line_numbers() -> None:
    assert parse_line_number("0012") == 12
    for text in ("", "-1", "1.0", "१", "9" * 10, " 1"):
        with pytest.raises(ValueError, match="is no line number"):
            parse_line_number(text)


def test_numbers_of_runs() -> None:
    counts = [parse_count(text) for text in ("0", "3", "-7", "1.5e+06", "1e+999", "9" * 40)]
    assert counts == [0, 3, -7, 1.5e6, float("inf"), 1e40]
    for text in ("", "x", "1e", "१", "1_0", "nan", "inf", "9" * 41):
        with pytest.raises(ValueError, match="is no number of runs"):
            parse_count(text)
