"""Whether files and folders are as they were, by what the kernel says of them: nothing is read.

Every write, rename, link and change of mode gives an inode another time of change (inode(7), ctime), which no program
can set. Two changes within one tick of the clock have the same time: so only what has been quiet for a while can be
recognised later.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from altai_build.tools.tree import TreeEntry, walk_tree

# Seconds: more than a tick of any file system's clock; FAT has ticks of two.
_QUIET = 3.0


@dataclass(frozen=True)
class TreeState:
    """The state of files and folders: equal while none was touched. `changed` is the last time that one was (Unix)."""

    digest: str
    changed: float

    def was_quiet(self, moment: float) -> bool:
        """True when the last change was long enough before a Unix time that a later one has another time."""
        return self.changed + _QUIET < moment


def list_tree(top: Path, wanted: Callable[[TreeEntry], bool] = lambda entry: True) -> list[str]:
    """The absolute paths of a folder and what is below it: every folder, and the wanted files.

    A folder changes with the names in it, so that files that come later are noticed too. Raises OSError.
    """
    root = os.path.abspath(top)
    return [
        root,
        *(f"{root}/{entry.path}" for entry in walk_tree(root) if entry.is_folder or wanted(entry)),
    ]


def read_state(paths: Iterable[str]) -> TreeState | None:
    """The state of files and folders, links not followed; None where one of them cannot be examined."""
    digest, changed = hashlib.sha256(), 0
    for path in paths:
        try:
            status = os.lstat(path)
        except OSError:
            return None
        owner = (status.st_uid, status.st_gid, status.st_mode, status.st_nlink)
        inode = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        digest.update(f"{path}\0{owner}{inode}\n".encode("utf-8", "surrogateescape"))
        changed = max(changed, status.st_ctime_ns)
    return TreeState(digest.hexdigest(), changed / 1e9)
