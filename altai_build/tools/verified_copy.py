"""Copies of files whose content is known by its digest: another content is never left behind."""

from __future__ import annotations

import hashlib
from pathlib import Path

from altai_build.errors import describe_cause
from altai_build.regular_files import open_regular_file
from altai_build.tools.files import make_directory

_PIECE_SIZE = 1 << 20


def copy_verified(source: Path, target: Path, sha256: str, size: int) -> str:
    """Copy a regular file with this digest, and as many bytes; returns why it is not there, "" where it is.

    No more bytes are read than it should have. Raises OSError where the copy cannot be written.
    """
    make_directory(target.parent)
    digest, left = hashlib.sha256(), size
    try:
        stream = open_regular_file(source)
    except OSError as error:
        return f"{source.name}: {describe_cause(error)}"
    with stream, open(target, "wb") as copy:
        while left:
            try:
                piece = stream.read(min(left, _PIECE_SIZE))
            except OSError as error:
                target.unlink()
                return f"{source.name}: {describe_cause(error)}"
            if not piece:
                break
            digest.update(piece)
            copy.write(piece)
            left -= len(piece)
        is_longer = bool(stream.read(1))
    if left or is_longer or digest.hexdigest() != sha256:
        target.unlink()
        return f"{source.name} has other bytes than the list of the cache says"
    return ""
