"""Metalinks, which tell yum and dnf where the index of a repository is and which index it must be.

Both read version 3 of Metalink with MirrorManager's timestamp, and not RFC 5854, which is version 4: yum/metalink.py
wants the namespaces, a timestamp, a size and a checksum, and compares all three; librepo/metalink.c wants the very
prefix `mm0`, and a file of the name repomd.xml. Both cut `/repodata/repomd.xml` off the URLs, and take signature, index
and packages from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

# What librepo takes as a preference; the first URL has the highest.
_HIGHEST_PREFERENCE = 100


@dataclass(frozen=True)
class RepomdIdentity:
    """What tells one repomd.xml from all others; `timestamp` is the newest of the files that it lists (Unix time)."""

    sha256: str
    sha512: str
    size: int
    timestamp: int


def format_metalink(repomd: RepomdIdentity, urls: Sequence[str]) -> str:
    """The metalink of a repository; `urls` are those of its repomd.xml, in the order in which they are tried."""
    resources = [
        f'    <url protocol="{protocol}" type="{protocol}" preference="{max(0, _HIGHEST_PREFERENCE - number)}">'
        f"{escape(url)}</url>"
        for number, url in enumerate(urls)
        for protocol in (escape(url.partition(":")[0]),)
    ]
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<metalink version="3.0" xmlns="http://www.metalinker.org/" '
        'xmlns:mm0="http://fedorahosted.org/mirrormanager">',
        " <files>",
        '  <file name="repomd.xml">',
        f"   <mm0:timestamp>{repomd.timestamp}</mm0:timestamp>",
        f"   <size>{repomd.size}</size>",
        "   <verification>",
        f'    <hash type="sha256">{repomd.sha256}</hash>',
        f'    <hash type="sha512">{repomd.sha512}</hash>',
        "   </verification>",
        '   <resources maxconnections="1">',
        *resources,
        "   </resources>",
        "  </file>",
        " </files>",
        "</metalink>",
    ]
    return "\n".join(lines) + "\n"
