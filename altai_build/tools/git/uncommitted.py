"""Which files of a work tree differ from the commit that is checked out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from altai_build.regular_files import resolve_links
from altai_build.tools.git.command import USER_CLONE, run_git


def list_uncommitted(work_tree: Path, paths: Sequence[Path]) -> list[str]:
    """The files below these paths that differ from HEAD or are not tracked (without ignored ones).

    Paths outside the work tree are left out; a bare repository has no such files. Raises InputError.
    """
    if not (work_tree / ".git").exists():
        return []
    root = resolve_links(work_tree)
    inside = list(map(resolve_links, paths))
    names = [f":(top,literal){path.relative_to(root)}" for path in inside if root in path.parents]
    if not names:
        return []
    options = ["--porcelain=v1", "-z", "--untracked-files=all", "--ignore-submodules=all"]
    listed = run_git(USER_CLONE, ["status", *options, "--", *names], directory=work_tree)
    return sorted({row[3:] for row in listed.text.split("\0") if len(row) > 3})
