"""Lists of mirrors: plain ones, and metalinks that also say which repomd.xml is the right one."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

from altai_build.errors import InputError
from altai_build.tools import download

_REPOMD = "/repodata/repomd.xml"
_DIGESTS_BY_STRENGTH = ("sha512", "sha384", "sha256", "sha1")  # best first; md5 proves nothing


@dataclass(frozen=True)
class Mirrors:
    """Where a repository is to be had, the best place first; `repomd` are the (algorithm, digest) pairs a metalink
    gives for repomd.xml: its newest state and those before it that mirrors may still have."""

    urls: tuple[str, ...]
    repomd: tuple[tuple[str, str], ...] = ()


def read_mirrors(url: str) -> Mirrors:
    """The mirrors that a list names: one URL a line, or a metalink. Raises InputError when it names none."""
    text = download.get_text(url)
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
    except ElementTree.ParseError as error:
        raise InputError(f"the metalink {url} cannot be read", why=str(error)) from error
    found = [(node.text or "").strip() for node in tree.iter() if _local_name(node) == "url"]
    verifications = [node for node in tree.iter() if _local_name(node) == "verification"]
    return Mirrors(
        urls=tuple(one[: -len(_REPOMD)] for one in found if one.endswith(_REPOMD) and one.startswith("http")),
        repomd=tuple(best for node in verifications if (best := _strongest_digest(node)) is not None),
    )


def _local_name(node: ElementTree.Element) -> str:
    """The tag without its namespace: mirror managers use two."""
    return node.tag.rpartition("}")[2]


def _strongest_digest(verification: ElementTree.Element) -> tuple[str, str] | None:
    digests = {
        str(node.get("type", "")).lower(): (node.text or "").strip().lower()
        for node in verification
        if _local_name(node) == "hash"
    }
    return next(((name, digests[name]) for name in _DIGESTS_BY_STRENGTH if digests.get(name)), None)
