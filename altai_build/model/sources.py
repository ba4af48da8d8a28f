"""Where the sources of a package come from: the commit, a list of downloads beside the spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Union

from altai_build.model.checksum import HEX_DIGITS, Checksum, find_strongest

# The list of this program.
SOURCES_FILE_NAME = "sources.yaml"
# Bytes of a file name (NAME_MAX).
_MAX_FILE_NAME = 255
_ALGORITHMS = {digits: name for name, digits in HEX_DIGITS.items()}
# `SHA512 (a.tar.gz) = …`, as of sha512sum --tag, and `…  a.tar.gz`.
_TAGGED_LINE = re.compile(r"(?P<algorithm>[A-Za-z0-9]+) \((?P<file>.+)\) = (?P<digest>[0-9A-Fa-f]+)")
_PLAIN_LINE = re.compile(r"(?P<digest>[0-9A-Fa-f]{32,128})[ \t]+\*?(?P<file>\S.*)")


class SourceChoice(str, Enum):
    """What the archive is that a spec unpacks; `components.NAME.source` of repos.yaml."""

    # `git archive` of the pinned commit
    ARCHIVE = "archive"
    # a file of the commit
    COMMITTED = "committed"
    # a download, whose checksum the commit has
    FETCHED = "fetched"


@dataclass(frozen=True)
class UrlOrigin:
    """A file at a URL."""

    url: str


@dataclass(frozen=True)
class PypiOrigin:
    """The source archive of one version of a project, from the Python package index that pip is configured for."""

    project: str
    version: str


@dataclass(frozen=True)
class UpstreamSource:
    """One source file; its digest is checked, wherever it comes from."""

    file: str
    checksum: Checksum
    # Not `UrlOrigin | PypiOrigin`, which Python 3.9 cannot evaluate.
    origin: Union[UrlOrigin, PypiOrigin]  # noqa: UP007


def is_source_file_name(name: str) -> bool:
    """True for a name that a file in rpm's SOURCES folder can have; rpm itself allows whatever a file system does.

    Control characters are refused: no source has any, and messages show the names.
    """
    return (
        name not in ("", ".", "..")
        and "/" not in name
        and len(name.encode("utf-8", "surrogateescape")) <= _MAX_FILE_NAME
        and not any(ord(letter) < 32 or ord(letter) == 127 for letter in name)
    )


def read_checksum_list(text: str) -> Mapping[str, Checksum | None] | None:
    """File name → strongest checksum in the list that dist-git repositories have (`sources`, `.NAME.metadata`).

    The checksum is None where it proves nothing (MD5). None for a text that is no such list; an empty one is.
    """
    found: dict[str, list[Checksum]] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("#"):
            continue
        match = _TAGGED_LINE.fullmatch(line) or _PLAIN_LINE.fullmatch(line)
        if match is None:
            return None
        digest = match["digest"].lower()
        algorithm = _ALGORITHMS.get(len(digest))
        named = match.groupdict().get("algorithm")
        if algorithm is None or (named is not None and named.lower() != algorithm):
            return None
        found.setdefault(match["file"].rpartition("/")[2], []).append(Checksum(algorithm, digest))
    return {file: find_strongest(checksums) for file, checksums in found.items()}
