"""Where a repository keeps its objects, found without starting git (gitrepository-layout(5))."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from altai_build.errors import quote_path

if TYPE_CHECKING:
    from pathlib import Path


# Characters of a .git file.
_LONGEST_LINK = 1 << 16


def git_directory(place: str | Path) -> str | None:
    """The directory with the objects of the repository at `place` (work tree or bare), or None.

    Follows `.git` files and the `commondir` of linked work trees. Text, because loading pathlib takes longer than
    git's answer to a quick verb. Raises PermissionError where this user may not look.
    """
    place = os.path.realpath(place)
    directory = os.path.join(place, ".git")
    kind = _file_kind(directory)
    if kind == stat.S_IFREG:
        head = _read_text(directory)
        if not head.startswith("gitdir: "):
            return None
        directory = os.path.realpath(os.path.join(place, head[len("gitdir: ") :]))
    elif kind != stat.S_IFDIR:
        directory = place
    common = os.path.join(directory, "commondir")
    if _file_kind(common) == stat.S_IFREG:
        directory = os.path.realpath(os.path.join(directory, _read_text(common)))
    whole = _file_kind(os.path.join(directory, "objects")) == stat.S_IFDIR and _file_kind(
        os.path.join(directory, "HEAD")
    )
    return directory if whole else None


def _file_kind(path: str) -> int:
    """The kind of file at a path, 0 where there is none."""
    try:
        return stat.S_IFMT(os.stat(path).st_mode)
    except PermissionError:
        raise
    except OSError:
        return 0


def _read_text(path: str) -> str:
    # git reads no longer ones either.
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        return stream.read(_LONGEST_LINK).strip()


def common_directory(place: Path) -> Path | None:
    """`git_directory` as a path."""
    found = git_directory(place)
    # `found` is absolute; the class of `place` spares this module the import of pathlib.
    return None if found is None else place / found


def is_shallow(git_dir: Path) -> bool:
    """True for a clone whose history is cut off."""
    shallow = git_dir / "shallow"
    return shallow.is_file() and shallow.stat().st_size > 0


def is_partial_clone(git_dir: Path) -> bool:
    """True for a clone that left objects out and would fetch them when read (git-clone(1), --filter)."""
    return any((git_dir / "objects" / "pack").glob("*.promisor"))


def advise_on_partial_clone(git_dir: Path, place: str) -> str:
    """What to do when objects of a partial clone are missing, which only its own git fetches; "" for another clone."""
    if not is_partial_clone(git_dir):
        return ""
    return f"it is a partial clone; complete it: git -C {quote_path(place)} fetch --refetch --no-filter"
