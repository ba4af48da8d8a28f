"""Whether a failed build may be the machine's failure: then another attempt may succeed."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from altai_build.tools.buildlog.reading import HEAD_SIZE, TAIL_SIZE, read_ends

_NUMBERS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOMEM,
    errno.EIO,
    errno.EROFS,
    errno.EFBIG,
    errno.EMFILE,
    errno.ENFILE,
    errno.EAGAIN,
    errno.ESTALE,
    errno.EUCLEAN,
    errno.ETIMEDOUT,
)
# Texts of the kernel's errors, and what compilers, linkers and shells print when they are out of memory or killed.
_SIGNS = re.compile(
    "|".join(
        (
            *(re.escape(os.strerror(number)) for number in _NUMBERS),
            r"out of memory",
            r"File size limit exceeded",
            r"memory exhausted",
            r"MemoryError",
            r"bad_alloc",
            r"\bKilled\b",
            r"SIGKILL",
            r"\bBus error\b",
            r"signal 9\b",
        )
    ).encode(),
    re.IGNORECASE,
)


def may_blame_machine(log: Path | None) -> bool:
    """True where a log names a lack of memory, disk, files or time, is missing, or is too long to be read whole."""
    if log is None:
        return True
    try:
        head, left_out, tail = read_ends(log, HEAD_SIZE, TAIL_SIZE)
    except OSError:
        return True
    return bool(left_out) or any(_SIGNS.search(part) for part in (head, tail))
