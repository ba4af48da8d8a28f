"""Files in wheels and source archives, read without unpacking them and within limits: anyone can publish them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from altai_build.regular_files import open_regular_file

# Of one archive.
_MAX_MEMBERS = 100_000
_MAX_UNPACKED = 1 << 30  # bytes of a tar archive that are passed over
_MAX_FILE = 4 << 20  # bytes of one file that is read

_DAMAGED = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError,
    NotImplementedError, OverflowError, KeyError, IndexError,
)  # fmt: skip


def read_archive(path: Path, is_wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """The files of an archive (zip or tar) whose names are wanted. Raises ValueError for one that cannot be read."""
    try:
        with open_regular_file(path) as stream:
            read = _read_zip if path.name.endswith((".whl", ".zip")) else _read_tar
            return dict(read(stream, path.name, is_wanted))
    except _DAMAGED as error:
        raise ValueError(f"{path.name} cannot be read: {error or type(error).__name__}") from error


def _read_zip(stream: IO[bytes], _name: str, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(stream) as archive:
        entries = archive.infolist()
        if len(entries) > _MAX_MEMBERS:
            raise ValueError(f"it has more than {_MAX_MEMBERS} files")
        for entry in entries:
            if is_wanted(entry.filename):
                with archive.open(entry) as file:
                    yield entry.filename, _read_file(file, entry.filename)


def _read_tar(stream: IO[bytes], name: str, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    openers: dict[str, Callable[[IO[bytes]], Any]] = {
        ".bz2": bz2.BZ2File, ".xz": lzma.LZMAFile, ".tar": lambda plain: plain
    }  # fmt: skip
    opener = openers.get(name[name.rfind(".") :], _open_gzip)
    limited: Any = _Limited(opener(stream))
    with tarfile.open(fileobj=limited, mode="r|") as archive:
        for count, entry in enumerate(archive):
            if count == _MAX_MEMBERS:
                raise ValueError(f"it has more than {_MAX_MEMBERS} files")
            if entry.isfile() and is_wanted(entry.name):
                file = archive.extractfile(entry)
                if file is not None:
                    yield entry.name, _read_file(file, entry.name)


def _open_gzip(packed: IO[bytes]) -> Any:
    return gzip.GzipFile(fileobj=packed)


def _read_file(file: IO[bytes], name: str) -> bytes:
    data = file.read(_MAX_FILE + 1)
    if len(data) > _MAX_FILE:
        raise ValueError(f"{name[:200]} is larger than {_MAX_FILE >> 20} MiB")
    return data


class _Limited:
    """A stream that ends with an error when more is read from it than an archive of sources has."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = _MAX_UNPACKED

    def read(self, size: int) -> bytes:
        """The next bytes. Raises ValueError past the limit."""
        data = self._stream.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise ValueError(f"it is larger than {_MAX_UNPACKED >> 20} MiB unpacked")
        return data
