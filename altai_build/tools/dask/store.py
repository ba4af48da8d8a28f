"""A worker's files by their content: verified when they arrive, and removed when they were not used for long."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from altai_build.tools.dask.messages import FileReference
from altai_build.tools.files import file_lock, make_directory, scratch_directory, sha256_file

_LOCKS = ".locks"
# Locks of files that arrive: two with one number wait for each other, which does no harm.
_LOCK_DIGITS = 2


class FileStore:
    """Files named by their SHA-256, at most `limit` bytes of them; safe for threads and processes."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit

    def get(self, reference: FileReference, receive: Callable[[FileReference, Path], None]) -> Path:
        """The file of this content; `receive` writes one that is not here, and has verified it."""
        place = self._folder / reference.sha256[:_LOCK_DIGITS] / reference.sha256
        make_directory(place.parent)
        with file_lock(make_directory(self._folder / _LOCKS) / reference.sha256[:_LOCK_DIGITS]):
            if not self._is_intact(place, reference):
                with scratch_directory(self._folder, ".new") as scratch:
                    receive(reference, scratch / "file")
                    (scratch / "file").chmod(0o444)
                    os.rename(scratch / "file", place)
            os.utime(place)
        return place

    def _is_intact(self, place: Path, reference: FileReference) -> bool:
        """Whether it is here; hashed again each time, because a disk may have changed it."""
        try:
            return place.stat().st_size == reference.size and sha256_file(place) == reference.sha256
        except FileNotFoundError:
            return False

    def prune(self) -> int:
        """Remove what was not used for the longest time, until the rest is small enough; returns its bytes."""
        found = []
        for path in self._folder.glob("[0-9a-f][0-9a-f]/*"):
            with suppress(FileNotFoundError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._limit:
                break
            path.unlink(missing_ok=True)
            total -= size
        return total
