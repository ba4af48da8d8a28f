"""Git repositories made by the real git: one process a commit, any bytes as paths, pins of other repositories."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from altai_build.model.gitlink import CommitId

FIRST_COMMIT_TIME = (
    1_354_320_000  # 2012-12-01 00:00:00 UTC; each commit of a repository is a day later than the one before
)


@dataclass(frozen=True)
class Pin:
    """A gitlink to be written into a tree."""

    commit: str


@dataclass(frozen=True)
class Symlink:
    """A symbolic link to be written into a tree."""

    target: str


@dataclass(frozen=True)
class Executable:
    """An executable file to be written into a tree."""

    text: str


# What stands at a path from a commit on; None: nothing any more.
Entry = Union[str, bytes, Pin, Symlink, Executable, None]


class Repo:
    """A repository under construction; its work tree is never made."""

    def __init__(self, path: Path, *, object_format: str = "sha1", bare: bool = False) -> None:
        self.path = path
        self._commits = 0
        kind = ["--bare"] if bare else []
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main", f"--object-format={object_format}", *kind)

    def git(self, *words: str, input: bytes | None = None) -> str:
        """Run git in the repository and return what it printed; a failure is a failed test."""
        return self.git_bytes(*words, input=input).decode("utf-8", "surrogateescape").strip()

    def git_bytes(self, *words: str, input: bytes | None = None) -> bytes:
        """The same, for output that is no text."""
        result = subprocess.run(
            ["git", "-C", str(self.path), *words],
            input=input if input is not None else b"",
            capture_output=True,
            check=False,
            env={**os.environ, **_IDENTITY},
        )
        assert result.returncode == 0, f"git {' '.join(words)}: {result.stderr.decode('utf-8', 'replace')}"
        return result.stdout

    def commit(
        self,
        changes: Mapping[str, Entry],
        *,
        message: str = "change",
        branch: str = "main",
        parents: Sequence[str] | None = None,
        empty: bool = False,
        time: int | None = None,
    ) -> CommitId:
        """Commit changed paths on a branch and return the commit's id.

        Without `parents` it follows the branch; with none given (an empty list) it begins a history. `empty`: the
        tree starts from nothing instead of from the first parent's.
        """
        when = FIRST_COMMIT_TIME + 86_400 * self._commits if time is None else time
        self._commits += 1
        ref = f"refs/heads/{branch}"
        lines = [b"reset " + ref.encode()] if parents == [] else []
        lines += [b"commit " + ref.encode(), b"mark :1", f"committer A <a@example.org> {when} +0000".encode()]
        lines += [*_data(message.encode())]
        if parents is None:
            known = self._known(ref)
            lines += [f"from {known}".encode()] if known else []
        else:
            lines += [f"{'merge' if n else 'from'} {parent}".encode() for n, parent in enumerate(parents)]
        if empty:
            lines.append(b"deleteall")
        for path, entry in changes.items():
            lines += _change(_quoted(path), entry)
        # It prints the commit's id: another process for that would take as long as this one.
        stream = b"\n".join([*lines, b"get-mark :1", b"done", b""])
        return CommitId(self.git("fast-import", "--quiet", "--force", "--done", input=stream))

    def _known(self, ref: str) -> str:
        """The commit at the end of a branch, "" when there is none."""
        loose = next((path for path in (self.path / ".git" / ref, self.path / ref) if path.is_file()), None)
        if loose is not None:
            return loose.read_text().strip()
        result = subprocess.run(
            ["git", "-C", str(self.path), "rev-parse", "--quiet", "--verify", ref],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
        )
        return result.stdout.decode().strip()


def gitmodules(urls: Mapping[str, str], *, names: Mapping[str, str] | None = None, more: str = "") -> str:
    """The text of a .gitmodules file: path → URL; a submodule is called after its path unless `names` says other."""
    rows = []
    for path, url in urls.items():
        name = (names or {}).get(path, path)
        rows.append(f'[submodule "{name}"]\n\tpath = {path}\n\turl = {url}\n{more}')
    return "".join(rows)


_IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


def _change(path: bytes, entry: Entry) -> list[bytes]:
    if entry is None:
        return [b"D " + path]
    if isinstance(entry, Pin):
        return [b"M 160000 " + entry.commit.encode() + b" " + path]
    if isinstance(entry, Symlink):
        return [b"M 120000 inline " + path, *_data(entry.target.encode("utf-8", "surrogateescape"))]
    if isinstance(entry, Executable):
        return [b"M 100755 inline " + path, *_data(entry.text.encode())]
    data = entry.encode("utf-8", "surrogateescape") if isinstance(entry, str) else entry
    return [b"M 100644 inline " + path, *_data(data)]


def _data(data: bytes) -> list[bytes]:
    return [f"data {len(data)}".encode(), data]


def _quoted(path: str) -> bytes:
    """A path as git-fast-import(1) wants it when it holds anything unusual."""
    raw = path.encode("utf-8", "surrogateescape")
    return (
        b'"' + b"".join(b"\\%03o" % c if c < 33 or c in b'"\\' or c > 126 else bytes([c]) for c in raw) + b'"'
    )
