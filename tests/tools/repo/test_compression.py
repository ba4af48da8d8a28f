"""Decompression of repository metadata: every format, whatever the file's name, and never more than the limit."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.repo.compression import Compression, decompressed, detect_compression

CONTENT = b"<?xml version='1.0'?>\n<metadata>" + os.urandom(600 << 10).hex().encode() + b"</metadata>\n"


def zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "--stdout", "-"], input=data, stdout=subprocess.PIPE, check=True).stdout


def lzma_alone(data: bytes) -> bytes:
    return lzma.compress(data, format=lzma.FORMAT_ALONE)


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".lzma": lzma_alone,
    ".zst": zstd,
}


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def refusal(path: Path, limit: int = 1 << 30) -> str:
    with pytest.raises(InputError) as caught, decompressed(path, limit=limit):
        pass
    assert caught.value.what == f"cannot decompress {path.name}" and caught.value.todo
    return caught.value.why


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_every_format_is_decompressed(tmp_path: Path, suffix: str) -> None:
    packed = write(tmp_path / f"primary.xml{suffix}", COMPRESSORS[suffix](CONTENT))
    with decompressed(packed) as plain:
        assert plain.read_bytes() == CONTENT
    assert not plain.exists()


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_the_first_bytes_decide_and_not_the_name(tmp_path: Path, suffix: str) -> None:
    packed = write(tmp_path / "comps.xml", COMPRESSORS[suffix](CONTENT))
    assert detect_compression(packed).value == suffix
    with decompressed(packed) as plain:
        assert plain.read_bytes() == CONTENT


def test_a_file_without_compression_is_used_as_it_is(tmp_path: Path) -> None:
    packed = write(tmp_path / "comps.xml.gz", CONTENT)
    assert detect_compression(packed) is Compression.NONE
    with decompressed(packed) as plain:
        assert plain == packed


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_output_beyond_the_limit_is_refused(tmp_path: Path, suffix: str) -> None:
    packed = write(tmp_path / f"primary.xml{suffix}", COMPRESSORS[suffix](b"\0" * (5 << 20)))
    assert refusal(packed, limit=1 << 20) == f"it holds more than {1 << 20} bytes"


def test_a_small_file_does_not_fill_the_disk(tmp_path: Path) -> None:
    """Without a size from repomd.xml, far more bytes than metadata of that compressed size has are refused."""
    zeros = subprocess.run(
        "head -c 500M /dev/zero | zstd --stdout", shell=True, stdout=subprocess.PIPE, check=True
    ).stdout
    assert len(zeros) < 100_000
    assert refusal(write(tmp_path / "primary.xml.zst", zeros)).startswith("it holds more than ")


@pytest.mark.parametrize("suffix", ["", *COMPRESSORS])
def test_another_size_than_expected_is_refused(tmp_path: Path, suffix: str) -> None:
    packed = write(tmp_path / f"primary.xml{suffix}", COMPRESSORS.get(suffix, bytes)(CONTENT))
    with decompressed(packed, size=len(CONTENT)) as plain:
        assert plain.read_bytes() == CONTENT
    for size in (len(CONTENT) - 1, len(CONTENT) + 1):
        with pytest.raises(InputError, match="cannot decompress"), decompressed(packed, size=size):
            pass


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str) -> None:
    assert refusal(write(tmp_path / f"primary.xml{suffix}", COMPRESSORS[suffix](CONTENT)[:-1000]))


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_a_damaged_file_is_refused(tmp_path: Path, suffix: str) -> None:
    data = bytearray(COMPRESSORS[suffix](CONTENT))
    data[len(data) // 2 : len(data) // 2 + 64] = b"\xff" * 64
    assert refusal(write(tmp_path / f"primary.xml{suffix}", bytes(data)))


def test_all_frames_of_a_zstd_file_are_read(tmp_path: Path) -> None:
    """zstd files may be appended to one another; a skippable frame holds nothing."""
    skippable = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"12345"
    packed = zstd(CONTENT[:1000]) + skippable + zstd(b"") + zstd(CONTENT[1000:])
    with decompressed(write(tmp_path / "primary.xml.zst", packed)) as plain:
        assert plain.read_bytes() == CONTENT
    assert refusal(write(tmp_path / "primary.xml.zst", packed[: len(zstd(CONTENT[:1000]))] + b"junk"))


def test_a_zstd_file_that_needs_much_memory_is_refused(tmp_path: Path) -> None:
    frame = b"\x28\xb5\x2f\xfd"  # magic number
    frame += b"\x00" + bytes([(30 - 10) << 3])  # a window of 2^30 bytes (RFC 8878, 3.1.1.1.2)
    frame += b"\x01\x00\x00"  # the last block, empty
    assert "memory" in refusal(write(tmp_path / "primary.xml.zst", frame))


def test_zchunk_is_named_as_unsupported(tmp_path: Path) -> None:
    assert "zchunk" in refusal(write(tmp_path / "primary.xml.zck", b"\0ZCK1 and more"))


def test_a_missing_file_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"cannot read {tmp_path}/none"), decompressed(tmp_path / "none"):
        pass
