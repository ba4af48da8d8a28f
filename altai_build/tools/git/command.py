"""Git run on repositories of the user's through the one process door, reading only."""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING

from altai_build.tools import process

if TYPE_CHECKING:
    from pathlib import Path

# Replacement refs would let a clone show other content than the pinned commit has (git-replace(1)).
READ_ONLY_ENVIRONMENT = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}


def git(
    arguments: Sequence[str],
    *,
    directory: str | Path,
    env: Mapping[str, str] | None = None,
    input: bytes | None = None,
    ok: Container[int] = (0,),
    timeout: float | None = None,
) -> process.ProcessResult:
    """Run git in a directory of the user's, reading only: no prompts, no replaced objects, no optional locks."""
    return process.run(
        ["git", "-C", str(directory), *arguments],
        env={**READ_ONLY_ENVIRONMENT, **(env or {})},
        input=input,
        ok=ok,
        timeout=timeout,
    )


def git_directory(place: str | Path) -> str | None:
    """The directory with the objects of the repository at `place` (work tree or bare), or None.

    Follows `.git` files and `commondir` of linked work trees (gitrepository-layout(5)). Text, because loading pathlib
    takes longer than git's answer to a quick verb.
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
    """The kind of file there is, 0 for none; that one may not look there is no answer, and raised."""
    try:
        return stat.S_IFMT(os.stat(path).st_mode)
    except PermissionError:
        raise
    except OSError:
        return 0


def _read_text(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        return stream.read().strip()


def common_directory(place: Path) -> Path | None:
    """`git_directory` as a path."""
    found = git_directory(place)
    return None if found is None else place / found  # which is absolute


def is_shallow(git_dir: Path) -> bool:
    """True for a clone whose history is cut off."""
    shallow = git_dir / "shallow"
    return shallow.is_file() and shallow.stat().st_size > 0
