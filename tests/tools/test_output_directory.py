"""Copies in a directory of the user's: whole, replaced in place, and nothing beside them, also after a kill."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.output_directory import copy_all_into, prepare_output
from tests.kit.cli import ROOT


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "sources"
    folder.mkdir()
    made = [folder / name for name in ("a.rpm", "b.rpm")]
    for path in made:
        path.write_text(f"text of {path.name}")
    return made


def test_files_are_linked_and_replace_others_of_their_names(sources: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    out.mkdir(parents=True)
    (out / "a.rpm").write_text("old")
    (out / ".hidden").write_text("the user's")
    for _ in range(2):
        assert copy_all_into(sources, out) == [out / "a.rpm", out / "b.rpm"]
        assert all(os.path.samefile(source, out / source.name) for source in sources)
        assert sorted(os.listdir(out)) == [".hidden", "a.rpm", "b.rpm"]


def test_where_no_link_can_be_made_the_copy_is_flushed(
    sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no links")

    def sync(paths: list[Path]) -> None:
        synced.extend(path.read_text() for path in paths)

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr("altai_build.tools.output_directory.sync_all", sync)
    (copy,) = copy_all_into(sources[:1], tmp_path / "out")
    assert (copy.read_text(), synced) == ("text of a.rpm", ["text of a.rpm"])
    assert not os.path.samefile(copy, sources[0])


def test_what_a_killed_run_left_is_removed_by_the_next(sources: list[Path], tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from altai_build.tools.output_directory import copy_all_into\n"
        "sources = [Path(name) for name in sys.argv[2:]]\n"
        "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "copy_all_into(sources, Path(sys.argv[1]))"
    )
    out = tmp_path / "out"
    argv = [sys.executable, "-c", script, str(out), *map(str, sources)]
    assert subprocess.run(argv, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode == -9
    assert len(os.listdir(out)) == 1
    copy_all_into(sources, out)
    assert sorted(os.listdir(out)) == ["a.rpm", "b.rpm"]


def test_a_place_that_cannot_be_written_is_an_error(sources: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to"):
        copy_all_into(sources, tmp_path / "file")
    (tmp_path / "out" / "a.rpm" / "inside").mkdir(parents=True)
    with pytest.raises(InputError, match="cannot write to"):
        copy_all_into(sources, tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == ["a.rpm"]


def test_a_place_is_tried_before_anything_is_there_to_copy(tmp_path: Path) -> None:
    prepare_output(tmp_path / "new" / "out")
    assert list((tmp_path / "new" / "out").iterdir()) == []
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", Path("/proc/self")):
        with pytest.raises(InputError, match="cannot write to"):
            prepare_output(place)


def test_a_place_into_which_this_user_may_not_look_cannot_be_written(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    is_root = os.geteuid() == 0
    closed.chmod(0o700 if is_root else 0)
    try:
        if is_root:
            os.seteuid(65534)
        with pytest.raises(InputError, match="cannot write to"):
            prepare_output(closed / "out")
    finally:
        if is_root:
            os.seteuid(0)
        closed.chmod(0o700)


def test_packages_are_never_copied_into_a_release(tmp_path: Path) -> None:
    release = tmp_path / "1.0"
    (release / "main").mkdir(parents=True)
    (release / "release.json").write_text("{}")
    # A folder of the user's may have checksums too.
    prepare_output(release / "main")
    (release / "SHA256SUMS").write_text("")
    for place in (release, release / "main", release / "main" / "new"):
        with pytest.raises(InputError, match="is in the release"):
            prepare_output(place)
    assert sorted(path.name for path in release.rglob("*")) == ["SHA256SUMS", "main", "release.json"]
