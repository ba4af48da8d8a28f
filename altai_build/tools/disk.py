"""Which file systems are full: the true cause of many failures that say something else; limits of what is written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable

from altai_build.errors import InputError
from altai_build.model.quantity import format_size

# Less than this is full: a program that failed has often removed the file for which there was no space.
_MIN_FREE_BYTES = 1 << 20
_MIN_FREE_INODES = 64
# Bytes that are written between two looks at the disk.
_LOOK_INTERVAL = 64 << 20


class WriteBudget:
    """Limits what is copied from elsewhere: bytes of one file, and the space that `find_excess` watches."""

    def __init__(self, limit: int | None = None, find_excess: Callable[[], str] = lambda: "") -> None:
        """`find_excess` returns why nothing more may be written, or ""."""
        self._limit = limit
        self._find_excess = find_excess
        self._name, self._written, self._next_look = "", 0, _LOOK_INTERVAL

    def start_file(self, name: str, size: int = 0) -> None:
        """Begin a file, of this size where that is known. Raises InputError when it is too large."""
        self._name, self._written, self._next_look = name, 0, _LOOK_INTERVAL
        self._check(size)

    def spend(self, size: int) -> None:
        """Count bytes that are about to be written. Raises InputError when they are too many."""
        self._written += size
        self._check(self._written)
        if self._written >= self._next_look:
            self._next_look = self._written + _LOOK_INTERVAL
            why = self._find_excess()
            if why:
                raise InputError(
                    f"{self._name} is too large", why=why, todo="free space there, or leave it out"
                )

    def _check(self, size: int) -> None:
        if self._limit is not None and size > self._limit:
            raise InputError(
                f"{self._name} is too large",
                why=f"it has more than {format_size(self._limit)}, the limit of one file",
                todo="leave it out, or raise build.limits.file in repos.yaml",
            )


def describe_full_disks(places: Iterable[str | os.PathLike[str]]) -> tuple[str, ...]:
    """A sentence for each file system of these places that has no space or no inodes left; each comes once."""
    found: dict[int, str] = {}
    for place in places:
        try:
            status, device = os.statvfs(place), os.stat(place).st_dev
        except OSError:
            continue
        message = _describe(os.fspath(place), status)
        if message:
            found.setdefault(device, message)
    return tuple(found.values())


def list_touched_places(argv: Iterable[str]) -> list[str]:
    """Where a program may have written: temporary files, the current directory, and directories that it was given."""
    words = [word for word in argv if word.startswith("/")]
    folders = [word if os.path.isdir(word) else os.path.dirname(word) for word in words]
    return [os.environ.get("TMPDIR") or tempfile.gettempdir(), os.curdir, *folders]


def _describe(place: str, status: os.statvfs_result) -> str:
    if status.f_flag & os.ST_RDONLY or not status.f_blocks:
        return ""
    free = status.f_bavail * status.f_frsize
    if free < _MIN_FREE_BYTES:
        return f"the file system of {os.path.abspath(place)} is full: {format_size(free)} are free"
    # Some file systems have no fixed number of inodes, and give 0.
    if status.f_files and status.f_favail < _MIN_FREE_INODES:
        return f"the file system of {os.path.abspath(place)} is full: {status.f_favail} inodes are free"
    return ""
