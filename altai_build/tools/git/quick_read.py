"""A commit's tree, and the specs near its root, read by one git process where nothing about them is unusual.

`git ls-tree` and another process for the specs take twice as long. What is damaged, missing, huge, or not as git itself
writes it, has no result here: then these two are asked, and they say what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Timer
from typing import NamedTuple

from altai_build.model.gitlink import CommitId
from altai_build.tools.git.trees import IDS_AT_ONCE, TreeEntry
from altai_build.tools.process import ChildProcess

# Seconds, bytes of all objects together, files and folders, folders in one another, specs.
_TIMEOUT = 60.0
_MAX_BYTES = 32 << 20
_MAX_ENTRIES = 100_000
_MAX_DEPTH = 100
_MAX_SPECS = 20
# Bytes of the line before an object.
_MAX_HEAD = 256
_FOLDER = b"40000"
# As git writes them; old versions wrote others.
_MODES = {b"100644": "100644", b"100755": "100755", b"120000": "120000", b"160000": "160000"}


class QuickRead(NamedTuple):
    """The leaves of a commit's tree in git's order, and some of its objects: id → kind, content."""

    tree: tuple[TreeEntry, ...]
    objects: Mapping[str, tuple[bytes, bytes]]


class _UnusualError(Exception):
    """What `git ls-tree` has to judge."""


def read_quickly(child: ChildProcess, commit: CommitId) -> QuickRead | None:
    """The tree and the specs of a commit from a running `git cat-file --batch`, which has ended then."""
    timer = Timer(_TIMEOUT, child.kill)
    timer.start()
    try:
        found = _Reader(child).read(commit)
        assert child.stdin is not None
        child.stdin.close()
        return found if child.wait() == 0 else None
    except (_UnusualError, ValueError, OSError):
        return None
    finally:
        timer.cancel()


@dataclass
class _Reader:
    """Asks for objects, one after another."""

    child: ChildProcess
    bytes_left: int = field(default_factory=lambda: _MAX_BYTES)
    entries_left: int = field(default_factory=lambda: _MAX_ENTRIES)

    def read(self, commit: CommitId) -> QuickRead:
        (raw,) = self._ask([commit], b"commit")
        first, _, _ = raw.partition(b"\n")
        if not first.startswith(b"tree ") or len(first) != len("tree ") + len(commit):
            raise _UnusualError
        root = first[len("tree ") :].decode("ascii")
        folders = self._read_folders(root)
        tree = tuple(self._list_leaves(folders, root, ""))
        specs = [
            one.oid for one in tree if one.is_file and one.path.endswith(".spec") and one.path.count("/") < 2
        ]
        specs = [*dict.fromkeys(specs)][:_MAX_SPECS]
        objects = {oid: (b"blob", content) for oid, content in zip(specs, self._ask(specs, b"blob"))}
        return QuickRead(tree, {commit: (b"commit", raw), **objects})

    def _read_folders(self, root: str) -> dict[str, list[tuple[str, str, str]]]:
        """Object id of each folder → mode ("" for a folder), name and object id of what is in it."""
        folders: dict[str, list[tuple[str, str, str]]] = {}
        pending = [root]
        for _ in range(_MAX_DEPTH):
            for oid, content in zip(pending, self._ask(pending, b"tree")):
                folders[oid] = list(_parse_folder(content, len(root) // 2))
            below = [oid for folder in pending for mode, _, oid in folders[folder] if not mode]
            pending = [oid for oid in dict.fromkeys(below) if oid not in folders]
            if not pending:
                return folders
        raise _UnusualError

    def _list_leaves(
        self, folders: Mapping[str, Sequence[tuple[str, str, str]]], folder: str, path: str
    ) -> Iterator[TreeEntry]:
        """What is below a folder. One that is repeated in others may be there more often than could ever be listed."""
        for mode, name, oid in folders[folder]:
            self.entries_left -= 1
            if self.entries_left < 0:
                raise _UnusualError
            if mode:
                yield TreeEntry(mode=mode, oid=oid, path=path + name)
            else:
                yield from self._list_leaves(folders, oid, f"{path}{name}/")

    def _ask(self, oids: Sequence[str], kind: bytes) -> list[bytes]:
        assert self.child.stdin is not None
        contents = []
        for at in range(0, len(oids), IDS_AT_ONCE):
            part = oids[at : at + IDS_AT_ONCE]
            self.child.stdin.write("".join(f"{oid}\n" for oid in part).encode())
            self.child.stdin.flush()
            contents += [self._read_object(oid, kind) for oid in part]
        return contents

    def _read_object(self, oid: str, kind: bytes) -> bytes:
        """The object that git prints next (git-cat-file(1), BATCH OUTPUT)."""
        assert self.child.stdout is not None
        words = self.child.stdout.readline(_MAX_HEAD).split()
        if len(words) != 3 or words[:2] != [oid.encode(), kind] or not words[2].isdigit():
            raise _UnusualError
        size = int(words[2])
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise _UnusualError
        content = self.child.stdout.read(size + 1)
        if len(content) != size + 1:
            raise _UnusualError
        return content[:-1]


def _parse_folder(raw: bytes, oid_size: int) -> Iterator[tuple[str, str, str]]:
    """The entries of a tree object: `MODE NAME NUL ID`, the id as bytes. Raises ValueError where it is cut off."""
    at = 0
    while at < len(raw):
        space = raw.index(b" ", at)
        end = raw.index(b"\0", space)
        mode, name, oid = raw[at:space], raw[space + 1 : end], raw[end + 1 : end + 1 + oid_size]
        if len(oid) != oid_size or not name or b"/" in name or (mode != _FOLDER and mode not in _MODES):
            raise _UnusualError
        yield _MODES.get(mode, ""), name.decode("utf-8", "surrogateescape"), oid.hex()
        at = end + 1 + oid_size
