"""Mirror lists: plain ones, and metalinks, which also give the checksums of the current repomd.xml.

Source of the rules: librepo, mirrorlist.c, metalink.c and handle.c.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from altai_build.errors import InputError
from altai_build.model.checksum import HEX_DIGITS, Checksum, find_strongest, make_checksum
from altai_build.model.connection import USUAL_CONNECTION, ConnectionSettings
from altai_build.model.variables import expand_variables, list_variables
from altai_build.tools.http import download
from altai_build.tools.repo.xmltree import get_local_name, parse_xml
from altai_build.tools.url import without_password

_REPOMD_NAME = "repomd.xml"
_REPOMD = f"repodata/{_REPOMD_NAME}"
_SCHEMES = ("http", "https", "file")
# Of a metalink's URLs without a preference: after all others.
_LAST = -1_000_000
# Lines of a list that an error shows.
_MAX_SHOWN = 5
_MAX_SHOWN_LENGTH = 200
# Characters of it in which comments are looked for.
_MAX_SEARCHED = 10_000


@dataclass(frozen=True)
class Mirrors:
    """The URLs of a repository, the best first, and what a metalink says of its repomd.xml.

    `repomd_checksums` are those of the newest state, and of states before it that mirrors may still have.
    """

    urls: tuple[str, ...]
    repomd_checksums: tuple[Checksum, ...] = ()


def read_mirrors(
    url: str, variables: Mapping[str, str], connection: ConnectionSettings = USUAL_CONNECTION
) -> Mirrors:
    """The mirrors in a list: one URL a line, or a metalink, with the variables of dnf in their URLs replaced.

    Mirrors that this program cannot use (rsync, ftp) are left out. Raises InputError when none is left.
    """
    text = download.read_url(url, connection=connection)
    where = without_password(url)
    if "<metalink" in text:
        entries, checksums = _parse_metalink(text, where)
    else:
        entries, checksums = list(_parse_list(text)), ()
    if not entries:
        raise InputError(
            f"the mirror list {where} is empty",
            why=_quote_comments(text),
            todo="open it in a browser: its URL may need a release and an architecture",
        )
    found = [expand_variables(entry, variables) for entry in entries]
    refused = {entry: why for entry in found if (why := _find_fault(entry))}
    urls = tuple(dict.fromkeys(entry for entry in found if entry not in refused))
    if not urls:
        raise _make_unusable_error(where, text, refused)
    return Mirrors(urls=urls, repomd_checksums=checksums)


def _quote_comments(text: str) -> str:
    """What a list without mirrors says: servers answer in comments."""
    comments = re.findall(r"^[ \t]*#([^\n]*)|<!--(.*?)-->", text[:_MAX_SEARCHED], re.M | re.S)
    lines = [" ".join("".join(comment).split())[:_MAX_SHOWN_LENGTH] for comment in comments]
    return "\n".join(f"it says: {line}" for line in lines[:_MAX_SHOWN] if line)


def _make_unusable_error(where: str, text: str, refused: Mapping[str, str]) -> InputError:
    start = text[:1000].lower()
    if "<!doctype html" in start or "<html" in start:
        return InputError(
            f"the mirror list {where} is an HTML page",
            todo="check its URL; the page may be the login page of a network or proxy, or that of an error",
        )
    shown = [
        f"  {without_password(entry)[:_MAX_SHOWN_LENGTH]}: {why}"
        for entry, why in list(refused.items())[:_MAX_SHOWN]
    ]
    more = len(refused) - len(shown)
    return InputError(
        f"the mirror list {where} has no mirror that can be used",
        why="\n".join([*shown, f"  and {more} more"] if more else shown),
        todo="open it in a browser: its URL may need a release and an architecture",
    )


def _find_fault(entry: str) -> str:
    """Why a mirror cannot be used; "" when it can."""
    if unknown := list_variables(entry):
        return f"the value of {' and '.join(unknown)} is not known"
    if not entry.isprintable() or " " in entry:
        return "not a URL"
    try:
        parts = urlsplit(entry)
        # A port that is not a number raises ValueError.
        is_complete = parts.scheme == "file" or bool(parts.hostname and parts.port != 0)
    except ValueError as error:
        return str(error)
    if "#" in entry:
        return "a # would end the URL"
    if parts.scheme == "file" and parts.netloc not in ("", "localhost"):
        return "a file URL names no other machine"
    if parts.scheme not in _SCHEMES:
        return "its protocol is not supported" if "://" in entry else "not a URL"
    return "" if is_complete else "not a URL"


def _parse_list(text: str) -> Iterator[str]:
    for line in text.splitlines():
        entry = line.strip()
        if entry and not entry.startswith("#"):
            yield entry


def _parse_metalink(text: str, where: str) -> tuple[list[str], tuple[Checksum, ...]]:
    """The URLs of the repository, the preferred ones first, and the checksums of repomd.xml. Raises InputError."""
    try:
        tree = parse_xml(text, "metalink")
        files = [node for node in tree.iter() if get_local_name(node) == "file"]
        file = next((node for node in files if node.get("name") == _REPOMD_NAME), None)
        if file is None:
            if files:
                raise ValueError(f"it does not list {_REPOMD_NAME}")
            return [], ()
        return _find_urls(file), _find_checksums(file)
    except ValueError as error:
        raise InputError(f"cannot read the metalink {where}", why=str(error)) from error


def _find_urls(file: ElementTree.Element) -> list[str]:
    nodes = [node for node in file.iter() if get_local_name(node) == "url" and (node.text or "").strip()]
    ordered = sorted(nodes, key=_get_preference, reverse=True)
    return [_find_repository((node.text or "").strip()) for node in ordered]


def _find_repository(url: str) -> str:
    """The URL of the repository whose repomd.xml a URL names; a query stays."""
    path, mark, query = url.partition("?")
    return f"{path.removesuffix(_REPOMD).rstrip('/')}{mark}{query}"


def _get_preference(url: ElementTree.Element) -> int:
    """How much a mirror is preferred: up to 100, or in version 4 of the format (RFC 5854) by its place, 1 and more."""
    for attribute, sign in (("preference", 1), ("priority", -1)):
        text = url.get(attribute, "")
        if text.isascii() and text.isdigit() and len(text) < 7:
            return sign * int(text)
    return _LAST


def _find_checksums(file: ElementTree.Element) -> tuple[Checksum, ...]:
    """The strongest checksum of each <verification>, and of those outside any (RFC 5854).

    A metalink without any compares nothing, as for librepo. A state whose checksum is no checksum is that of no file.
    Raises ValueError for a metalink in which no state has one, or whose checksums are all of unknown kinds.
    """
    parents = [file, *(node for node in file.iter() if get_local_name(node) == "verification")]
    states = [[node for node in parent if get_local_name(node) == "hash"] for parent in parents]
    strongest: list[Checksum | None] = []
    errors: list[ValueError] = []
    for hashes in states:
        try:
            strongest.append(_find_strongest(hashes))
        except ValueError as error:
            errors.append(error)
    known = tuple(checksum for checksum in strongest if checksum is not None)
    if not known and errors:
        raise errors[0]
    if not known and any(states):
        kinds = sorted({node.get("type", "") for hashes in states for node in hashes})
        raise ValueError(f"its checksums are of unknown kinds: {', '.join(map(repr, kinds))}")
    return known


def _find_strongest(hashes: Sequence[ElementTree.Element]) -> Checksum | None:
    """The strongest checksum that can be compared; None when there is none.

    MD5 is better than nothing: it was made for this very file, by whoever also names the mirrors.
    """
    named = [
        (node.get("type", "").lower().replace("-", "").replace("_", ""), node.text or "") for node in hashes
    ]
    checksums = [make_checksum(name, text) for name, text in named if name in HEX_DIGITS or name == "sha"]
    return find_strongest(checksums) or next(iter(checksums), None)
