"""Lists of mirrors: plain ones, and metalinks that also say which repomd.xml is the right one."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

from altai_build.errors import InputError
from altai_build.model.checksum import STRONG_ALGORITHMS, Checksum, find_strongest, make_checksum
from altai_build.tools import download

_REPOMD = "/repodata/repomd.xml"


@dataclass(frozen=True)
class Mirrors:
    """Where a repository is to be had, the best place first; `repomd` are the (algorithm, digest) pairs a metalink
    gives for repomd.xml: its newest state and those before it that mirrors may still have."""

    urls: tuple[str, ...]
    repomd: tuple[Checksum, ...] = ()


def read_mirrors(url: str) -> Mirrors:
    """The mirrors that a list names: one URL a line, or a metalink. Raises InputError when it names none."""
    text = download.read_url(url)
    if "<metalink" in text:
        mirrors = _from_metalink(text, url)
    else:
        lines = [line.strip() for line in text.splitlines()]
        mirrors = Mirrors(urls=tuple(line for line in lines if line and not line.startswith("#")))
    if not mirrors.urls:
        raise InputError(f"the mirror list {url} names no mirror", todo="look at what it answers")
    return mirrors


def _from_metalink(text: str, url: str) -> Mirrors:
    try:
        tree = ElementTree.fromstring(text)  # noqa: S314 - expat 2.4.1 and later bound entity expansion
        verifications = [node for node in tree.iter() if _local_name(node) == "verification"]
        checksums = [_strongest_checksum(node) for node in verifications]
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"the metalink {url} cannot be read", why=str(error)) from error
    found = [(node.text or "").strip() for node in tree.iter() if _local_name(node) == "url"]
    return Mirrors(
        urls=tuple(one[: -len(_REPOMD)] for one in found if one.endswith(_REPOMD) and one.startswith("http")),
        repomd=tuple(checksum for checksum in checksums if checksum is not None),
    )


def _local_name(node: ElementTree.Element) -> str:
    """The tag without its namespace: mirror managers use two."""
    return node.tag.rpartition("}")[2]


def _strongest_checksum(verification: ElementTree.Element) -> Checksum | None:
    """The best checksum that one <verification> gives. Raises ValueError for text that is no checksum."""
    return find_strongest(
        make_checksum(node.get("type", ""), node.text or "")
        for node in verification
        if _local_name(node) == "hash" and node.get("type", "").lower() in STRONG_ALGORITHMS
    )
