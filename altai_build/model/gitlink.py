"""Gitlinks: the tree entries (mode 160000) by which a superproject pins its components."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, NewType

from altai_build.errors import InputError

# A full commit id, SHA-1 or SHA-256, in lower case (`tools.git.objects.require_commit`).
CommitId = NewType("CommitId", str)


class ChangeStatus(str, Enum):
    """What happened to a gitlink between two commits; a move is a removal and an addition."""

    ADDED = "added"
    MODIFIED = "modified"
    REMOVED = "removed"


# Tuples, because a dataclass takes longer to define, and `changed` imports this module.
class Gitlink(NamedTuple):
    """A pinned component repository: where in the superproject, and at which commit."""

    path: str
    commit: CommitId


class GitlinkChange(NamedTuple):
    """One differing gitlink; `old` is None when it was added, `new` is None when it was removed."""

    path: str
    status: ChangeStatus
    old: CommitId | None
    new: CommitId | None


GITLINK_MODE = "160000"
# Where the components are, unless repos.yaml names folders.
DEFAULT_FOLDERS: tuple[str, ...] = ("repos",)


def parse_raw_diff(raw: bytes) -> list[GitlinkChange]:
    """The gitlink rows of `git diff-tree -r -z --raw --no-renames` output, sorted by path.

    A row is `:OLDMODE NEWMODE OLDSHA NEWSHA STATUS NUL PATH NUL` (git-diff-tree(1), RAW OUTPUT FORMAT). The status
    comes from the two modes alone, so that a gitlink replaced by a file (git's status T) is removed. Raises ValueError
    when a row does not have that form.
    """
    fields = raw.split(b"\0")
    if fields.pop() != b"" or len(fields) % 2:
        raise ValueError("git diff-tree printed an incomplete table")
    changes = []
    for head, path in zip(fields[::2], fields[1::2]):
        old_mode, new_mode, old, new, _status = head.decode("ascii").lstrip(":").split(" ")
        was, is_now = old_mode == GITLINK_MODE, new_mode == GITLINK_MODE
        if was or is_now:
            status = (
                ChangeStatus.MODIFIED
                if was and is_now
                else (ChangeStatus.REMOVED if was else ChangeStatus.ADDED)
            )
            changes.append(
                GitlinkChange(
                    path=path.decode("utf-8", "surrogateescape"),
                    status=status,
                    old=CommitId(old) if was else None,
                    new=CommitId(new) if is_now else None,
                )
            )
    return sorted(changes, key=lambda change: change.path)


# Of the names of objects, SHA-1 and SHA-256.
ID_LENGTHS = (40, 64)


def is_commit_id(text: str) -> bool:
    """True for a full commit id, in lower case."""
    return len(text) in ID_LENGTHS and set(text) <= set("0123456789abcdef")


def require_commit(commit: str) -> CommitId:
    """The id itself if it is a full object id; anything else never reaches a command line."""
    if not is_commit_id(commit):
        raise InputError(f"{commit!r} is not a full commit id")
    return CommitId(commit)
