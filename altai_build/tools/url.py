"""URLs of repositories and of the files below them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from altai_build.errors import InputError


def join_url(base: str, location: str) -> str:
    """The URL of a location (a path as it is on disk) below a base URL, or of a location that is a URL itself.

    As librepo does, everything but letters, digits and `-._~` is encoded, and a query of the base stays at the end: a
    `#` or `?` would end the path, and servers like S3 read a `+` as a blank. Raises InputError for a location outside
    the base.
    """
    if location.startswith(("http://", "https://")):
        return location
    parts = [part for part in location.split("/") if part not in ("", ".")]
    if location.startswith("/") or ".." in parts or "://" in location or not parts:
        raise InputError(
            f"{base} lists the file {location!r}, which is outside the repository",
            todo="the repository's metadata is wrong: report it to the repository's owner",
        )
    path, question, query = base.partition("?")
    return f"{path.rstrip('/')}/{quote('/'.join(parts), safe='/')}{question}{query}"


def path_from_file_url(url: str) -> Path:
    """The path that a file URL names."""
    return Path(unquote(urlsplit(url).path))
