"""Bare mirrors of remotes: where the pinned commits come from that no clone of the user's has."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.gitlink import CommitId, require_commit
from altai_build.tools import process
from altai_build.tools.files import file_lock, scratch_directory, sync_tree
from altai_build.tools.git.command import ISOLATED, REMOTE, GitProfile, run_git
from altai_build.tools.url import without_password


def mirror_path(url: str, mirrors: Path) -> Path:
    """Where the mirror of a URL is, once it has been fetched."""
    name = hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return mirrors / f"{name}.git"


def fetch_mirror(url: str, *, mirrors: Path, commit: CommitId, profile: GitProfile = REMOTE) -> Path:
    """A bare mirror of `url` in `mirrors` that has `commit`; fetched when it does not have it yet.

    The commit is requested by its id, with its whole history, because counting needs that; from a server that gives
    no commits by id, all branches and tags are fetched. `profile` is REMOTE, or that with settings of the user's.
    Raises InputError naming the commit and the remote.
    """
    place = mirror_path(url, mirrors)
    with file_lock(place.with_suffix(".lock")):
        if not place.is_dir():
            _make_repository(place, "sha256" if len(commit) == 64 else "sha1")
        if not _has_commit(place, commit):
            # Left by a git that was killed; a new one would wait for nobody.
            for lock in place.rglob("*.lock"):
                lock.unlink()
        complaint = ""
        for wanted in (f"+{commit}:refs/pins/{commit}", "+refs/*:refs/mirrored/*"):
            if _has_commit(place, commit):
                return place
            options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
            words = ["fetch", *options, "--end-of-options", url, wanted]
            fetched = run_git(profile, words, git_dir=place, ok=process.ANY_END)
            complaint = complaint or fetched.error_text
        if _has_commit(place, commit):
            return place
    raise InputError(
        f"commit {commit} is not available from {without_password(url)}",
        why=complaint or "the remote answered, but none of its branches and tags has such a commit",
        todo="push the commit to that remote, or fetch the submodule yourself (git submodule update --init)",
    )


def _make_repository(place: Path, object_format: str) -> None:
    with scratch_directory(place.parent, ".new") as scratch:
        made = scratch / place.name
        words = ["init", "--quiet", "--bare", f"--object-format={object_format}", "--template=", str(made)]
        run_git(ISOLATED, words, place=str(place))
        sync_tree(made)
        os.rename(made, place)


def _has_commit(place: Path, commit: CommitId) -> bool:
    words = ["cat-file", "-e", f"{require_commit(commit)}^{{commit}}"]
    return run_git(ISOLATED, words, git_dir=place, ok=process.ANY_STATUS).returncode == 0
