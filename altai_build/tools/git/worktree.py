"""How a component's work tree differs from its pin: builds come from the pin alone, so edits are not built."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.gitlink import CommitId
from altai_build.tools.git.command import USER_CLONE, run_git


def describe_difference(place: Path, pin: CommitId) -> str:
    """What a work tree has that its pin has not; "" for nothing, or where there is no work tree.

    Untracked files do not count. Raises GitError when git cannot read the work tree.
    """
    if not (place / ".git").exists():
        return ""
    options = ["--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=all"]
    lines = run_git(USER_CLONE, ["status", *options], directory=place).text.splitlines()
    heads = [line.removeprefix("# branch.oid ") for line in lines if line.startswith("# branch.oid ")]
    found = []
    if heads and heads[0] != pin:
        found.append(f"is at {heads[0][:12]}, not at the pin {pin[:12]}")
    if any(not line.startswith("#") for line in lines):
        found.append("has changes that are not committed")
    return " and ".join(found)
