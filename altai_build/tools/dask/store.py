"""A worker's files by their content: verified when they arrive, and removed when they were not used for long."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from altai_build.tools.dask.messages import FileReference
from altai_build.tools.files import file_lock, make_directory, scratch_directory, sha256_file

_LOCKS = ".locks"
# Locks of files that arrive: two with one number wait for each other, which does no harm.
_LOCK_DIGITS = 2


Receive = Callable[[FileReference, Path], None]  # writes a file, and has verified it
Get = Callable[[FileReference, Receive], Path]


class FileStore:
    """Files named by their SHA-256, at most `limit` bytes of them besides those in use; safe for threads."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._held: Counter[str] = Counter()  # digest → jobs that use it
        self._lock = threading.Lock()

    @contextmanager
    def hold(self) -> Iterator[Get]:
        """A function that finds the file of a content, or has it received; inside, no other job's end removes it."""
        taken: list[str] = []

        def get(reference: FileReference, receive: Receive) -> Path:
            with self._lock:
                self._held[reference.sha256] += 1
                taken.append(reference.sha256)
            return self._get(reference, receive)

        try:
            yield get
        finally:
            with self._lock:
                self._held -= Counter(taken)

    def _get(self, reference: FileReference, receive: Receive) -> Path:
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
            with self._lock:
                if total <= self._limit:
                    break
                if not self._held[path.name]:
                    path.unlink(missing_ok=True)
                    total -= size
        return total
