"""Checksums of files, of every algorithm that repodata uses."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.model.checksum import HEX_DIGITS, SHA256, Checksum
from altai_build.regular_files import open_regular_file
from altai_build.tools.files import sha256_file

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK_SIZE = 1 << 16


def has_checksum(path: Path, checksum: Checksum) -> bool:
    """True when a file's bytes have the checksum. Raises InputError for an unknown algorithm."""
    return compute_checksum(path, checksum.algorithm) == checksum


def compute_checksum(path: Path, algorithm: str) -> Checksum:
    """The checksum of a file's bytes. Raises InputError for an unknown algorithm."""
    if algorithm == SHA256:
        return Checksum(algorithm=SHA256, value=sha256_file(path))
    if algorithm not in HEX_DIGITS:
        raise InputError(f"unknown checksum algorithm {algorithm!r}", why=f"known: {', '.join(HEX_DIGITS)}")
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with open_regular_file(path) as stream:
        for piece in iter(lambda: stream.read(_CHUNK_SIZE), b""):
            digest.update(piece)
    return Checksum(algorithm=algorithm, value=digest.hexdigest())
