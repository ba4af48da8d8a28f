"""The build that a question found is kept as it was, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.stages.build.known_builds import KnownBuild, KnownBuilds, digest_inputs
from altai_build.tools.remembered import Remembered

BUILD = KnownBuild(key="k", inputs="i", reason="unchanged", asked=("a", "b"))


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
    "row", ["abcd", 7, ["k", "i", "r"], ["k", "i", "r", [7]], ["k", "i", None, []], ["k", "i", "r", None], {}]
)
def test_a_row_of_another_form_is_as_none(tmp_path: Path, row: object) -> None:
    rows = Remembered(tmp_path / "known.json")
    rows.add("question", row)
    rows.save()
    assert KnownBuilds(tmp_path / "known.json").find("question") is None


def test_inputs_with_another_package_of_the_same_content_are_others() -> None:
    one, two = ((("buildroot b.noarch", f"b-1-{n}.noarch sha256:{n} headers:x whole:x"),) for n in "12")
    assert digest_inputs(one) == digest_inputs(list(one)) != digest_inputs(two)
