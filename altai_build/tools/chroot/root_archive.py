"""Base buildroots as archives, with all owners, modes and capabilities: only root can write and read these."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from altai_build.errors import InputError
from altai_build.regular_files import read_regular_file
from altai_build.tools import process
from altai_build.tools.chroot.file_list import find_change, get_list_path
from altai_build.tools.files import file_lock, make_directory, scratch_directory, write_atomically
from altai_build.tools.repo.compression import read_zstd, write_zstd

_TAR = ("tar", "--numeric-owner", "--xattrs", "--xattrs-include=*")
# The same root is the same archive.
_SAME = (
    "--sort=name",
    "--format=posix",
    "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
)
# Bytes of a root: several times as much as the base of any distribution.
_MAX_ROOT_SIZE = 16 << 30
_LONGEST_LINE = 1000  # of what tar prints


def can_archive_roots() -> bool:
    """Whether this user may give files the owners that they have in buildroots."""
    return os.geteuid() == 0


def write_archive(root: Path, archive: Path) -> None:
    """Write the files of a buildroot, which nothing changes meanwhile. Raises ProgramFailed."""
    command = [*_TAR, *_SAME, "--create", "--file=-", f"--directory={root}", "."]
    with _start_tar(command, archive.parent) as (child, said), open(archive, "wb") as target:
        assert child.stdout is not None
        write_zstd(child.stdout, target)
        child.wait()
        result = process.make_result(child, err=_read_cause(said))
    if result.returncode != 0:
        raise process.ProgramFailed(result)


def read_archive(archive: Path, file_list: Path, place: Path) -> None:
    """Make the buildroot `place` from an archive that somebody vouches for, and the list of its files.

    Raises InputError where the files are not those of the list, or this user cannot make them: root of a user namespace
    makes no device nodes.
    """
    make_directory(place.parent.parent, mode=0o700).chmod(0o700)
    make_directory(place.parent)
    with file_lock(place.with_name(f"{place.name}.lock")), scratch_directory(place.parent, ".new") as scratch:
        root = make_directory(scratch / "root")
        _extract(archive, root)
        written = read_regular_file(file_list)
        write_atomically(get_list_path(root), written)
        change = find_change(root)
        if change:
            raise InputError(f"the archive {archive.name} does not hold the buildroot: {change}")
        write_atomically(get_list_path(place), written)
        process.run(["sync", "--file-system", str(root)])
        os.rename(root, place)


def _extract(archive: Path, root: Path) -> None:
    command = [*_TAR, "--extract", "--same-owner", "--same-permissions", "--file=-", f"--directory={root}"]
    size = 0
    with _start_tar(command, root.parent, input=b"archive") as (child, said):
        assert child.stdin is not None
        try:
            for piece in read_zstd(archive):
                size += len(piece)
                if size > _MAX_ROOT_SIZE:
                    raise InputError(f"the archive {archive.name} holds more than {_MAX_ROOT_SIZE} bytes")
                child.stdin.write(piece)
            child.stdin.close()
        except EOFError as error:
            raise InputError(f"the archive {archive.name} is damaged", why=str(error)) from error
        except BrokenPipeError:
            # Its exit status says why.
            pass
        child.wait()
        result = process.make_result(child, err=_read_cause(said))
    if result.returncode != 0:
        raise InputError(
            f"this user cannot unpack the archive {archive.name}", why=result.error_text or "tar failed"
        )


@contextmanager
def _start_tar(
    command: Sequence[str], folder: Path, *, input: bytes | None = None
) -> Iterator[tuple[process.ChildProcess, IO[bytes]]]:
    """A running tar and, in a file in the folder, what it says: that may be a line for each entry."""
    with (
        TemporaryFile(dir=folder) as said,
        process.start_child(command, input=input, stderr=said) as child,
    ):
        yield child, said


def _read_cause(said: IO[bytes]) -> bytes:
    """The first line of what tar said: the others follow from it, or say the same of other files."""
    said.seek(0)
    return said.readline(_LONGEST_LINE)
