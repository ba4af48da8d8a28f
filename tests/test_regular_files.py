"""Only regular files are opened, and none that is larger than expected is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from altai_build.regular_files import is_special_file, open_regular_file, read_regular_file, resolve_links


def test_a_regular_file_and_a_link_to_one_are_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    (tmp_path / "link").symlink_to(path)
    assert read_regular_file(path, limit=7) == read_regular_file(tmp_path / "link", limit=7) == b"content"
    with open_regular_file(path) as stream:
        assert stream.read() == b"content"


def test_a_fifo_a_device_and_a_directory_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("fifo", "link", "."):
        with pytest.raises(OSError, match="not a regular file"):
            read_regular_file(tmp_path / name, limit=10)


def test_what_is_there_and_no_regular_file_is_special(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "file").write_bytes(b"")
    names = ("fifo", ".", "/dev/null", "file", "gone", "file/below", "circle")
    assert [is_special_file(tmp_path / name) for name in names] == [
        True,
        True,
        True,
        False,
        False,
        False,
        False,
    ]


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with pytest.raises(OSError, match="larger than 6 bytes"):
        read_regular_file(tmp_path / "file", limit=6)


def test_links_that_lead_in_a_circle_cannot_be_opened_but_are_no_bug(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    assert resolve_links(tmp_path / "link" / "file") == Path(os.path.realpath(tmp_path)) / "folder" / "file"
    path = resolve_links(tmp_path / "loop" / "file")
    assert path.parts[-2:] == ("loop", "file")
    with pytest.raises(OSError):
        open_regular_file(path)
