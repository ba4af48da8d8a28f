"""What killed processes left: temporary files and directories that no process keeps locked, and nobody else's.

A process locks each temporary directory and file of its own (`tools.files`), and the kernel drops the lock when the
process ends, however it ends. So no age and no process number has to be guessed from.
"""

from __future__ import annotations

import errno
import fnmatch
import functools
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from altai_build.tools.files import CannotWriteError, lock_name, remove_tree, scratch_directory

# Of a partial download: it is continued by the next download of that file.
_RESUMABLE = ".part"
_TEMPORARY_PREFIX = "altai-tmp-"


def list_abandoned(folder: Path, *patterns: str) -> Iterator[Path]:
    """The entries of a folder that match a pattern and are nobody's, sorted; none where there is no such folder."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in sorted(filter(_compile_patterns(patterns).match, names)):
        with _claim(folder / name) as is_abandoned:
            if is_abandoned:
                yield folder / name


@functools.cache
def _compile_patterns(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """What any of the patterns of names matches: folders of caches have thousands of names."""
    return re.compile("|".join(map(fnmatch.translate, patterns)))


def list_own_abandoned(folder: Path, pattern: str) -> Iterator[Path]:
    """Those that this user's processes left, for places that all users share."""
    for path in list_abandoned(folder, pattern):
        try:
            is_own = path.lstat().st_uid == os.geteuid()
        except FileNotFoundError:
            continue
        if is_own:
            yield path


def remove_abandoned(folder: Path, pattern: str) -> None:
    """Remove what this user's processes left in a folder."""
    for path in list_own_abandoned(folder, pattern):
        remove_tree(path)


@contextmanager
def _claim(path: Path) -> Iterator[bool]:
    """Whether an entry is nobody's; then nobody can begin to use it before the end of the block."""
    if path.suffix == _RESUMABLE:
        yield False
        return
    try:
        lock = lock_name(path, os.O_RDONLY | os.O_NONBLOCK, blocking=False)
    except OSError as error:
        # A link or a socket is no temporary file of ours, and was left in a place that holds nothing else.
        yield error.errno in (errno.ELOOP, errno.ENXIO)
        return
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)


@contextmanager
def temporary_directory(prefix: str) -> Iterator[Path]:
    """A new private directory for temporary files outside any workspace ($TMPDIR), removed at the end.

    What this user's killed processes left there is removed first. Raises OSError where there is no space for it.
    """
    parent = find_temporary_parent()
    _remove_abandoned_temporaries(parent)
    with ExitStack() as stack:
        try:
            path = stack.enter_context(scratch_directory(parent, f"{_TEMPORARY_PREFIX}{prefix}"))
        except CannotWriteError as error:
            # No input is to blame: whoever examines one must not take this for a finding about it.
            raise error.__cause__ or error from None
        yield path


def find_temporary_parent() -> Path:
    """Where temporary files go. Python's own function tries it with a file, which a killed process leaves behind."""
    wanted = (os.environ.get("TMPDIR"), "/tmp", "/var/tmp")  # noqa: S108
    return Path(next((folder for folder in wanted if folder and os.path.isdir(folder)), os.curdir)).absolute()


@functools.cache
def _remove_abandoned_temporaries(parent: Path) -> None:
    """Once in a process."""
    remove_abandoned(parent, f"{_TEMPORARY_PREFIX}*")
