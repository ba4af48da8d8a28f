"""Files that others wrote, opened only when they are regular: a FIFO would block, a device would never end.

Links that others made may lead in a circle.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import BufferedReader
    from pathlib import Path

# Bytes of a file that this tool wrote itself: caches, records. Others may have put another in its place.
OWN_FILE_LIMIT = 1 << 30


def open_regular_file(path: str | Path) -> BufferedReader:
    """Open a file for reading. Raises OSError, also for what is not a regular file, without waiting for it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular_file(path: str | Path, *, limit: int = OWN_FILE_LIMIT) -> bytes:
    """The bytes of a regular file. Raises OSError, also when it is larger than `limit` bytes."""
    with open_regular_file(path) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit} bytes", str(path))
    return data


def is_special_file(path: str | Path) -> bool:
    """True for what exists and is no regular file."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        return False


def resolve_links(path: str | Path) -> Path:
    """The absolute path without symbolic links; one that leads in a circle stays, and then cannot be opened.

    pathlib's own function raises RuntimeError for it.
    """
    from pathlib import Path

    return Path(os.path.realpath(path))
