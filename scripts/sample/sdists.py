"""Source archives in the cache; the digest decides whether a file is right."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from catalogue import Sdist


def read(cache: Path, sdist: Sdist) -> bytes | None:
    """The bytes of an archive, or None where the cache does not have it or has other bytes."""
    try:
        data = (cache / sdist.file).read_bytes()
    except FileNotFoundError:
        return None
    return data if hashlib.sha256(data).hexdigest() == sdist.sha256 else None


def missing(cache: Path, sdists: Sequence[Sdist]) -> tuple[Sdist, ...]:
    """The archives that are missing or damaged in the cache."""
    return tuple(sdist for sdist in sdists if read(cache, sdist) is None)
