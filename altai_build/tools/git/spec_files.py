"""Which files of a commit are specs, and which file a spec is that is a symbolic link."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from altai_build.errors import InputError
from altai_build.model.gitlink import CommitId
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.trees import TreeEntry

# Where a component's specs are; the first of these folders that has any is used.
SPEC_FOLDERS = ("", "rpm", "packaging", "redhat", "SPECS")
# Of symbolic links that lead to each other; Linux follows as many.
_MAX_LINKS = 40
# Bytes of the specs of one component. The longest real ones have a tenth.
_MAX_SPECS = 16 << 20
_MAX_LINK = 4096


def list_specs(tree: Sequence[TreeEntry], folder: str) -> tuple[str, ...]:
    """The spec files directly in a folder, and the symbolic links of such names."""
    return tuple(
        entry.path
        for entry in tree
        if entry.path.endswith(".spec")
        and (entry.is_file or entry.is_link)
        and posixpath.dirname(entry.path) == folder
    )


def read_spec_files(
    store: ObjectStore, commit: CommitId, tree: Sequence[TreeEntry], specs: Sequence[str]
) -> list[bytes]:
    """The contents of specs; a symbolic link has that of the file that it leads to in the same commit.

    Raises InputError for a link that leads to no file of the commit, and for a Git LFS pointer without its content.
    """
    entries = {entry.path: entry for entry in tree if entry.is_file or entry.is_link}
    files = [_follow_links(store, commit, entries, spec) for spec in specs]
    blobs = list(store.read_blobs((entry.oid for entry in files), commit=commit, limit=_MAX_SPECS))
    if any(blob.startswith(b"version https://git-lfs") for blob in blobs):
        # Nearly no spec is in Git LFS.
        from altai_build.tools.git.lfs import make_pointer_error, read_content

        for at, (spec, blob) in enumerate(zip(specs, blobs)):
            content = read_content(store, blob, _MAX_SPECS)
            if content is None:
                raise make_pointer_error(spec, commit)
            blobs[at] = content
    return blobs


def _follow_links(
    store: ObjectStore, commit: CommitId, entries: Mapping[str, TreeEntry], spec: str
) -> TreeEntry:
    entry = entries[spec]
    for _ in range(_MAX_LINKS):
        if entry.is_file:
            return entry
        blob = store.read_blob_start(entry.oid, _MAX_LINK)
        target = blob.decode("utf-8", "surrogateescape")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), target))
        if path not in entries:
            break
        entry = entries[path]
    raise InputError(
        f"{spec} is a symbolic link that leads to no file of the commit {commit[:12]}",
        todo="commit the spec itself, or name another one by `specs` of the component in repos.yaml",
    )
