"""Files in the home of the user."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.cli.user_files import find_config_home, find_data_home, write_user_file
from altai_build.errors import InputError


def test_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/a")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert (find_data_home(), find_config_home()) == (Path("/data"), Path("/home/a/.config"))
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert find_config_home() == Path("/home/a/.config")


def test_a_file_is_written_when_it_differs(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    assert [write_user_file(path, data) for data in (b"a", b"a", b"b")] == [True, False, True]
    assert path.read_bytes() == b"b"
    with pytest.raises(InputError):
        write_user_file(path / "below", b"a")
