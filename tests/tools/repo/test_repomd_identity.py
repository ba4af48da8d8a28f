"""What a metalink says of a repomd.xml: what yum and librepo compare with it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.repo.repomd_identity import read_repomd_identity


def write(folder: Path, *timestamps: str) -> bytes:
    rows = "".join(f'<data type="x"><timestamp>{stamp}</timestamp></data>' for stamp in timestamps)
    data = f'<repomd xmlns="http://linux.duke.edu/metadata/repo">{rows}</repomd>'.encode()
    (folder / "repodata").mkdir(exist_ok=True)
    (folder / "repodata" / "repomd.xml").write_bytes(data)
    return data


def test_checksums_size_and_the_newest_whole_timestamp(tmp_path: Path) -> None:
    data = write(tmp_path, "5", " 70 ", "99.5", "-3", "9" * 30, "")
    identity = read_repomd_identity(tmp_path)
    assert identity.sha256 == hashlib.sha256(data).hexdigest()
    assert identity.sha512 == hashlib.sha512(data).hexdigest()
    assert (identity.size, identity.timestamp) == (len(data), 70)
    write(tmp_path)
    assert read_repomd_identity(tmp_path).timestamp == 0


def test_what_is_no_repomd(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"repomd\.xml cannot be read"):
        read_repomd_identity(tmp_path)
    (tmp_path / "repodata").mkdir()
    (tmp_path / "repodata" / "repomd.xml").write_text("<html/>")
    with pytest.raises(InputError) as caught:
        read_repomd_identity(tmp_path)
    assert "html document" in caught.value.why
