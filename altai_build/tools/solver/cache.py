"""libsolv's own form of metadata, cached: each file begins with the SHA-256 of what follows."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import solv

from altai_build.errors import InputError
from altai_build.regular_files import open_regular_file
from altai_build.tools.files import write_atomically

_DIGEST_SIZE = hashlib.sha256().digest_size


def read_cache(repo: solv.Repo, path: Path) -> bool:
    """Load a repository from its cache; False when there is none, or it is damaged or of another libsolv.

    libsolv itself reads a damaged file without an error, and then gives wrong answers or crashes.
    """
    try:
        with open_regular_file(path) as cached:
            data = cached.read()
            if hashlib.sha256(memoryview(data)[_DIGEST_SIZE:]).digest() != data[:_DIGEST_SIZE]:
                return False
            # libsolv reads from here on.
            os.lseek(cached.fileno(), _DIGEST_SIZE, os.SEEK_SET)
            stream = solv.xfopen_fd("", cached.fileno())
            is_loaded = bool(repo.add_solv(stream, 0))
            stream.close()
    except OSError:
        return False
    if not is_loaded:
        repo.empty(True)
    return is_loaded


def write_cache(repo: solv.Repo, path: Path) -> None:
    """Cache a repository. Where that fails there is no cache: it only saves time."""
    with os.fdopen(os.memfd_create(path.name), "r+b", buffering=0) as memory:
        stream = solv.xfopen_fd("", memory.fileno(), "w")
        is_written = [repo.write(stream), stream.flush(), stream.close()]
        memory.seek(0)
        content = memory.read() or b""
    if not all(is_written):
        return
    with suppress(InputError, OSError):
        write_atomically(path, hashlib.sha256(content).digest() + content, durable=False)
