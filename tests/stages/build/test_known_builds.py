"""The build that a question found is kept as it was, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.stages.build.known_builds import KnownBuild, KnownBuilds
from altai_build.tools.remembered import Remembered

BUILD = KnownBuild(key="k", reason="unchanged", asked=("a", "b"))


def test_what_is_kept_is_what_was_added(tmp_path: Path) -> None:
    path = tmp_path / "builds" / "known.json"
    known = KnownBuilds(path)
    known.add("question", BUILD)
    known.save()
    again = KnownBuilds(path)
    assert again.find("question") == BUILD and again.find("another") is None


def test_no_question_has_no_answer(tmp_path: Path) -> None:
    known = KnownBuilds(tmp_path / "known.json")
    known.add("", BUILD)
    assert known.find("") is None


@pytest.mark.parametrize(
    "row", ["abc", 7, ["k", "r"], ["k", "r", [7]], ["k", None, []], ["k", "r", None], {}]
)
def test_a_row_of_another_form_is_as_none(tmp_path: Path, row: object) -> None:
    rows = Remembered(tmp_path / "known.json")
    rows.add("question", row)
    rows.save()
    assert KnownBuilds(tmp_path / "known.json").find("question") is None
