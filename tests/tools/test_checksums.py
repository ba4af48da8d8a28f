"""Checksums of files, of every algorithm that repodata uses."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.checksum import Checksum
from altai_build.tools.checksums import compute_checksum, has_checksum

CONTENT = b"content" * 20_000


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_checksums_of_every_algorithm_in_repodata(tmp_path: Path, algorithm: str) -> None:
    source = tmp_path / "file"
    source.write_bytes(CONTENT)
    expected = Checksum(algorithm, hashlib.new(algorithm, CONTENT, usedforsecurity=False).hexdigest())
    assert compute_checksum(source, algorithm) == expected
    assert has_checksum(source, expected)
    assert not has_checksum(source, Checksum(algorithm, "0" * len(expected.value)))


def test_an_unknown_algorithm_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    with pytest.raises(InputError, match="unknown checksum algorithm 'crc32'"):
        has_checksum(tmp_path / "file", Checksum("crc32", "0" * 32))
