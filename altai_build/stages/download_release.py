"""Download a published release as clients do, over HTTP, file by file; nothing of it is verified here.

The sizes of packages are in its manifest: they are added up before a package is downloaded.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from altai_build.errors import InputError, VerificationError
from altai_build.model.manifest import MAX_MANIFEST_SIZE, manifest_from_json
from altai_build.model.nevra import MAX_NAME_LENGTH
from altai_build.model.quantity import format_count, format_size
from altai_build.model.release_files import CHECKSUMS_NAME, MANIFEST_NAME
from altai_build.regular_files import read_regular_file
from altai_build.tools.files import make_tree_public
from altai_build.tools.http import download
from altai_build.tools.http.transfer import FileNotOnServer, FileTooLarge
from altai_build.tools.url import join_url

_MAX_FILES = 100_000
# Bytes of SHA256SUMS.
_MAX_LIST_SIZE = 64 << 20
# Bytes of a file of which the manifest tells no size: repodata, logs, documents.
_MAX_OTHER_FILE = 2 << 30
_MAX_SIZES = {MANIFEST_NAME: MAX_MANIFEST_SIZE, f"{CHECKSUMS_NAME}.asc": 1 << 20}


class NoReleaseAtUrl(InputError):
    """The server has no release there."""


class DownloadBudget:
    """How many bytes may still be downloaded, by all threads and of all releases together."""

    def __init__(self, limit: int) -> None:
        self.limit, self._spent = limit, 0
        self._lock = threading.Lock()

    @property
    def remaining(self) -> int:
        """The bytes that the next file may have."""
        return self.limit - self._spent

    def spend(self, url: str, size: int) -> None:
        """Count the bytes of a file of the release at `url`. Raises InputError when there were too many."""
        with self._lock:
            self._spent += size
            if self._spent > self.limit:
                raise self.exceeded_error(url)

    def exceeded_error(self, url: str, needed: int | None = None) -> InputError:
        """The error for a release that has more bytes than allowed; `needed` is what its manifest says."""
        allowed = format_size(self.limit)
        why = (
            f"more than {allowed} would be downloaded"
            if needed is None
            else f"its packages have {format_size(needed)}, and of {allowed} {format_size(self.remaining)} are left"
        )
        return InputError(
            f"the release at {url} is too large", why=why, todo="allow more with --max-download SIZE"
        )


def download_release(
    url: str,
    directory: Path,
    *,
    jobs: int,
    budget: DownloadBudget,
    wanted: Callable[[str], bool] = lambda name: True,
    announce: Callable[[str], None] = lambda text: None,
) -> None:
    """Download the files that SHA256SUMS of the release at `url` lists; files that the server lacks are left out.

    Only files that are `wanted` and not in `directory` yet are downloaded; `announce` is told how much before the
    first package is. Raises NoReleaseAtUrl when there is no release, InputError when it is larger than the budget or
    the disk, or when the server fails, and VerificationError for a package that is larger than the manifest says.
    """
    missing = _list_missing_files(url, directory, wanted)

    def fetch(name: str, size: int | None = None) -> None:
        path = directory / name
        most = size if size is not None else _MAX_SIZES.get(name, _MAX_OTHER_FILE)
        allowed = min(most, budget.remaining)
        try:
            download.fetch_file(join_url(url, name), path, limit=allowed)
        except FileNotOnServer:
            return
        except FileTooLarge as error:
            if allowed < most:
                raise budget.exceeded_error(url) from error
            known = f" that {MANIFEST_NAME} gives it" if size is not None else ""
            raise VerificationError(
                f"the release at {url} failed verification",
                why=f"{name} has more than the {most} bytes{known}",
            ) from error
        budget.spend(url, path.stat().st_size)

    if MANIFEST_NAME in missing:
        fetch(MANIFEST_NAME)
    sizes = {
        name: size for name, size in _read_package_sizes(directory / MANIFEST_NAME).items() if name in missing
    }
    _check_sizes(url, directory, sizes, budget)
    if sizes:
        total = format_size(sum(sizes.values()))
        announce(f"{url}: downloading {format_count(len(sizes), 'package')}, {total}")
    names = sorted(missing - {MANIFEST_NAME})
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        list(pool.map(fetch, names, map(sizes.get, names)))
    # The server could read what it sent.
    make_tree_public(directory)


def _list_missing_files(url: str, directory: Path, wanted: Callable[[str], bool]) -> set[str]:
    """The wanted files of the release that `directory` lacks. Raises NoReleaseAtUrl."""
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
    present = {path.relative_to(directory).as_posix() for path in directory.rglob("*")}
    return {name for name in names - present if wanted(name)}


def _read_package_sizes(manifest: Path) -> Mapping[str, int]:
    """Packages (paths within the release) and their bytes; none where the manifest is missing or unreadable."""
    try:
        text = read_regular_file(manifest, limit=MAX_MANIFEST_SIZE).decode("utf-8")
        packages = manifest_from_json(text).packages
    except (InputError, OSError, UnicodeDecodeError):
        # Verification reports it.
        return {}
    return {f"{package.repository}/{package.file}": max(package.size, 0) for package in packages}


def _check_sizes(url: str, directory: Path, sizes: Mapping[str, int], budget: DownloadBudget) -> None:
    """Raise InputError when packages of these sizes are more than the budget or the disk has."""
    needed = sum(sizes.values())
    if needed > budget.remaining:
        raise budget.exceeded_error(url, needed)
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise InputError(
            f"the release at {url} does not fit on the disk",
            why=f"its packages have {format_size(needed)}, and {directory} has {format_size(free)} free",
            todo="free disk space, or choose another --workspace",
        )


def _select_file_names(names: Iterable[str]) -> set[str]:
    """The names that files can have, side by side; others are left out, so that verification finds them missing.

    Names that lead elsewhere stay, to be refused.
    """
    usable = {name for name in names if all(map(_is_file_name, name.removeprefix("/").split("/")))}
    folders = {str(folder) for name in usable for folder in PurePosixPath(name).parents}
    return usable - folders


def _is_file_name(part: str) -> bool:
    return bool(part) and part != "." and "\0" not in part and len(part.encode()) <= MAX_NAME_LENGTH
