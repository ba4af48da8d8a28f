"""Source archives: `git archive` of a commit and its pinned submodules, compressed without time stamps."""

from __future__ import annotations

import bz2
import fcntl
import io
import lzma
import os
import struct
import tarfile
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import IO, cast

import deflate

from altai_build.errors import InputError
from altai_build.model.gitlink import CommitId
from altai_build.regular_files import open_regular_file
from altai_build.tools import process
from altai_build.tools.disk import WriteBudget
from altai_build.tools.git.command import git_version
from altai_build.tools.git.export_subst import SubstitutedFile
from altai_build.tools.git.objects import ObjectStore

# Bytes that are compressed at once; also the size of the pipe that git writes to meanwhile.
_CHUNK_SIZE = 1 << 20
# Of 12. Files are as small as those of gzip -6.
_GZIP_LEVEL = 5
# Bytes of git's complaints that are kept.
_ERROR_SIZE = 1 << 14
# fcntl(2); Python has a name for it since 3.10.
_F_SETPIPE_SZ = 1031


@dataclass(frozen=True)
class ArchivePart:
    """One repository's content in an archive: at `folder` ("" for the top) of the archive's prefix.

    `lfs_files` (path → content) take the place of the pointers that the commit has to them, `substituted` that of files
    whose markers git would expand by more than the commit.
    """

    store: ObjectStore
    commit: CommitId
    folder: str
    lfs_files: Mapping[str, Path] = field(default_factory=dict)
    substituted: Mapping[str, SubstitutedFile] = field(default_factory=dict)


@cache
def archiver_version() -> str:
    """The programs that make archives: other versions may give other bytes for the same files."""
    return f"{git_version()}, deflate {deflate.__version__}, zlib {zlib.ZLIB_RUNTIME_VERSION}"


def write_archive(
    parts: Sequence[ArchivePart], *, prefix: str, format: str, output: Path, budget: WriteBudget
) -> None:
    """Write an archive; `format` is its usual ending: .tar, .tar.gz, .bz2, .xz, .zst, .lzma or .lz, or .zip.

    Times come from the commit, names and modes from the tree, so the same commit gives the same bytes. What is in the
    archive must be within the budget: a small one may have huge content. Raises InputError where it is not, and for a
    .zip with what git cannot put into one.
    """
    write = partial(_write_archive, parts, prefix, format, output, budget)
    for part in parts:
        write = partial(part.store.retry, write)
    write()


def _write_archive(
    parts: Sequence[ArchivePart], prefix: str, format: str, output: Path, budget: WriteBudget
) -> None:
    budget.start_file(output.name)
    with open(output, "wb") as raw:
        if format == ".zip":
            if not _is_plain(parts):
                raise InputError(
                    f"{output.name} cannot contain nested submodules, files of Git LFS, or files with a $Format:…$ "
                    "that depends on references",
                    todo="give Source0 a name that ends in .tar.gz",
                )
            _copy_archive(parts[0], prefix, "zip", raw, budget)
        elif format == ".tar.zst":
            plain = output.with_name(f"{output.name}.tar")
            with open(plain, "wb") as stream:
                _write_tar(parts, prefix, stream, budget)
            process.run(["zstd", "--quiet", "-10", "--stdout", str(plain)], stdout=raw)
            plain.unlink()
        else:
            with closing(_compressor(format, raw)) as stream:
                _write_tar(parts, prefix, stream, budget)


def _compressor(format: str, raw: IO[bytes]) -> IO[bytes]:
    if format == ".tar.gz":
        return cast("IO[bytes]", _Gzip(raw))
    if format == ".tar.bz2":
        return bz2.BZ2File(raw, "wb")
    if format == ".tar.xz":
        return lzma.LZMAFile(raw, "wb", preset=6)
    if format == ".tar.lzma":
        return lzma.LZMAFile(raw, "wb", format=lzma.FORMAT_ALONE, preset=6)
    if format == ".tar.lz":
        return cast("IO[bytes]", _Lzip(raw))
    assert format == ".tar", format
    return cast("IO[bytes]", _NonClosingStream(raw))


class _Lzip(io.RawIOBase):
    """One lzip member: LZMA between a header and a trailer (lzip's manual, "File format")."""

    # The dictionary has 2 ** 23 bytes; the header gives the exponent.
    _DICTIONARY_BITS = 23

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        filters = [{"id": lzma.FILTER_LZMA1, "preset": 6, "dict_size": 1 << self._DICTIONARY_BITS}]
        self._lzma = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=filters)
        self._checksum = self._size = 0
        self._written = raw.write(b"LZIP\x01" + bytes([self._DICTIONARY_BITS]))

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(cast("bytes", data))
        self._checksum = zlib.crc32(piece, self._checksum)
        self._size += len(piece)
        self._written += self._raw.write(self._lzma.compress(piece))
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._written += self._raw.write(self._lzma.flush())
            # With the trailer itself.
            self._raw.write(struct.pack("<IQQ", self._checksum, self._size, self._written + 20))
        super().close()


class _Gzip(io.RawIOBase):
    """gzip by libdeflate, in less than half of zlib's time, with the same bytes on every processor.

    libdeflate compresses whole pieces only, so a file is a sequence of gzip members (RFC 1952, 2.2), which every reader
    joins. Their headers contain neither name nor time.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._waiting = bytearray()
        self._empty = True

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(cast("bytes", data))
        # Chunks of this size come from git; they need not be copied.
        if not self._waiting and view.nbytes == _CHUNK_SIZE:
            self._write_compressed(view)
            return view.nbytes
        self._waiting += view
        while len(self._waiting) >= _CHUNK_SIZE:
            self._write_compressed(self._waiting[:_CHUNK_SIZE])
            del self._waiting[:_CHUNK_SIZE]
        return view.nbytes

    def close(self) -> None:
        if not self.closed and (self._waiting or self._empty):
            self._write_compressed(self._waiting)
        super().close()

    def _write_compressed(self, piece: memoryview | bytearray) -> None:
        self._raw.write(deflate.gzip_compress(piece, _GZIP_LEVEL))
        self._empty = False


class _NonClosingStream(io.RawIOBase):
    """A stream whose `close` leaves the file open, as that of the compressors does."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        return self._raw.write(cast("bytes", data))


def _write_tar(parts: Sequence[ArchivePart], prefix: str, output: IO[bytes], budget: WriteBudget) -> None:
    if _is_plain(parts):
        _copy_archive(parts[0], prefix, "tar", output, budget)
        return
    with tarfile.open(fileobj=output, mode="w|", format=tarfile.PAX_FORMAT) as merged:
        for part in parts:
            inner = f"{prefix}{part.folder}/" if part.folder else prefix
            with part.store.start_archive(part.commit, inner, "tar") as child, _read_errors(child) as errors:
                assert child.stdout is not None
                try:
                    _copy_members(child, part, inner, merged, budget)
                except tarfile.TarError:
                    # Half an archive is what a git prints that fails: its error is the cause.
                    _wait_for_git(child, errors, part.store)
                    raise
                _wait_for_git(child, errors, part.store)


def _copy_members(
    child: process.ChildProcess,
    part: ArchivePart,
    prefix: str,
    merged: tarfile.TarFile,
    budget: WriteBudget,
) -> None:
    with tarfile.open(fileobj=child.stdout, mode="r|") as tar:
        for member in tar:
            name = member.name[len(prefix) :] if member.isreg() else ""
            if name in part.lfs_files:
                with open_regular_file(part.lfs_files[name]) as stream:
                    _add_file(merged, member, stream, os.fstat(stream.fileno()).st_size, budget)
                continue
            if name in part.substituted:
                content = part.substituted[name].content
                _add_file(merged, member, io.BytesIO(content), len(content), budget)
                continue
            budget.spend(member.size)
            merged.addfile(member, tar.extractfile(member) if member.isreg() else None)


def _is_plain(parts: Sequence[ArchivePart]) -> bool:
    """True for what `git archive` makes alone."""
    return len(parts) == 1 and not parts[0].lfs_files and not parts[0].substituted


def _add_file(
    archive: tarfile.TarFile, member: tarfile.TarInfo, content: IO[bytes], size: int, budget: WriteBudget
) -> None:
    """Add the member with this content in place of its own."""
    member.size = size
    member.pax_headers = {key: value for key, value in member.pax_headers.items() if key != "size"}
    budget.spend(member.size)
    archive.addfile(member, content)


def _copy_archive(
    part: ArchivePart, prefix: str, format: str, output: IO[bytes], budget: WriteBudget
) -> None:
    with part.store.start_archive(part.commit, prefix, format) as child, _read_errors(child) as errors:
        assert child.stdout is not None
        try:
            fcntl.fcntl(child.stdout, _F_SETPIPE_SZ, _CHUNK_SIZE)
        except OSError:
            # The user's pipes hold as much as they may already (pipe(7)): git waits for us more often.
            pass
        while piece := child.stdout.read(_CHUNK_SIZE):
            budget.spend(len(piece))
            output.write(piece)
        _wait_for_git(child, errors, part.store)


class _ErrorReader(threading.Thread):
    """Reads what a child prints to standard error and keeps the end: a full pipe would block the child for ever."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self.end = b""

    def run(self) -> None:
        while piece := os.read(self._stream.fileno(), _ERROR_SIZE):
            self.end = (self.end + piece)[-_ERROR_SIZE:]


@contextmanager
def _read_errors(child: process.ChildProcess) -> Iterator[_ErrorReader]:
    assert child.stderr is not None
    reader = _ErrorReader(child.stderr)
    reader.start()
    try:
        yield reader
    finally:
        if child.poll() is None:
            child.kill()
        reader.join()


def _wait_for_git(child: process.ChildProcess, errors: _ErrorReader, store: ObjectStore) -> None:
    """Wait for git to end. Raises GitError when it failed."""
    assert child.stdout is not None
    while child.stdout.read(_CHUNK_SIZE):
        pass
    status = child.wait()
    errors.join()
    if status != 0:
        result = process.make_result(child, err=errors.end)
        if status < 0:
            raise process.ProgramFailed(result)
        raise store.make_error(result, "archive")
