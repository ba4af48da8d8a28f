"""Annotated tags in repositories of the user's: made whole, never moved, pushed one by one."""

from __future__ import annotations

import os
from collections.abc import Container
from pathlib import Path

from altai_build.tools import process
from altai_build.tools.git.objects import ALLOWED_PROTOCOLS, require_commit

_REMOTE_TIMEOUT = 120.0
_NO_HOOKS = ["-c", "core.hooksPath=/dev/null"]  # a user's hooks are for the user's own commands


def format_tag(name: str, commit: str, tagger: str, time: int, message: str) -> bytes:
    """The tag object, unsigned (git-mktag(1)); `tagger` is `Name <address>`, `time` seconds since the epoch."""
    head = f"object {require_commit(commit)}\ntype commit\ntag {name}\ntagger {tagger} {time} +0000\n"
    return f"{head}\n{message.rstrip()}\n".encode()


def has_commit(git_dir: Path, commit: str) -> bool:
    """Whether a repository has the commit that is to be tagged."""
    words = ["cat-file", "-e", f"{require_commit(commit)}^{{commit}}"]
    return _git(git_dir, words, ok=process.ANY_STATUS).returncode == 0


def read_tag(git_dir: Path, name: str) -> bytes | None:
    """The tag object behind a name, its signature included; None when there is no such tag.

    A lightweight tag is told as what it points to, which no text of ours can be.
    """
    found = _git(git_dir, ["cat-file", "-p", f"refs/tags/{name}"], ok=(0, 128))
    return found.stdout if found.returncode == 0 else None


def write_tag(git_dir: Path, name: str, text: bytes) -> str:
    """Store a tag object and give it its name; raises ProgramFailed when the name is taken. Returns its id."""
    oid = _git(git_dir, ["mktag"], input=text).text.strip()
    _git(git_dir, ["update-ref", f"refs/tags/{name}", oid, "0" * len(oid)])
    return oid


def delete_tag(git_dir: Path, name: str, oid: str) -> None:
    """Take a name back, as long as it still means that object."""
    _git(git_dir, ["update-ref", "-d", f"refs/tags/{name}", oid])


def remote_has_tag(git_dir: Path, url: str, name: str) -> bool:
    """Whether a remote has a tag of that name. Raises ProgramFailed when it cannot be asked."""
    asked = ["ls-remote", "--tags", "--quiet", "--end-of-options", url, f"refs/tags/{name}"]
    return bool(_git(git_dir, asked, remote=True).text.strip())


def push_tag(git_dir: Path, url: str, name: str) -> process.ProcessResult:
    """Push one tag and nothing else, without force; the result tells how it went."""
    reference = f"refs/tags/{name}:refs/tags/{name}"
    words = [
        "push",
        "--quiet",
        "--no-follow-tags",
        "--no-recurse-submodules",
        "--end-of-options",
        url,
        reference,
    ]
    return _git(git_dir, words, remote=True, ok=process.ANY_END)


def _git(
    git_dir: Path,
    words: list[str],
    *,
    input: bytes | None = None,
    ok: Container[int] = (0,),
    remote: bool = False,
) -> process.ProcessResult:
    env = {"GIT_DIR": str(git_dir), "GIT_TERMINAL_PROMPT": "0"}
    if remote:
        env |= {"GIT_ALLOW_PROTOCOL": ALLOWED_PROTOCOLS, "GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
        env |= {name: os.environ[name] for name in ("SSH_AUTH_SOCK",) if name in os.environ}
    return process.run(
        ["git", *_NO_HOOKS, *words], env=env, input=input, ok=ok, timeout=_REMOTE_TIMEOUT if remote else None
    )
