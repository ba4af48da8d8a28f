"""Git LFS: files whose blob is a pointer, while their content is outside of git's objects (git-lfs's docs/spec.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.gitlink import CommitId
from altai_build.regular_files import read_regular_file
from altai_build.tools.files import sha256_file
from altai_build.tools.git.attributes import list_left_out, read_attribute
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.trees import TreeEntry

# Bytes. A pointer is smaller.
POINTER_LIMIT = 1024
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*oid sha256:([^\n]*)\nsize ([0-9]{1,18})\n",
)
_POINTER_START = b"version https://git-lfs.github.com/spec/"
_MAX_SHOWN = 10


@dataclass(frozen=True)
class LfsPointer:
    """What a pointer says of the content: its digest (SHA-256) and its size in bytes."""

    oid: str
    size: int


def parse_pointer(content: bytes) -> LfsPointer | None:
    """The pointer that a blob is, read from its first POINTER_LIMIT bytes; None for another one."""
    if not content.startswith(_POINTER_START):
        return None
    found = _POINTER.match(content)
    oid = found.group(1).decode("ascii", "replace") if found else ""
    return LfsPointer(oid=oid, size=int(found.group(2)) if found else -1)


def find_content(store: ObjectStore, pointer: LfsPointer) -> Path | None:
    """The content of a pointer in the clone that has its commit, where `git lfs fetch` puts it; None without it."""
    if not re.fullmatch(r"[0-9a-f]{64}", pointer.oid):
        return None
    path = store.objects / "lfs" / "objects" / pointer.oid[:2] / pointer.oid[2:4] / pointer.oid
    if not path.is_file() or path.stat().st_size != pointer.size or sha256_file(path) != pointer.oid:
        return None
    return path


def read_content(store: ObjectStore, blob: bytes, limit: int) -> bytes | None:
    """What a small file of a commit says: its blob, or what that is a pointer to; None where the clone lacks it.

    Raises InputError when it has more than `limit` bytes.
    """
    pointer = parse_pointer(blob)
    if pointer is None:
        return blob
    path = find_content(store, pointer)
    if path is None:
        return None
    if pointer.size > limit:
        raise InputError(f"a file in Git LFS has {pointer.size} bytes, and {limit} are allowed where it is")
    return read_regular_file(path, limit=limit)


def make_pointer_error(file: str, commit: CommitId) -> InputError:
    """The error for a file that is read, and whose content is not in the clone."""
    return InputError(
        f"{file} is a Git LFS pointer, not the file",
        why="its content is not in the clone",
        todo=f"fetch it into a clone of the component at its place in the superproject (git lfs fetch origin "
        f"{commit[:12]}), or commit the file itself",
    )


def find_lfs_files(
    store: ObjectStore, commit: CommitId, tree: Sequence[TreeEntry], attributes: bytes
) -> Mapping[str, Path]:
    """Path → content of the files of a commit that are in Git LFS and that `git archive` does not leave out.

    `attributes` are its .gitattributes (`attributes.read_attribute_files`).
    Raises InputError naming those whose content is not in the clone.
    """
    if b"lfs" not in attributes:
        return {}
    files = {entry.path: entry.oid for entry in tree if entry.is_file}
    filters = read_attribute(store, commit, "filter", files)
    paths = [path for path, value in filters.items() if value == "lfs"]
    sizes = store.read_blob_sizes([files[path] for path in paths])
    small = [path for path, size in zip(paths, sizes) if size < POINTER_LIMIT]
    contents = store.read_blobs([files[path] for path in small])
    pointers = {path: pointer for path, raw in zip(small, contents) if (pointer := parse_pointer(raw))}
    left_out = list_left_out(store, commit, tree, list(pointers))
    found = {path: find_content(store, pointer) for path, pointer in pointers.items() if path not in left_out}
    missing = sorted(path for path, content in found.items() if content is None)
    if missing:
        raise _missing_error(store, commit, missing)
    return {path: content for path, content in found.items() if content is not None}


def _missing_error(store: ObjectStore, commit: CommitId, missing: Sequence[str]) -> InputError:
    shown = [f"  {path}" for path in missing[:_MAX_SHOWN]]
    if len(missing) > _MAX_SHOWN:
        shown.append(f"  and {len(missing) - _MAX_SHOWN} more")
    return InputError(
        f"the archive of {store.origin} would have Git LFS pointers in place of files",
        why="\n".join(["the content of these files is not there:", *shown]),
        todo=f"fetch it into a clone of the component at its place in the superproject (git lfs fetch origin "
        f"{commit[:12]}), or leave the files out of the archive by export-ignore in .gitattributes",
    )
