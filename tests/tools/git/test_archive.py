"""Archives: the bytes of a commit and nothing else, whatever compresses them, and the names of what makes them."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import subprocess
import tarfile
import zlib
from pathlib import Path

import deflate
import pytest

from altai_build.tools import process
from altai_build.tools.disk import WriteBudget
from altai_build.tools.git.archive import ArchivePart, archiver_version, write_archive
from altai_build.tools.git.superproject import Superproject
from tests.kit.git import Repo

LARGE = 3_500_000  # bytes: several of the pieces that are compressed at once


def test_the_versions_of_git_and_the_compressors_are_in_the_key() -> None:
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    assert archiver_version() == f"{git}, deflate {deflate.__version__}, zlib {zlib.ZLIB_RUNTIME_VERSION}"


@pytest.fixture
def part(tmp_path: Path) -> ArchivePart:
    repo = Repo(tmp_path / "repo")
    # Far more than gzip looks back and no divisor of a piece; xz knows it again and needs a tenth of the time.
    period = "".join(f"{number * number}\n" for number in range(12_000))
    text = (period * 40)[:LARGE]
    commit = repo.commit({"large.txt": text, "small.txt": "x\n"})
    store = Superproject(repo.path, state=tmp_path / "state").open_store(commit)
    return ArchivePart(store=store, commit=commit, folder="")


def plain_tar(part: ArchivePart) -> bytes:
    with part.store.start_archive(part.commit, "p-1/", "tar") as child:
        return process.wait_for_child(child).stdout


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst", "tar.lzma"])
def test_every_format_holds_what_git_archives(part: ArchivePart, tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"p-1.{ending}"
    write_archive([part], prefix="p-1/", format=f".{ending}", output=output, budget=WriteBudget())
    unpack = {"zst": ["zstd", "-dc"], "xz": ["xz", "-dc"], "bz2": ["bzip2", "-dc"], "lzma": ["xz", "-dc"]}
    command = ["cat"] if ending == "tar" else unpack.get(ending[4:], ["gzip", "-dc"])
    unpacked = subprocess.run([*command, str(output)], capture_output=True, check=True).stdout
    assert unpacked == plain_tar(part)


def test_lzip_has_its_header_and_trailer(part: ArchivePart, tmp_path: Path) -> None:
    output = tmp_path / "p-1.tar.lz"
    write_archive([part], prefix="p-1/", format=".tar.lz", output=output, budget=WriteBudget())
    data = output.read_bytes()
    assert data[:5] == b"LZIP\x01"
    filters = [{"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": 1 << data[5]}]
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    unpacked = decompressor.decompress(data[6:])
    # lzip requires the marker at the end of the stream; the trailer is behind it.
    assert decompressor.eof and unpacked == plain_tar(part)
    checksum, size, whole = struct.unpack("<IQQ", decompressor.unused_data)
    assert (checksum, size, whole) == (zlib.crc32(unpacked), len(unpacked), len(data))


def test_gzip_bytes_depend_on_neither_time_nor_name(part: ArchivePart, tmp_path: Path) -> None:
    first, second = tmp_path / "a.tar.gz", tmp_path / "b.tgz"
    write_archive([part], prefix="p-1/", format=".tar.gz", output=first, budget=WriteBudget())
    write_archive([part], prefix="p-1/", format=".tar.gz", output=second, budget=WriteBudget())
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:8] == bytes(4), "the header holds a time"


def test_gzip_in_pieces_is_no_larger_than_what_git_makes(part: ArchivePart, tmp_path: Path) -> None:
    output = tmp_path / "p-1.tar.gz"
    write_archive([part], prefix="p-1/", format=".tar.gz", output=output, budget=WriteBudget())
    assert output.stat().st_size < 1.05 * len(gzip.compress(plain_tar(part), 6))


def test_python_and_tar_read_all_pieces(part: ArchivePart, tmp_path: Path) -> None:
    output = tmp_path / "p-1.tar.gz"
    write_archive([part], prefix="p-1/", format=".tar.gz", output=output, budget=WriteBudget())
    with tarfile.open(output) as tar:
        assert {member.name for member in tar if member.isfile()} == {"p-1/large.txt", "p-1/small.txt"}
        large = tar.extractfile("p-1/large.txt")
        assert large is not None and len(large.read()) == LARGE
    listed = subprocess.run(["tar", "-tzf", str(output)], capture_output=True, text=True, check=True).stdout
    assert "p-1/large.txt" in listed.split()


def test_nested_content_is_joined_before_it_is_compressed(part: ArchivePart, tmp_path: Path) -> None:
    output = tmp_path / "p-1.tar.gz"
    inner = ArchivePart(store=part.store, commit=part.commit, folder="vendor/inner")
    write_archive([part, inner], prefix="p-1/", format=".tar.gz", output=output, budget=WriteBudget())
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(output.read_bytes()))) as tar:
        files = {member.name for member in tar if member.isfile()}
    assert files == {
        f"p-1/{folder}{name}.txt" for folder in ("", "vendor/inner/") for name in ("large", "small")
    }
