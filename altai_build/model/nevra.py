"""Package identity: name, epoch, version, release, architecture."""

from __future__ import annotations

import re
from dataclasses import dataclass

from altai_build.model.quantity import parse_whole_number

SOURCE_ARCHES = ("src", "nosrc")
# The characters rpm accepts in a name, version or release (build/parsePreamble.c, ALLOWED_CHARS_*);
# anything else in a value that is to become a file name is refused.
# Bytes of a file name (NAME_MAX); the allowed characters have one each.
MAX_NAME_LENGTH = 255
_SAFE = re.compile(r"[A-Za-z0-9_+~^.][A-Za-z0-9_+~^.%{}-]*")


@dataclass(frozen=True, order=False)
class Nevra:
    """The identity of one RPM; a source package has the arch `src`, or `nosrc` where sources are left out of it."""

    name: str
    epoch: int
    version: str
    release: str
    arch: str

    @property
    def evr(self) -> str:
        """`[epoch:]version-release`, without an epoch of 0, as rpm and dnf print it."""
        prefix = f"{self.epoch}:" if self.epoch else ""
        return f"{prefix}{self.version}-{self.release}"

    @property
    def is_source(self) -> bool:
        """True for a source package."""
        return self.arch in SOURCE_ARCHES

    @property
    def filename(self) -> str:
        """The canonical file name, which never contains the epoch."""
        return f"{self.name}-{self.version}-{self.release}.{self.arch}.rpm"

    def __str__(self) -> str:
        return f"{self.name}-{self.evr}.{self.arch}"


def parse_nevra(text: str) -> Nevra | None:
    """`name-[epoch:]version-release.arch`, with or without `.rpm`; None when it is not of that form."""
    stem = text.removesuffix(".rpm")
    rest, dot, arch = stem.rpartition(".")
    parts = rest.rsplit("-", 2)
    if not dot or len(parts) != 3 or not all(parts) or not arch:
        return None
    name, version, release = parts
    epoch, colon, bare = version.partition(":")
    if not colon:
        return Nevra(name=name, epoch=0, version=version, release=release, arch=arch)
    number = parse_whole_number(epoch)
    if number is None or not bare:
        return None
    return Nevra(name=name, epoch=number, version=bare, release=release, arch=arch)


def is_safe_name(text: str) -> bool:
    """True for a package or file name that is safe in commands and paths.

    No leading `-`, no `/`, neither `.` nor `..`, and not longer than a file name can be.
    """
    return bool(_SAFE.fullmatch(text)) and text not in (".", "..") and len(text) <= MAX_NAME_LENGTH
