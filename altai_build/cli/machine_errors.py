"""What the machine refuses (OSError, no memory, no threads) as an error with what to do; anything else is a bug."""

from __future__ import annotations

import errno
import os

from altai_build.cli.streams import STREAM_NAMES
from altai_build.errors import AltaiError, InputError, MissingToolError, advise_on_place

# What to do about errors that neither space nor permissions cure.
_CURES = {
    errno.EMFILE: "raise the limit of open files (ulimit -n), or use fewer --jobs, and rerun",
    errno.ENFILE: "close programs that keep many files open, or raise fs.file-max, and rerun",
    errno.EFBIG: "raise the limit of the size of files (ulimit -f), or name another --workspace DIR, and rerun",
    errno.EIO: "see `dmesg` for errors of the disk, or name another --workspace DIR, and rerun",
    errno.EOPNOTSUPP: "use a file system with locks (flock), permissions and symbolic links, and rerun",
    errno.ENOSYS: "run it where the kernel has this (in a container: with /proc), and rerun",
}
# Python's text of a RuntimeError that has no type of its own.
_NO_THREAD = "can't start new thread"


def describe_machine_error(error: Exception) -> AltaiError | None:
    """The error for something that the machine refuses, with the file where Python knows it; None for a bug.

    What the kernel refuses is the machine's: no list of its errors is complete.
    """
    if isinstance(error, MemoryError):
        return InputError(
            "the machine has no memory left", todo="free memory, or use fewer --jobs, and rerun"
        )
    if isinstance(error, BlockingIOError) or _NO_THREAD in str(error):
        return InputError(
            "the machine starts no more processes or threads",
            why=str(error),
            todo="raise the limit (ulimit -u, or pids.max of the container), or use fewer --jobs, and rerun",
        )
    if isinstance(error, ImportError) and not (error.name or "").startswith("altai_build"):
        return _describe_import_error(error)
    if not isinstance(error, OSError):
        return None
    file = error.filename2 or error.filename
    reason = error.strerror or str(error) or type(error).__name__
    if file in STREAM_NAMES:
        return InputError(
            f"{reason}: {file}",
            todo="let it go to a place that takes it, and rerun; what is finished is not done again",
        )
    return InputError(
        f"{reason}: {os.fsdecode(file)}"
        if file is not None
        else f"the operating system refused an operation: {reason}",
        why=_find_full_disks(error, file),
        todo=_CURES.get(
            error.errno or 0,
            f"{advise_on_place(error)}, or name another --workspace DIR, and rerun",
        ),
    )


def _describe_import_error(error: ImportError) -> AltaiError:
    from altai_build.tools.shared_libraries import find_missing_library  # seldom needed

    missing = find_missing_library(str(error))
    return MissingToolError(
        f"the library {error.name or 'that is needed'} cannot be loaded",
        why=str(error),
        todo=f"install the package that has {missing.name}: {missing.todo}"
        if missing is not None
        else "install altai-build again, by scripts/setup of a checkout, pip or pipx; unset variables that lead the "
        "library's own files elsewhere",
    )


def _find_full_disks(error: OSError, file: str | bytes | None) -> str:
    """Which of the places where this process writes are full, when that is the reason; Python seldom knows the file."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return ""
    from altai_build.tools.disk import describe_full_disks, list_touched_places  # seldom needed

    return "\n".join(describe_full_disks(list_touched_places([os.fsdecode(file)] if file else [])))
