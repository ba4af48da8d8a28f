"""Annotated tags in the user's own clones: made as whole objects, never moved, pushed one by one."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.gitlink import CommitId, require_commit
from altai_build.tools import process
from altai_build.tools.files import sync_directory
from altai_build.tools.git.command import REMOTE, USER_CLONE, run_git

_REMOTE_TIMEOUT = 120.0


def format_tag(name: str, commit: CommitId, tagger: str, time: int, message: str) -> bytes:
    """The tag object, unsigned (git-mktag(1)); `tagger` is `Name <address>`, `time` seconds since the epoch."""
    head = f"object {require_commit(commit)}\ntype commit\ntag {name}\ntagger {tagger} {time} +0000\n"
    return f"{head}\n{message.rstrip()}\n".encode()


def has_commit(git_dir: Path, commit: CommitId) -> bool:
    """Whether a repository has the commit that is to be tagged."""
    words = ["cat-file", "-e", f"{require_commit(commit)}^{{commit}}"]
    return run_git(USER_CLONE, words, git_dir=git_dir, ok=process.ANY_STATUS).returncode == 0


def read_tag(git_dir: Path, name: str) -> bytes | None:
    """The tag object behind a name, its signature included; None when there is no such tag.

    For a lightweight tag this is the object that it points to, which never equals a tag object.
    """
    found = run_git(USER_CLONE, ["cat-file", "-p", f"refs/tags/{name}"], git_dir=git_dir, ok=(0, 128))
    return found.stdout if found.returncode == 0 else None


def write_tag(git_dir: Path, name: str, text: bytes) -> str:
    """Store a tag object and give it its name; returns its id. Raises GitError when the name is taken.

    Both are on the disk when this returns.
    """
    oid = run_git(USER_CLONE, ["mktag"], git_dir=git_dir, input=text).text.strip()
    run_git(USER_CLONE, ["update-ref", f"refs/tags/{name}", oid, "0" * len(oid)], git_dir=git_dir)
    # git itself flushes files, and not the folders in which they are new.
    for folder in (f"objects/{oid[:2]}", "objects", "refs/tags", "refs"):
        if (git_dir / folder).is_dir():
            sync_directory(git_dir / folder)
    return oid


def delete_tag(git_dir: Path, name: str, oid: str) -> None:
    """Delete a tag, as long as it still names that object."""
    run_git(USER_CLONE, ["update-ref", "-d", f"refs/tags/{name}", oid], git_dir=git_dir)


def remote_has_tag(git_dir: Path, url: str, name: str) -> bool:
    """True when a remote has a tag of that name. Raises GitError when the remote does not answer."""
    words = ["ls-remote", "--tags", "--quiet", "--end-of-options", url, f"refs/tags/{name}"]
    return bool(run_git(REMOTE, words, git_dir=git_dir, timeout=_REMOTE_TIMEOUT).text.strip())


def push_tag(git_dir: Path, url: str, name: str) -> process.ProcessResult:
    """Push one tag and nothing else, without force; the result says whether that succeeded."""
    options = ["--quiet", "--no-follow-tags", "--no-recurse-submodules", "--end-of-options"]
    words = ["push", *options, url, f"refs/tags/{name}:refs/tags/{name}"]
    return run_git(REMOTE, words, git_dir=git_dir, ok=process.ANY_END, timeout=_REMOTE_TIMEOUT)
