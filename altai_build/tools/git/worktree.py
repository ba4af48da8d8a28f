"""Commits of what no branch has, because packages are made from commits alone: a work tree, other pins.

And how a work tree differs from its pin.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.gitlink import GITLINK_MODE, CommitId, Gitlink
from altai_build.tools.files import scratch_directory
from altai_build.tools.git.command import USER_CLONE, GitProfile, run_git

_AUTHOR = "altai-build"


@dataclass(frozen=True)
class WorkTreeSnapshot:
    """A work tree as a commit; `changed` are the gitlinks that are not those of its index, at every depth."""

    commit: CommitId
    changed: tuple[Gitlink, ...]


def take_snapshot(place: Path, scratch: Path) -> WorkTreeSnapshot:
    """A commit of all files in a work tree that git does not ignore, and such commits of its submodules.

    The commits are objects of the clones; no branch, index or work tree changes, as with `git stash create`. Equal
    content gives the same commit, and a work tree without changes HEAD itself. Submodules without a work tree keep
    their pins. Raises InputError for a repository without a work tree, GitError when git fails.
    """
    if not (place / ".git").exists():
        raise InputError(f"{place} has no work tree", todo="name a clone with a work tree by -C DIR")
    head = _git(USER_CLONE, place, "rev-parse", "--verify", "HEAD^{commit}")
    with scratch_directory(scratch, "worktree") as folder:
        index = folder / "index"
        profile = _make_profile(index, _git(USER_CLONE, place, "show", "-s", "--format=%ct", head))
        own = place / _git(USER_CLONE, place, "rev-parse", "--git-path", "index")
        if own.is_file():
            shutil.copyfile(own, index)
        links = _list_gitlinks(profile, place)
        _git(profile, place, "add", "--all", "--", ".")
        changed: list[Gitlink] = []
        for link in links:
            inner = place / link.path
            snapshot = take_snapshot(inner, scratch) if (inner / ".git").exists() else None
            commit = link.commit if snapshot is None else snapshot.commit
            _git(
                profile, place, "update-index", "--add", "--cacheinfo", f"{GITLINK_MODE},{commit},{link.path}"
            )
            if commit != link.commit:
                changed.append(Gitlink(path=link.path, commit=commit))
            below = () if snapshot is None else snapshot.changed
            changed += [Gitlink(path=f"{link.path}/{one.path}", commit=one.commit) for one in below]
        tree = _git(profile, place, "write-tree")
        if tree != _git(USER_CLONE, place, "rev-parse", "--verify", f"{head}^{{tree}}"):
            head = _git(profile, place, "commit-tree", tree, "-p", head, "-m", "Work tree")
    return WorkTreeSnapshot(commit=CommitId(head), changed=tuple(changed))


def commit_with_pins(place: Path, base: CommitId, pins: Mapping[str, CommitId], scratch: Path) -> CommitId:
    """A commit after `base` whose gitlinks at these paths are pinned elsewhere; equal pins give the same commit.

    It is an object of the clone `place`; no branch, index or work tree changes. Raises GitError when git fails.
    """
    with scratch_directory(scratch, "pins") as folder:
        profile = _make_profile(folder / "index", _git(USER_CLONE, place, "show", "-s", "--format=%ct", base))
        _git(profile, place, "read-tree", base)
        for path, commit in pins.items():
            _git(profile, place, "update-index", "--cacheinfo", f"{GITLINK_MODE},{commit},{path}")
        tree = _git(profile, place, "write-tree")
        return CommitId(_git(profile, place, "commit-tree", tree, "-p", base, "-m", "Other pins"))


def _make_profile(index: Path, time: str) -> GitProfile:
    """The user's clone, with another index, and with a name and time for commits that depend on nothing else."""
    environment = {**USER_CLONE.environment, "GIT_INDEX_FILE": os.fspath(index)}
    for role in ("AUTHOR", "COMMITTER"):
        environment[f"GIT_{role}_NAME"] = _AUTHOR
        environment[f"GIT_{role}_EMAIL"] = f"{_AUTHOR}@localhost"
        environment[f"GIT_{role}_DATE"] = f"@{time} +0000"
    return USER_CLONE._replace(environment=environment)


def _list_gitlinks(profile: GitProfile, place: Path) -> Sequence[Gitlink]:
    rows = run_git(profile, ["ls-files", "--stage", "-z"], directory=place).text.split("\0")
    found = [row.partition("\t") for row in rows if row.startswith(GITLINK_MODE)]
    return [Gitlink(path=path, commit=CommitId(words.split()[1])) for words, _, path in found]


def _git(profile: GitProfile, place: Path, *words: str) -> str:
    return run_git(profile, words, directory=place).text.strip()


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
