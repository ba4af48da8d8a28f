"""Git run on repositories of the user's through the one process door, reading only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from altai_build.tools import process

# Replacement refs would let a clone show other content than the pinned commit has (git-replace(1)).
READING = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}


def git(
    arguments: Sequence[str],
    *,
    directory: Path,
    env: Mapping[str, str] | None = None,
    input: bytes | None = None,
    ok: Sequence[int] = (0,),
    timeout: float | None = None,
) -> process.Result:
    """Run git in a directory of the user's, reading only: no prompts, no replaced objects, no optional locks."""
    return process.run(
        ["git", "-C", str(directory), *arguments],
        env={**READING, **(env or {})},
        input=input,
        ok=ok,
        timeout=timeout,
    )


def common_directory(place: Path) -> Path | None:
    """The directory with the objects of the repository at `place` (work tree or bare), or None.

    Follows `.git` files and `commondir` of linked work trees (gitrepository-layout(5)).
    """
    place = place.resolve()
    git_dir = place / ".git"
    if git_dir.is_file():
        head = git_dir.read_text(encoding="utf-8", errors="surrogateescape").strip()
        if not head.startswith("gitdir: "):
            return None
        git_dir = (place / head[len("gitdir: ") :]).resolve()
    elif not git_dir.is_dir():
        git_dir = place
    common = git_dir / "commondir"
    if common.is_file():
        git_dir = (git_dir / common.read_text(encoding="utf-8").strip()).resolve()
    return git_dir if (git_dir / "objects").is_dir() and (git_dir / "HEAD").exists() else None


def is_shallow(git_dir: Path) -> bool:
    """True for a clone whose history is cut off."""
    shallow = git_dir / "shallow"
    return shallow.is_file() and shallow.stat().st_size > 0
