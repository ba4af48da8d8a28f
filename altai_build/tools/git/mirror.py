"""Bare mirrors of remotes: where the pinned commits come from that no clone of the user's has."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from altai_build.errors import InputError
from altai_build.model.gitlink import CommitId, require_commit
from altai_build.tools import notices, process
from altai_build.tools.files import file_lock, remove_tree, scratch_directory, sync_tree
from altai_build.tools.git.command import ISOLATED, REMOTE, GitProfile, make_git_error, run_git
from altai_build.tools.url import without_password

# What git says of an object that is as its author made it, only not as git makes them (git-fsck(1), msg-ids).
_ODD_OBJECT = re.compile(r"(error|warning) in \w+ [0-9a-f]+: ")
# Why git could not read what may be sound.
_REFUSED = re.compile(
    "|".join(
        re.escape(os.strerror(number))
        for number in (
            errno.EACCES,
            errno.EPERM,
            errno.EIO,
            errno.EMFILE,
            errno.ENFILE,
            errno.ENOMEM,
            errno.EAGAIN,
        )
    )
    + "|[Oo]ut of memory"
)


# Characters. Web servers take a fifth; git and the kernel fail in other ways for each length above.
_LONGEST_URL = 4 << 10
_SHOWN_URL = 80
_FETCH_YOURSELF = "fetch the submodule yourself (git submodule update --init --recursive)"
_FIX_REMOTE = "check that URL (in .gitmodules, or your own for it), the network, and your access there"


def mirror_path(url: str, mirrors: Path) -> Path:
    """Where the mirror of a URL is, once it has been fetched."""
    name = hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return mirrors / f"{name}.git"


def fetch_mirror(
    url: str,
    *,
    mirrors: Path,
    commit: CommitId,
    profile: GitProfile = REMOTE,
    examine: bool = False,
    pinned_at: str = "",
) -> Path:
    """A bare mirror of `url` in `mirrors` that has `commit`; fetched when it does not have it yet.

    The commit is requested by its id, with its whole history, because counting needs that; from a server that gives
    no commits by id, all branches and tags are fetched. `profile` is REMOTE, or that with settings of the user's.
    With `examine`, for a mirror in which git cannot read something, all of it is read, and a damaged one is replaced.
    Raises InputError naming the commit, the path `pinned_at` which it is pinned, and the remote.
    """
    what = f"commit {commit} of {pinned_at}" if pinned_at else f"commit {commit}"
    if len(url) > _LONGEST_URL:
        raise InputError(
            f"{what} is not available: its URL has {len(url)} characters",
            why=f"it begins {without_password(url)[:_SHOWN_URL]!r}",
            todo=f"correct the URL in .gitmodules, or {_FETCH_YOURSELF}",
        )
    place = mirror_path(url, mirrors)
    with file_lock(place.with_suffix(".lock")):
        was_there, damage, end = place.is_dir(), "", _FetchEnd()
        if not was_there:
            _make_repository(place, commit, url)
        elif examine:
            damage = _find_damage(place, url)
        if not damage:
            if was_there and _has_commit(place, commit):
                return place
            end = _fetch(place, url, commit, profile, has_locks=was_there)
            if _has_commit(place, commit):
                return place
            # It may be the mirror that hinders git.
            damage = _find_damage(place, url) if was_there and not examine else ""
        if damage:
            _replace(place, url, commit, profile, damage)
            return place
    raise InputError(
        f"{what} is not available from {without_password(url)}",
        why=end.complaint or "the remote answered, but none of its branches and tags has such a commit",
        todo=("push the commit to that remote" if end.answered else _FIX_REMOTE) + f", or {_FETCH_YOURSELF}",
    )


class _FetchEnd(NamedTuple):
    """What git said first when it failed, and whether the remote listed its branches all the same."""

    complaint: str = ""
    answered: bool = True


def _fetch(
    place: Path, url: str, commit: CommitId, profile: GitProfile, *, has_locks: bool = False
) -> _FetchEnd:
    """Have the commit in a mirror, if the remote gives it; returns what git said about that."""
    end = _FetchEnd()
    for wanted in (f"+{commit}:refs/pins/{commit}", "+refs/*:refs/mirrored/*"):
        if _has_commit(place, commit):
            break
        if has_locks:
            # Left by a git that was killed; a new one would wait for nobody.
            for lock in place.rglob("*.lock"):
                lock.unlink()
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
        words = ["fetch", *options, "--end-of-options", url, wanted]
        fetched = run_git(profile, words, git_dir=place, ok=process.ANY_END)
        end = _FetchEnd(end.complaint or fetched.error_text, fetched.returncode == 0)
    return end


def _find_damage(place: Path, url: str) -> str:
    """What git finds wrong in a mirror when it reads all of it, "" for nothing.

    Objects that a remote has in odd forms are no damage. Raises GitError when the machine kept git from reading.
    """
    words = ["fsck", "--full", "--no-dangling", "--no-progress"]
    checked = run_git(ISOLATED, words, git_dir=place, ok=process.ANY_STATUS)
    lines = (checked.stderr + b"\n" + checked.stdout).decode("utf-8", "replace").splitlines()
    if checked.returncode == 0:
        return ""
    if any(_REFUSED.search(line) for line in lines):
        raise make_git_error(ISOLATED, checked, "fsck", _name_mirror(url))
    return next((line for line in lines if line.strip() and not _ODD_OBJECT.match(line)), "")


def _replace(place: Path, url: str, commit: CommitId, profile: GitProfile, damage: str) -> None:
    """Fetch a damaged mirror again; it stays until there is another one, because most of it may be readable."""
    name = without_password(url)
    with scratch_directory(place.parent, ".new") as scratch:
        made = scratch / place.name
        _make_repository(made, commit, url)
        complaint = _fetch(made, url, commit, profile).complaint
        if not _has_commit(made, commit):
            raise InputError(
                f"the copy of {name} in the workspace is damaged, and commit {commit} is not available from there",
                why=f"{damage}\n{complaint}".rstrip(),
                todo=f"rerun the command when the remote can be reached, or {_FETCH_YOURSELF}",
            )
        # A folder in an image of a container cannot be renamed.
        with suppress(OSError):
            os.rename(place, scratch / "damaged")
        remove_tree(place)
        os.rename(made, place)
    notices.notify(f"the copy of {name} in the workspace was damaged and has been fetched again: {damage}")


def _name_mirror(url: str) -> str:
    return f"the copy of {without_password(url)} in the workspace"


def _make_repository(place: Path, commit: CommitId, url: str) -> None:
    """An empty one, for commits whose ids are as long as this one."""
    object_format = "sha256" if len(commit) == 64 else "sha1"
    with scratch_directory(place.parent, ".new") as scratch:
        made = scratch / place.name
        words = ["init", "--quiet", "--bare", f"--object-format={object_format}", "--template=", str(made)]
        run_git(ISOLATED, words, place=_name_mirror(url))
        sync_tree(made)
        os.rename(made, place)


def _has_commit(place: Path, commit: CommitId) -> bool:
    words = ["cat-file", "-e", f"{require_commit(commit)}^{{commit}}"]
    return run_git(ISOLATED, words, git_dir=place, ok=process.ANY_STATUS).returncode == 0
