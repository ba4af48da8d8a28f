"""Files of metadata are compared with repomd.xml when they are read; a damaged one is downloaded again."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.checksum import Checksum
from altai_build.tools.repo.repomd import MetadataFile
from altai_build.tools.repo.stored_files import StoredFile, read_declared_count
from tests.kit.server import serving

PLAIN = b"<metadata packages='0'/>"
PACKED = gzip.compress(PLAIN)


@pytest.fixture
def stored(tmp_path: Path) -> StoredFile:
    path = tmp_path / "primary.xml.gz"
    path.write_bytes(PACKED)
    entry = MetadataFile(
        kind="primary",
        location=path.name,
        checksum=Checksum("sha256", hashlib.sha256(PACKED).hexdigest()),
        size=len(PACKED),
        open_size=len(PLAIN),
    )
    return StoredFile(path, entry)


def test_a_good_file_is_opened_without_its_compression(stored: StoredFile) -> None:
    with stored.open_plain() as plain:
        assert plain.read_bytes() == PLAIN


def test_a_damaged_file_is_downloaded_again(stored: StoredFile, tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    (served / "primary.xml.gz").write_bytes(PACKED)
    with serving(served) as url:
        remote = replace(stored, url=f"{url}/primary.xml.gz")
        for damage in (PACKED[:-1] + b"x", b"", None):
            if damage is None:
                stored.path.unlink()
            else:
                stored.path.write_bytes(damage)
            with remote.open_plain() as plain:
                assert plain.read_bytes() == PLAIN
            assert stored.path.read_bytes() == PACKED


def test_a_damaged_file_of_a_directory_is_an_error(stored: StoredFile) -> None:
    stored.path.write_bytes(PACKED[:-1] + b"x")
    with pytest.raises(InputError, match="is missing or damaged"), stored.open_plain():
        pass


@pytest.mark.parametrize("open_size", [len(PLAIN) - 1, len(PLAIN) + 1])
def test_another_size_than_announced_is_an_error(stored: StoredFile, open_size: int) -> None:
    other = replace(stored, entry=replace(stored.entry, open_size=open_size))
    with pytest.raises(InputError, match="cannot decompress"), other.open_plain():
        pass


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("<metadata packages='12'/>", 12),
        ("<x:metadata xmlns:x='http://x/' packages='3'> <broken", 3),
        ("<metadata/>", None),
        ("<metadata packages='many'/>", None),
        ("<metadata packages='-1'/>", None),
    ],
)
def test_the_number_of_packages_is_read_from_the_first_element(
    tmp_path: Path, text: str, count: int | None
) -> None:
    (tmp_path / "x").write_text(text)
    assert read_declared_count(tmp_path / "x", "metadata") == count
