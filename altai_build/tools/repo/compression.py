"""Decompression of repository metadata: gzip, bzip2, xz, lzma, zstd, or none."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from enum import Enum
from pathlib import Path
from typing import IO, cast

from altai_build.errors import InputError, describe_cause
from altai_build.regular_files import open_regular_file
from altai_build.tools.leftovers import temporary_directory

# Bytes. The largest metadata of public distributions (file lists of Fedora) is below 2 GiB.
MAX_METADATA_SIZE = 4 << 30
# What a compressed file may hold is bounded by its own size too. The metadata of public distributions holds less than
# 40 times its compressed size; zstd can make 30,000 times as much of a hostile file.
_MAX_RATIO = 100
_FREE_SIZE = 64 << 20
_CHUNK_SIZE = 1 << 20
# Of a zstd file, so many bytes at a time: each makes at most 32,768.
_ZSTD_CHUNK_SIZE = 1 << 10
# As the program zstd has it: a file that needs more memory is refused.
_ZSTD_MAX_WINDOW = 128 << 20


class Compression(str, Enum):
    """How a file is compressed; the value is the suffix that createrepo_c gives such files."""

    NONE = ""
    GZIP = ".gz"
    BZIP2 = ".bz2"
    XZ = ".xz"
    LZMA = ".lzma"
    ZSTD = ".zst"
    ZCHUNK = ".zck"


_MAGIC = (
    (b"\x1f\x8b", Compression.GZIP),
    (b"BZh", Compression.BZIP2),
    (b"\xfd7zXZ\x00", Compression.XZ),
    (b"\x28\xb5\x2f\xfd", Compression.ZSTD),
    (b"\x00ZCK1", Compression.ZCHUNK),
)


def detect_compression(path: Path) -> Compression:
    """The compression of a file by its first bytes; mirrors give files any name. Raises InputError.

    Only lzma, which has no such mark, is recognised by its name.
    """
    try:
        with open_regular_file(path) as stream:
            start = stream.read(8)
    except OSError as error:
        raise InputError(f"cannot read {path}", why=describe_cause(error)) from error
    if path.suffix == Compression.LZMA.value:
        return Compression.LZMA
    return next((kind for magic, kind in _MAGIC if start.startswith(magic)), Compression.NONE)


@contextmanager
def decompressed(path: Path, *, size: int | None = None, limit: int = MAX_METADATA_SIZE) -> Iterator[Path]:
    """A metadata file without its compression: the file itself if it has none, else a temporary copy.

    Raises InputError when it is damaged, does not hold exactly `size` bytes (None: unknown), holds more than `limit`
    bytes or far more than its own size explains, or has a compression that is not supported.
    """
    compression = detect_compression(path)
    if compression is Compression.NONE:
        _check_size(path, path.stat().st_size, size)
        yield path
        return
    limit = min(limit, _FREE_SIZE + _MAX_RATIO * path.stat().st_size)
    with temporary_directory("metadata") as scratch:
        plain = scratch / "metadata.xml"
        _decompress(path, compression, plain, limit if size is None else min(limit, size))
        _check_size(path, plain.stat().st_size, size)
        yield plain


def _check_size(path: Path, found: int, expected: int | None) -> None:
    if expected is not None and found != expected:
        raise _damaged_error(
            path, f"it holds {found} bytes, and repomd.xml gives its open-size as {expected}"
        )


def _damaged_error(path: Path, why: str) -> InputError:
    return InputError(
        f"cannot decompress {path.name}",
        why=why,
        todo="the repository's metadata is damaged: try another mirror, or report it to the repository's owner",
    )


def _decompress(path: Path, compression: Compression, destination: Path, limit: int) -> None:
    if compression is Compression.ZCHUNK:
        raise InputError(
            f"cannot decompress {path.name}",
            why="it is compressed with zchunk, which this program does not support",
            todo="use a repository that has gzip, bzip2, xz or zstd metadata too",
        )
    # Imported here: most runs find the solver's own cache of the metadata and decompress nothing.
    import lzma
    import zlib

    read = _read_zstd if compression is Compression.ZSTD else _read_standard
    try:
        with closing(read(path, compression)) as pieces, open(destination, "wb") as target:
            complete = _copy(pieces, target, limit)
        complaint = "" if complete else f"it holds more than {limit} bytes"
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        # What the decompressors raise for damaged data has no error number; what the disk raises has one.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        complaint = str(error)
    if complaint:
        raise _damaged_error(path, complaint)


def _read_standard(path: Path, compression: Compression) -> Generator[bytes, None, None]:
    """The content of a file that Python's own library decompresses."""
    import bz2
    import gzip
    import lzma

    # lzma.open reads both of its formats: .xz, and the older .lzma.
    openers = {Compression.GZIP: gzip.open, Compression.BZIP2: bz2.open, Compression.XZ: lzma.open}
    opener = cast("Callable[[Path], IO[bytes]]", openers.get(compression, lzma.open))
    with opener(path) as stream:
        yield from iter(lambda: stream.read(_CHUNK_SIZE), b"")


def _read_zstd(path: Path, _compression: Compression) -> Generator[bytes, None, None]:
    """The content of a zstd file, of all its frames. Raises EOFError for damaged data, as Python's library does.

    createrepo_c also decompresses zstd, but takes a truncated file for a whole one; so do the streams of this library.
    Drop it when Python 3.14, whose own has `compression.zstd`, is the oldest that is supported.
    """
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_MAX_WINDOW)
    frame = None
    with open_regular_file(path) as stream:
        for piece in iter(lambda: stream.read(_ZSTD_CHUNK_SIZE), b""):
            rest = piece
            while rest:
                frame = frame or decompressor.decompressobj()
                try:
                    yield frame.decompress(rest)
                except zstandard.ZstdError as error:
                    raise EOFError(str(error)) from error
                rest = frame.unused_data if frame.eof else b""
                frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("it ends too early")


def read_zstd(path: Path) -> Iterator[bytes]:
    """The content of a zstd file, piece by piece. Raises EOFError for damaged data."""
    return _read_zstd(path, Compression.ZSTD)


def write_zstd(source: IO[bytes], target: IO[bytes]) -> None:
    """Compress all of a stream, fast and with all processors."""
    import zstandard

    zstandard.ZstdCompressor(level=1, threads=-1).copy_stream(source, target)


def _copy(pieces: Iterator[bytes], target: IO[bytes], limit: int) -> bool:
    """Write at most `limit` bytes; False when there are more."""
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            return False
        target.write(piece)
    return True
