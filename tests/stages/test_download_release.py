"""A published release is downloaded as clients see it: what SHA256SUMS lists, and no more than the limit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.stages.download_release import download_release
from altai_build.tools.http import attempts
from tests.kit.repositories import ServerFaults, faulty_server

FILES = {"release.json": b"{}", "centos6/a.rpm": b"a" * 1000, "centos6/repodata/repomd.xml": b"<repomd/>"}


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = tmp_path / "published"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "SHA256SUMS").write_text("".join(f"{'0' * 64}  {name}\n" for name in FILES))
    (folder / "SHA256SUMS.asc").write_bytes(b"signature")
    (folder / "unlisted").write_bytes(b"not part of the release")
    return folder


@pytest.fixture
def faults() -> ServerFaults:
    return ServerFaults()


@pytest.fixture
def url(published: Path, faults: ServerFaults, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(attempts, "RETRY_DELAY", 0.01)
    with faulty_server(published, faults) as base:
        yield base


def read_tree(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_the_listed_files_are_downloaded_and_nothing_else(url: str, published: Path, tmp_path: Path) -> None:
    download_release(url, tmp_path / "copy", jobs=2)
    expected = {name: content for name, content in read_tree(published).items() if name != "unlisted"}
    assert read_tree(tmp_path / "copy") == expected


def test_files_that_the_server_lacks_are_left_for_the_rules_to_find(
    url: str, faults: ServerFaults, tmp_path: Path
) -> None:
    faults.missing |= {"a.rpm", "SHA256SUMS.asc"}
    download_release(url, tmp_path / "copy", jobs=2)
    assert set(read_tree(tmp_path / "copy")) == {
        "release.json",
        "SHA256SUMS",
        "centos6/repodata/repomd.xml",
    }


def test_a_server_that_fails_is_an_error(url: str, faults: ServerFaults, tmp_path: Path) -> None:
    faults.broken["a.rpm"] = 99
    with pytest.raises(InputError, match="503"):
        download_release(url, tmp_path / "copy", jobs=2)


def test_a_url_without_a_release_is_an_error(url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        download_release(f"{url}/centos6", tmp_path / "copy", jobs=1)
    assert caught.value.what == f"there is no release at {url}/centos6"
    assert caught.value.todo == "give the URL of the directory that holds SHA256SUMS"


def test_a_release_beyond_the_limit_is_refused(url: str, tmp_path: Path) -> None:
    """No file alone is larger: all of them together are."""
    with pytest.raises(InputError) as caught:
        download_release(url, tmp_path / "copy", jobs=1, limit=1005)
    assert caught.value.what == f"the release at {url} is too large"


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../outside"])
def test_no_file_is_written_outside(url: str, published: Path, tmp_path: Path, name: str) -> None:
    (published / "SHA256SUMS").write_text(f"{'0' * 64}  {name}\n")
    with pytest.raises(InputError, match="outside the repository"):
        download_release(url, tmp_path / "copy", jobs=1)


def test_names_that_no_file_can_have_are_left_for_the_rules_to_find(
    url: str, published: Path, tmp_path: Path
) -> None:
    names = ["x" * 300, "a\0b", "é" * 200, "release.json/inside", "a//b", "a/./b", "."]
    sums = published / "SHA256SUMS"
    sums.write_text(sums.read_text() + "".join(f"{'0' * 64}  {name}\n" for name in names))
    download_release(url, tmp_path / "copy", jobs=2)
    assert set(read_tree(tmp_path / "copy")) == {*FILES, "SHA256SUMS", "SHA256SUMS.asc"} - {"release.json"}
