"""What changes in a repository when objects come or go, found without starting git (gitrepository-layout(5)).

A repository in the state in which git found a commit still has it, as far as nobody damages files in place.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from altai_build.regular_files import read_regular_file

# Numbers by which a file or folder is recognised, or None where there is none.
State = list[object]
# Seconds. A folder that changed later than that before it was looked at may change again within the same tick of the
# file system's clock.
_SETTLED = 2.0
# Repositories that one borrows objects from, directly or through others; git follows five in a row.
_MAX_BORROWED = 5
_MAX_ALTERNATES = 1 << 16


def read_state(common: Path, commit: str) -> State | None:
    """The state of a repository, as JSON would give it back, as far as a commit in it depends on that.

    None where only git can tell: it changes just now, cannot be read, or borrows objects in a way that is not known
    here.
    """
    try:
        state: State = [_look_at(f"{common}/shallow")]
        # Text, because creating paths takes longer than looking at them.
        pending = [f"{common}/objects"]
        for folder in pending:
            if len(pending) > _MAX_BORROWED:
                return None
            loose = _look_at(f"{folder}/{commit[:2]}/{commit[2:]}")
            state += [folder, loose, _look_at(f"{folder}/pack")]
            borrowed = _list_borrowed(folder)
            if borrowed is None:
                return None
            pending += borrowed
    except (OSError, _Unsettled):
        return None
    return state


class _Unsettled(Exception):
    """It has changed too lately."""


def _look_at(path: str) -> list[int] | None:
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    # A time in the future says nothing.
    if max(status.st_mtime, status.st_ctime) > time.time() - _SETTLED:
        raise _Unsettled
    return [status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size]


def _list_borrowed(objects: str) -> list[str] | None:
    """The folders of objects in info/alternates; None where it has more than plain paths."""
    try:
        text = read_regular_file(f"{objects}/info/alternates", limit=_MAX_ALTERNATES)
    except FileNotFoundError:
        return []
    lines = os.fsdecode(text).split("\n")
    if any(line.startswith(("#", '"')) for line in lines):
        return None
    return [os.path.join(objects, line) for line in lines if line]
