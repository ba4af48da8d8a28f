"""Checksums: an algorithm, and the value it has for one file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NewType

# 64 lower-case hexadecimal digits.
Sha256 = NewType("Sha256", str)

SHA256 = "sha256"
# Hexadecimal digits of each algorithm that repository metadata uses.
HEX_DIGITS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
# createrepo calls SHA-1 by its first name.
_ALIASES = {"sha": "sha1"}
# Strongest first. MD5 is not among them: anyone can make two files with the same value.
STRONG_ALGORITHMS = ("sha512", "sha384", "sha256", "sha224", "sha1")


@dataclass(frozen=True)
class Checksum:
    """The checksum of one file: `algorithm` as hashlib names it, `value` in lower-case hexadecimal digits.

    `make_checksum` makes one from text that others wrote.
    """

    algorithm: str
    value: str

    @property
    def sha256(self) -> Sha256 | None:
        """The value of a SHA-256; None for any other algorithm."""
        return Sha256(self.value) if self.algorithm == SHA256 else None

    def __str__(self) -> str:
        """`algorithm:value`, as buildroots and the lock write it."""
        return f"{self.algorithm}:{self.value}"


def make_checksum(algorithm: str, value: str) -> Checksum:
    """A checksum from the two texts that XML metadata gives. Raises ValueError when they are not one.

    A value becomes part of file names, so nothing but hexadecimal digits is accepted. The value of an algorithm that
    this program does not know may have any length from 32 to 128 digits.
    """
    name = algorithm.strip().lower()
    name = _ALIASES.get(name, name)
    digits = value.strip().lower()
    if not re.fullmatch(r"[a-z0-9-]+", name):
        raise ValueError(f"{algorithm!r} is not the name of a checksum algorithm")
    length = HEX_DIGITS.get(name)
    if not re.fullmatch(r"[0-9a-f]{32,128}", digits) or (length is not None and len(digits) != length):
        expected = f"{length} hexadecimal digits" if length else "hexadecimal digits"
        raise ValueError(f"{value!r} is not a {name} checksum: expected {expected}")
    return Checksum(algorithm=name, value=digits)


def is_sha256(text: str) -> bool:
    """True for 64 lower-case hexadecimal digits."""
    return bool(re.fullmatch(r"[0-9a-f]{64}", text))


def find_strongest(checksums: Iterable[Checksum]) -> Checksum | None:
    """The checksum of the strongest algorithm; None when there is none that proves anything (MD5 does not)."""
    usable = [checksum for checksum in checksums if checksum.algorithm in STRONG_ALGORITHMS]
    return min(usable, key=lambda checksum: STRONG_ALGORITHMS.index(checksum.algorithm), default=None)
