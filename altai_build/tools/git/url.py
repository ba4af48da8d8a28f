"""Addresses of repositories: relative ones made absolute as git does, passwords taken out, unsafe ones recognised."""

from __future__ import annotations

import posixpath
import re


def resolve_url(url: str, *, base: str) -> str:
    """A submodule's URL made absolute as git does: `./` and `../` start at `base`, the superproject's remote."""
    if not url.startswith(("./", "../")):
        return url
    base = base.rstrip("/")
    head = re.match(r"[a-z+]+://[^/]*|[^/:]+@?[^/:]*:(?!//)", base)
    prefix = head.group(0) if head else ""
    rest = base[len(prefix) :]
    while url.startswith(("./", "../")):
        if url.startswith("../"):
            rest = posixpath.dirname(rest) if "/" in rest else ""
        url = url.partition("/")[2]
    return f"{prefix}{rest.rstrip('/')}/{url}" if rest or "://" in prefix or not prefix else f"{prefix}{url}"


def is_local_url(url: str) -> bool:
    """True for a path on this machine."""
    return url.startswith(("file://", "/", "./", "../")) or ("://" not in url and ":" not in url)


def has_allowed_protocol(url: str, protocols: tuple[str, ...]) -> bool:
    """True for a path, an ssh address (`host:path`), and a URL with one of these protocols.

    `helper::address` runs the program git-remote-helper (gitremote-helpers(7)) and is never allowed.
    """
    if "::" in url:
        return False
    scheme, separator, _ = url.partition("://")
    return is_local_url(url) or not separator or scheme in protocols
