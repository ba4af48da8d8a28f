"""Download a channel as clients and auditors see it, over HTTP; nothing of it is verified here."""

from __future__ import annotations

from pathlib import Path

from altai_build.errors import InputError, describe_cause
from altai_build.model.channel import CHANNELS_FOLDER, HISTORY_NAME, MAX_HISTORY_SIZE, history_from_json
from altai_build.model.release_files import CHECKSUMS_NAME
from altai_build.regular_files import read_regular_file
from altai_build.tools.http.download import fetch_file
from altai_build.tools.http.transfer import FileNotOnServer
from altai_build.tools.url import join_url

_MAX_FILES = 1000
# Bytes of a metalink, a key, a signature; and of the checksums of a release.
_MAX_FILE = 1 << 20
_MAX_CHECKSUMS = 64 << 20


def download_channel(url: str, name: str, folder: Path, *, limit: int) -> int:
    """Copy a channel of the releases at `url` to channels/NAME in `folder`, and the checksums of what it shows.

    Returns the bytes of it, at most `limit`. A file that the server does not have is left out: whoever checks the copy
    finds that. Raises UnreachableError when no server answers, InputError for a channel that is not there, whose
    history cannot be read, or of which the server sends more than anybody wants.
    """
    place, copy = join_url(url, f"{CHANNELS_FOLDER}/{name}"), folder / CHANNELS_FOLDER / name
    history_file = fetch_file(
        join_url(place, HISTORY_NAME), copy / HISTORY_NAME, limit=min(MAX_HISTORY_SIZE, limit)
    )
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
    spent = history_file.stat().st_size
    for path in (f"{HISTORY_NAME}.asc", *history.files):
        spent += _fetch(join_url(place, path), copy / path, min(_MAX_FILE, limit - spent))
    sums = f"{history.last.version}/{CHECKSUMS_NAME}"
    return spent + _fetch(join_url(url, sums), folder / sums, min(_MAX_CHECKSUMS, limit - spent))


def _fetch(url: str, path: Path, limit: int) -> int:
    """Download a file; returns its size, 0 where the server does not have it."""
    try:
        return fetch_file(url, path, limit=limit).stat().st_size
    except FileNotOnServer:
        return 0
