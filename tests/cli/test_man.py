"""`man`: one page printed, all pages written."""

from __future__ import annotations

from pathlib import Path

from tests.kit.cli import altai_build


def test_a_page_is_printed_and_all_are_written_once(tmp_path: Path) -> None:
    answer = altai_build("man", "deps", "lock", cwd=tmp_path)
    assert answer.code == 0 and answer.out.startswith('.TH "ALTAI\\-BUILD\\-DEPS\\-LOCK" 1 ')
    home = {"XDG_DATA_HOME": str(tmp_path)}
    first = altai_build("man", "--install", "--json", cwd=tmp_path, env=home)
    folder = tmp_path / "man" / "man1"
    assert first.json["folder"] == str(folder) and first.json["changed"] == first.json["pages"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(first.json["pages"])
    (folder / "altai-build-log.1").write_text("old")
    again = altai_build("man", "-o", str(folder), cwd=tmp_path)
    assert again.err == f"altai-build: wrote 1 of {len(first.json['pages'])} man pages to {folder}\n"


def test_an_unknown_command_and_one_with_a_folder(tmp_path: Path) -> None:
    answer = altai_build("man", "lgo", cwd=tmp_path)
    assert answer.code == 2 and "did you mean log?" in answer.err
    assert (
        altai_build("man", "log", "--install", cwd=tmp_path, env={"XDG_DATA_HOME": str(tmp_path)}).code == 2
    )
