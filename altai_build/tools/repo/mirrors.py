"""Mirror lists: plain ones, and metalinks, which also give the checksums of the current repomd.xml."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass

from altai_build.errors import InputError
from altai_build.model.checksum import HEX_DIGITS, Checksum, find_strongest, make_checksum
from altai_build.tools import download

_REPOMD = "/repodata/repomd.xml"


@dataclass(frozen=True)
class Mirrors:
    """The URLs of a repository, the best first, and what a metalink says of its repomd.xml.

    `repomd_checksums` are those of the newest state, and of states before it that mirrors may still have.
    """

    urls: tuple[str, ...]
    repomd_checksums: tuple[Checksum, ...] = ()


def read_mirrors(url: str) -> Mirrors:
    """The mirrors in a list: one URL a line, or a metalink. Raises InputError when there is none."""
    text = download.read_url(url)
    if "<metalink" in text:
        mirrors = _parse_metalink(text, url)
    else:
        lines = [line.strip() for line in text.splitlines()]
        mirrors = Mirrors(urls=tuple(line for line in lines if line and not line.startswith("#")))
    if not mirrors.urls:
        raise InputError(
            f"the mirror list {url} is empty",
            todo="open it in a browser: its URL may need a release and an architecture",
        )
    return mirrors


def _parse_metalink(text: str, url: str) -> Mirrors:
    try:
        tree = ElementTree.fromstring(text)  # noqa: S314 - expat 2.4.1 and later bound entity expansion
        checksums = _find_checksums(tree)
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"cannot read the metalink {url}", why=str(error)) from error
    locations = [(node.text or "").strip() for node in tree.iter() if _local_name(node) == "url"]
    return Mirrors(
        urls=tuple(
            location[: -len(_REPOMD)]
            for location in locations
            if location.endswith(_REPOMD) and location.startswith("http")
        ),
        repomd_checksums=checksums,
    )


def _local_name(node: ElementTree.Element) -> str:
    """The tag without its namespace: mirror managers use two."""
    return node.tag.rpartition("}")[2]


def _find_checksums(metalink: ElementTree.Element) -> tuple[Checksum, ...]:
    """The strongest checksum of each <verification>; a metalink without any compares nothing, as for librepo.

    Raises ValueError for text that is not a checksum, and for a metalink whose checksums are all of unknown kinds.
    """
    verifications = [
        [node for node in verification if _local_name(node) == "hash"]
        for verification in metalink.iter()
        if _local_name(verification) == "verification"
    ]
    strongest = [_find_strongest(hashes) for hashes in verifications]
    known = tuple(checksum for checksum in strongest if checksum is not None)
    if not known and any(verifications):
        kinds = sorted({node.get("type", "") for hashes in verifications for node in hashes})
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
