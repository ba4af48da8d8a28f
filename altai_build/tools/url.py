"""URLs of repositories and of the files below them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from altai_build.errors import InputError, UsageError


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


def apply_base(base: str, location: str) -> str:
    """Where a file is, by its location and xml:base in the metadata: a URL, or a path below the repository.

    `./` and repeated slashes, which some programs write, are taken out.
    """
    if not base:
        is_path = "://" not in location and not location.startswith("/")
        parts = [part for part in location.split("/") if part not in ("", ".")]
        return "/".join(parts) if is_path else location
    if base.startswith(("http://", "https://")):
        return join_url(base, location)
    # A relative base is a path, as locations are. Whatever else is refused when the location is used.
    return apply_base("", f"{base.rstrip('/')}/{location}")


def without_password(url: str) -> str:
    """The URL without user name and password, fit for logs and manifests."""
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/]*@", r"\1", url)


def is_web_url(text: str) -> bool:
    """True for what a web server has."""
    return text.startswith(("http://", "https://"))


def name_location(text: str) -> str:
    """A version, path or web URL as it is; the path of a file URL.

    Raises UsageError for "", which a variable of a shell may have been, and InputError for a URL of another kind.
    """
    if not text:
        raise UsageError(
            "an empty text names no release, and no place of releases",
            todo="give a version, `latest`, a folder or a URL",
        )
    if "\0" in text:
        raise InputError(f"{text!r} names no file", why="no name has a NUL in it", todo="correct the name")
    scheme, separator, _ = text.partition(":/")
    if not separator or "/" in scheme or is_web_url(text):
        return text
    if text.startswith("file:///"):
        return str(path_from_file_url(text))
    if os.path.exists(text):
        return text
    raise InputError(
        f"{text} is no URL of releases",
        why="it does not begin with http://, https:// or file:///",
        todo="correct it, or name a folder",
    )


def path_from_file_url(url: str) -> Path:
    """The path that a file URL names."""
    return Path(unquote(urlsplit(url).path))
