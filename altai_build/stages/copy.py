"""Bring a copy of a published release here as clients get it: over HTTP, file by file, and judge nothing of it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.release import CHECKSUMS_NAME
from altai_build.tools import download

_MAX_FILES = 100_000
_MAX_RELEASE_BYTES = 64 << 30  # bytes of a whole release; Altai's were some hundred MiB
_MAX_LIST_BYTES = 64 << 20


def download_release(url: str, directory: Path, *, jobs: int, limit: int = _MAX_RELEASE_BYTES) -> None:
    """The files that the release at `url` says it has, into `directory`; those the server lacks are missing there.

    What is wrong with their bytes is for the rules to say. Raises InputError when no release is there, when it is
    larger than `limit` bytes, or when the server fails.
    """
    sums = directory / CHECKSUMS_NAME
    try:
        download.fetch_file(download.join_url(url, CHECKSUMS_NAME), sums, limit=_MAX_LIST_BYTES)
    except download.FileNotOnServer as error:
        raise InputError(
            f"there is no release at {url}",
            why=error.why,
            todo="give the URL of the folder that holds SHA256SUMS",
        ) from error
    lines = sums.read_text(encoding="utf-8", errors="replace").splitlines()
    names = {line.partition("  ")[2] for line in lines} - {""}
    names |= {f"{CHECKSUMS_NAME}.asc"}
    if len(names) > _MAX_FILES:
        raise InputError(f"{url} lists {len(names)} files", why=f"a release has at most {_MAX_FILES}")
    budget = _DownloadBudget(url, limit)

    def bring(name: str) -> None:
        place = directory / name
        try:
            download.fetch_file(download.join_url(url, name), place, limit=budget.remaining)
        except download.FileNotOnServer:
            return
        budget.spend(place.stat().st_size)

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        list(pool.map(bring, sorted(names - {CHECKSUMS_NAME})))


class _DownloadBudget:
    """How much may still be fetched, over all threads."""

    def __init__(self, url: str, limit: int) -> None:
        self._url, self._limit, self._spent = url, limit, 0
        self._lock = threading.Lock()

    @property
    def remaining(self) -> int:
        """Bytes that one more file may have."""
        return self._limit - self._spent

    def spend(self, size: int) -> None:
        """Count a file that came. Raises InputError when that was too much."""
        with self._lock:
            self._spent += size
            if self._spent > self._limit:
                raise InputError(
                    f"the release at {self._url} is too large", why=f"more than {self._limit} bytes came"
                )
