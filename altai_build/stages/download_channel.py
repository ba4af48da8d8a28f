"""Download a channel as clients and auditors see it, over HTTP; nothing of it is verified here."""

from __future__ import annotations

from pathlib import Path

from altai_build.errors import InputError, UnreachableError, describe_cause
from altai_build.model.channel import CHANNELS_FOLDER, HISTORY_NAME, MAX_HISTORY_SIZE, history_from_json
from altai_build.model.release_files import CHECKSUMS_NAME
from altai_build.regular_files import read_regular_file
from altai_build.tools.http.download import fetch_file
from altai_build.tools.url import join_url

# Bytes of all files of a channel together, and how many these may be.
_MAX_FILES_SIZE = 64 << 20
_MAX_FILES = 1000
_MAX_SIGNATURE = 1 << 20
_MAX_CHECKSUMS = 64 << 20


def download_channel(url: str, name: str, folder: Path) -> None:
    """Copy a channel of the releases at `url` to channels/NAME in `folder`, and the checksums of what it shows.

    A file that the server does not have is left out: whoever checks the copy finds that. Raises UnreachableError when
    no server answers, InputError for a channel that is not there or whose history cannot be read.
    """
    place, copy = join_url(url, f"{CHANNELS_FOLDER}/{name}"), folder / CHANNELS_FOLDER / name
    history_file = fetch_file(join_url(place, HISTORY_NAME), copy / HISTORY_NAME, limit=MAX_HISTORY_SIZE)
    try:
        history = history_from_json(read_regular_file(history_file, limit=MAX_HISTORY_SIZE).decode("utf-8"))
    except ValueError as error:
        raise InputError(
            f"the channel {name} at {url} cannot be read", why=f"{HISTORY_NAME}: {describe_cause(error)}"
        ) from error
    if len(history.files) > _MAX_FILES:
        raise InputError(
            f"the channel {name} at {url} has {len(history.files)} files",
            why=f"at most {_MAX_FILES} are read",
        )
    _fetch(join_url(place, f"{HISTORY_NAME}.asc"), copy / f"{HISTORY_NAME}.asc", _MAX_SIGNATURE)
    left = _MAX_FILES_SIZE
    for path in history.files:
        left -= _fetch(join_url(place, path), copy / path, left)
    version = history.last.version
    _fetch(join_url(url, f"{version}/{CHECKSUMS_NAME}"), folder / version / CHECKSUMS_NAME, _MAX_CHECKSUMS)


def _fetch(url: str, path: Path, limit: int) -> int:
    """Download a file; returns its size, 0 where the server does not have it."""
    try:
        return fetch_file(url, path, limit=limit).stat().st_size
    except UnreachableError:
        raise
    except (InputError, OSError):
        # Or a file where another one needs a folder.
        return 0
