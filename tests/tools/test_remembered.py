"""What earlier runs found is kept as it was, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.tools import remembered
from altai_build.tools.remembered import Remembered
from altai_build.tools.sealed_json import dump_sealed


def test_two_runs_keep_what_both_found(tmp_path: Path) -> None:
    first, second = Remembered(tmp_path / "a" / "rows"), Remembered(tmp_path / "a" / "rows")
    first.add("1", ["\udcff", None])
    second.add("2", 2)
    assert first.find("1") == ["\udcff", None] and first.find("2") is None
    first.save()
    second.save()
    again = Remembered(tmp_path / "a" / "rows")
    assert (again.find("1"), again.find("2"), again.find("3")) == (["\udcff", None], 2, None)


def test_nothing_new_is_not_written(tmp_path: Path) -> None:
    first = Remembered(tmp_path / "rows")
    first.add("1", 1)
    first.save()
    inode = (tmp_path / "rows").stat().st_ino
    again = Remembered(tmp_path / "rows")
    assert again.find("1") == 1
    again.save()
    assert (tmp_path / "rows").stat().st_ino == inode


def test_what_nobody_uses_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "_MIN_UNUSED", 2)
    for names in ("abc", "ad", "e"):
        rows = Remembered(tmp_path / "rows")
        for name in names:
            if rows.find(name) is None:
                rows.add(name, name)
        rows.save()
    again = Remembered(tmp_path / "rows")
    assert [name for name in "abcde" if again.find(name)] == ["a", "d", "e"]


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 100_000, dump_sealed({"rows": []}), b"\0\xff"])
def test_another_file_is_as_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "rows"
    path.write_bytes(data)
    rows = Remembered(path)
    assert rows.find("p") is None
    rows.add("p", 1)
    rows.save()
    assert Remembered(path).find("p") == 1
    path.write_bytes(path.read_bytes().replace(b'"p": 1', b'"p": 2'))
    assert Remembered(path).find("p") is None
