"""Coverage as JSON: what is written is read again, and anything else is refused with a reason."""

from __future__ import annotations

import json

import pytest

from altai_build.model import coverage_json
from altai_build.model.coverage import Coverage, FileCoverage, LineBranches
from altai_build.model.coverage_json import coverage_from_json, coverage_to_json

COVERAGE = Coverage(
    {
        "a.py": FileCoverage(
            frozenset({1, 2, 3, 7}),
            frozenset({5}),
            {2: LineBranches(2, 1, frozenset({"5"})), 3: LineBranches(4, 4)},
        ),
        "empty.py": FileCoverage(frozenset(), frozenset(), {}),
        "b.go": FileCoverage(frozenset({10}), frozenset()),
    }
)


def test_the_written_form() -> None:
    assert coverage_to_json(COVERAGE) == {
        "a.py": {
            "covered": "1-3,7",
            "missed": "5",
            "branches": {"2": {"valid": 2, "missed": 1, "names": ["5"]}, "3": {"valid": 4, "missed": 4}},
        },
        "b.go": {"covered": "10", "missed": "", "branches": None},
        "empty.py": {"covered": "", "missed": "", "branches": {}},
    }


def test_what_was_written_is_read_again() -> None:
    assert coverage_from_json(json.loads(json.dumps(coverage_to_json(COVERAGE)))) == COVERAGE


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "the files are no object"),
        ({"a": {}}, "'a': it does not have covered, missed and branches"),
        ({"a": {"covered": 1, "missed": "", "branches": None}}, "'a': its lines are no text"),
        ({"a": {"covered": "1-", "missed": "", "branches": None}}, "'a': '1-' is no range of lines"),
        ({"a": {"covered": "3-1", "missed": "", "branches": None}}, "'a': '3-1' is no range of lines"),
        ({"a": {"covered": "0", "missed": "", "branches": None}}, "'a': '0' is no range of lines"),
        (
            {"a": {"covered": "1-9", "missed": "4", "branches": None}},
            "'a': a line is both covered and missed",
        ),
        ({"a": {"covered": "", "missed": "", "branches": []}}, "'a': its branches are no object"),
        ({"a": {"covered": "", "missed": "", "branches": {"x": {}}}}, "'a': 'x' is no line with branches"),
        (
            {"a": {"covered": "", "missed": "", "branches": {"1": {"valid": 1, "missed": 2}}}},
            "'a': 2 missed branches of 1 are not possible",
        ),
        (
            {"a": {"covered": "", "missed": "", "branches": {"1": {"valid": True, "missed": 0}}}},
            "'a': 0 missed branches of True are not possible",
        ),
        (
            {"a": {"covered": "", "missed": "", "branches": {"1": {"valid": 1, "missed": 1, "names": [1]}}}},
            "'a': the names of branches are no list of texts",
        ),
    ],
)
def test_anything_else_is_refused(document: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        coverage_from_json(document)
    assert str(caught.value) == message


def test_a_few_bytes_do_not_become_millions_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage_json, "_MAX_LINES", 10)
    entry = {"covered": "1-6", "missed": "", "branches": None}
    assert coverage_from_json({"a": entry}).lines.valid == 6
    with pytest.raises(ValueError, match="'b': it has more than 10 lines"):
        coverage_from_json({"a": entry, "b": entry})
