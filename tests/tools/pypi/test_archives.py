"""Files in wheels and source archives: read within limits, whatever an archive holds."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from altai_build.tools.pypi import archives
from altai_build.tools.pypi.archives import read_archive


def write_tar(path: Path, files: dict[str, bytes], mode: str) -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        link = tarfile.TarInfo("x/PKG-INFO.link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return path


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


FILES = {"x/setup.py": b"1/0", "x/PKG-INFO": b"Name: x"}


def is_info(name: str) -> bool:
    return "PKG-INFO" in name


@pytest.mark.parametrize(
    ("name", "mode"),
    [("x.tar.gz", "w:gz"), ("x.tgz", "w:gz"), ("x.tar.bz2", "w:bz2"), ("x.tar.xz", "w:xz"), ("x.tar", "w")],
)
def test_regular_files_of_a_tar_archive(tmp_path: Path, name: str, mode: str) -> None:
    assert read_archive(write_tar(tmp_path / name, FILES, mode), is_info) == {"x/PKG-INFO": b"Name: x"}


@pytest.mark.parametrize("name", ["x-1-py3-none-any.whl", "x.zip"])
def test_files_of_a_zip_archive(tmp_path: Path, name: str) -> None:
    assert read_archive(write_zip(tmp_path / name, FILES), is_info) == {"x/PKG-INFO": b"Name: x"}


@pytest.mark.parametrize("name", ["x.tar.gz", "x.tar.bz2", "x.tar.xz", "x.tar", "x.whl"])
def test_what_is_no_archive(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"hello" * 500)
    with pytest.raises(ValueError, match="cannot be read"):
        read_archive(path, is_info)


def test_a_cut_or_special_file(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar.gz", {"x/PKG-INFO": os.urandom(5000)}, "w:gz")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"x\.tar\.gz cannot be read"):
        read_archive(path, is_info)
    os.mkfifo(tmp_path / "y.tar.gz")
    with pytest.raises(ValueError, match="not a regular file"):
        read_archive(tmp_path / "y.tar.gz", is_info)


@pytest.mark.parametrize("limit", ["_MAX_MEMBERS", "_MAX_UNPACKED", "_MAX_FILE"])
def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(archives, limit, 1)
    tar = write_tar(tmp_path / "x.tar.gz", FILES, "w:gz")
    with pytest.raises(ValueError):
        read_archive(tar, is_info)
    if limit != "_MAX_UNPACKED":
        with pytest.raises(ValueError):
            read_archive(write_zip(tmp_path / "x.whl", FILES), is_info)
