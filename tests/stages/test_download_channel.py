"""A channel on a web server: what is downloaded, and servers that have less, or more than anybody wants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.channel import history_to_json
from altai_build.stages.download_channel import download_channel
from tests.kit.server import serving
from tests.model.test_channel import HISTORY

_LIMIT = 1 << 30


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """The folder of a server with a channel, and its URL."""
    folder = tmp_path / "site"
    for path in (*HISTORY.files, "history.json.asc"):
        file = folder / "channels" / "stable" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
    (folder / "channels" / "stable" / "history.json").write_text(history_to_json(HISTORY))
    (folder / "1.0.0").mkdir()
    (folder / "1.0.0" / "SHA256SUMS").write_text("sums")
    with serving(folder) as url:
        yield folder, url


def list_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_copy_has_what_the_history_lists(site: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = site
    (folder / "channels" / "stable" / "other").write_text("not listed")
    download_channel(url, "stable", tmp_path / "copy", limit=_LIMIT)
    assert list_files(tmp_path / "copy") == list_files(folder) - {"channels/stable/other"}


def test_a_file_that_is_not_there_is_left_out(site: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = site
    (folder / "channels" / "stable" / "altai-stable.repo").unlink()
    (folder / "1.0.0" / "SHA256SUMS").unlink()
    download_channel(url, "stable", tmp_path / "copy", limit=_LIMIT)
    assert list_files(tmp_path / "copy") == list_files(folder)


def test_a_file_that_is_too_large_or_refused_is_not_one_that_is_missing(
    site: tuple[Path, str], tmp_path: Path
) -> None:
    folder, url = site
    size = download_channel(url, "stable", tmp_path / "copy", limit=_LIMIT)
    assert size == sum((folder / name).stat().st_size for name in list_files(folder))
    with pytest.raises(InputError, match="larger than expected"):
        download_channel(url, "stable", tmp_path / "less", limit=size - 1)
    with (folder / "channels" / "stable" / "history.json.asc").open("wb") as stream:
        stream.truncate(2 << 20)
    with pytest.raises(InputError, match=r"history\.json\.asc is larger than expected"):
        download_channel(url, "stable", tmp_path / "large", limit=_LIMIT)


def test_a_channel_that_is_not_there_or_has_no_end(site: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = site
    with pytest.raises(InputError, match=r"channels/other/history\.json"):
        download_channel(url, "other", tmp_path / "copy", limit=_LIMIT)
    many = replace(HISTORY, files={f"f{number}": "a" * 64 for number in range(1001)})
    (folder / "channels" / "stable" / "history.json").write_text(history_to_json(many))
    with pytest.raises(InputError, match="has 1001 files"):
        download_channel(url, "stable", tmp_path / "copy", limit=_LIMIT)
    (folder / "channels" / "stable" / "history.json").write_text("{}")
    with pytest.raises(InputError, match=r"the channel stable at .* cannot be read"):
        download_channel(url, "stable", tmp_path / "copy", limit=_LIMIT)
