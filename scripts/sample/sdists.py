"""Source archives in the cache: the digest decides, whoever put them there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from catalogue import Sdist


def read(cache: Path, sdist: Sdist) -> bytes | None:
    """The archive's bytes when the cache holds exactly them, else None."""
    try:
        data = (cache / sdist.file).read_bytes()
    except FileNotFoundError:
        return None
    return data if hashlib.sha256(data).hexdigest() == sdist.sha256 else None


def missing(cache: Path, sdists: Sequence[Sdist]) -> tuple[Sdist, ...]:
    """Those that the cache does not hold, or holds damaged."""
    return tuple(sdist for sdist in sdists if read(cache, sdist) is None)
