"""The page of all releases, compared with the releases that there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.stages.page_check import describe_outdated_page
from altai_build.stages.report.index import DamagedRelease, IndexInputs, format_index


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["1.0", 'a"&b'], ""),
        (["1.0"], 'index.html shows a"&b, which is gone'),
        ([], 'index.html shows 1.0 and a"&b, which are gone'),
        (["1.0", 'a"&b', "1.1"], "index.html lacks 1.1"),
        (["1.0", "1.1"], 'index.html shows a"&b, which is gone and lacks 1.1'),
    ],
)
def test_what_the_page_shows_and_lacks(tmp_path: Path, names: list[str], said: str) -> None:
    shown = (DamagedRelease("1.0", "x"), DamagedRelease('a"&b', "x"))
    (tmp_path / "index.html").write_bytes(format_index(IndexInputs("p", None, shown)))
    assert describe_outdated_page(tmp_path, names) == said


def test_nothing_is_said_of_no_page_an_empty_one_and_one_of_others(tmp_path: Path) -> None:
    assert describe_outdated_page(tmp_path, ["1.0"]) == ""
    (tmp_path / "index.html").write_text("<html>Welcome")
    assert describe_outdated_page(tmp_path, ["1.0"]) == ""
    (tmp_path / "index.html").write_bytes(format_index(IndexInputs("p", None, ())))
    assert describe_outdated_page(tmp_path, []) == ""
    assert describe_outdated_page(tmp_path, ["1.0"]) == "index.html lacks 1.0"
