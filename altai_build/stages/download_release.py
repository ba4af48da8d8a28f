"""Download a published release as clients do, over HTTP, file by file; nothing of it is verified here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from altai_build.errors import InputError
from altai_build.model.nevra import MAX_NAME_LENGTH
from altai_build.model.release import CHECKSUMS_NAME
from altai_build.regular_files import read_regular_file
from altai_build.tools.files import make_tree_public
from altai_build.tools.http import download
from altai_build.tools.http.transfer import FileNotOnServer, FileTooLarge
from altai_build.tools.url import join_url

_MAX_FILES = 100_000
# Bytes of a whole release. Those of Altai had some hundred MiB.
_MAX_RELEASE_SIZE = 64 << 30
# Bytes of SHA256SUMS.
_MAX_LIST_SIZE = 64 << 20


class NoReleaseAtUrl(InputError):
    """The server has no release there."""


def download_release(
    url: str,
    directory: Path,
    *,
    jobs: int,
    limit: int = _MAX_RELEASE_SIZE,
    wanted: Callable[[str], bool] = lambda name: True,
) -> None:
    """Download the files that SHA256SUMS of the release at `url` lists; files that the server lacks are left out.

    Only files that are `wanted` and not in `directory` yet are downloaded. Raises NoReleaseAtUrl when there is no
    release, and InputError when it is larger than `limit` bytes, or when the server fails.
    """
    sums = directory / CHECKSUMS_NAME
    try:
        download.fetch_file(join_url(url, CHECKSUMS_NAME), sums, limit=_MAX_LIST_SIZE)
    except FileNotOnServer as error:
        raise NoReleaseAtUrl(
            f"there is no release at {url}",
            why=error.why,
            todo=f"give the URL of the directory that holds {CHECKSUMS_NAME}",
        ) from error
    lines = read_regular_file(sums, limit=_MAX_LIST_SIZE).decode("utf-8", "replace").split("\n")
    names = _select_file_names(line.partition("  ")[2] for line in lines)
    names |= {f"{CHECKSUMS_NAME}.asc"}
    if len(names) > _MAX_FILES:
        raise InputError(f"{url} lists {len(names)} files", why=f"a release has at most {_MAX_FILES}")
    budget = _DownloadBudget(url, limit)

    def fetch(name: str) -> None:
        path = directory / name
        try:
            download.fetch_file(join_url(url, name), path, limit=budget.remaining)
        except FileNotOnServer:
            return
        except FileTooLarge as error:
            raise budget.exceeded_error() from error
        budget.spend(path.stat().st_size)

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        present = {path.relative_to(directory).as_posix() for path in directory.rglob("*")}
        list(pool.map(fetch, sorted(name for name in names - present if wanted(name))))
    # The server could read what it sent.
    make_tree_public(directory)


def _select_file_names(names: Iterable[str]) -> set[str]:
    """The names that files can have, side by side; others are left out, so that verification finds them missing.

    Names that lead elsewhere stay, to be refused.
    """
    usable = {name for name in names if all(map(_is_file_name, name.removeprefix("/").split("/")))}
    folders = {str(folder) for name in usable for folder in PurePosixPath(name).parents}
    return usable - folders


def _is_file_name(part: str) -> bool:
    return bool(part) and part != "." and "\0" not in part and len(part.encode()) <= MAX_NAME_LENGTH


class _DownloadBudget:
    """How many bytes may still be downloaded, by all threads together."""

    def __init__(self, url: str, limit: int) -> None:
        self._url, self._limit, self._spent = url, limit, 0
        self._lock = threading.Lock()

    @property
    def remaining(self) -> int:
        """The bytes that the next file may have."""
        return self._limit - self._spent

    def spend(self, size: int) -> None:
        """Count the bytes of a downloaded file. Raises InputError when the limit is exceeded."""
        with self._lock:
            self._spent += size
            if self._spent > self._limit:
                raise self.exceeded_error()

    def exceeded_error(self) -> InputError:
        """The error for a release that has more bytes than allowed."""
        return InputError(
            f"the release at {self._url} is too large", why=f"it has more than {self._limit} bytes"
        )
