"""The attributes that a commit gives its files (gitattributes(5)), as `git archive` of that commit sees them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from altai_build.model.gitlink import CommitId, require_commit
from altai_build.tools.git.command import run_git
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.trees import TreeEntry


def _is_attributes_file(entry: TreeEntry) -> bool:
    return entry.path.rpartition("/")[2] == ".gitattributes"


def read_attribute_files(store: ObjectStore, tree: Sequence[TreeEntry]) -> bytes:
    """All .gitattributes of a commit: no file has an attribute whose name is not in them."""
    oids = [entry.oid for entry in tree if entry.is_file and _is_attributes_file(entry)]
    return b"\n".join(store.read_blobs(oids)) if oids else b""


def read_attribute(
    store: ObjectStore, commit: CommitId, name: str, paths: Iterable[str]
) -> Mapping[str, str]:
    """Path → value of one attribute, for the paths that have it; those of folders end with a slash.

    git has no way to look into a commit before version 2.40, so the commit is read into an index first.
    """
    asked = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
    with tempfile.TemporaryDirectory(prefix="altai-index.") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        profile = store.profile._replace(environment={**store.profile.environment, **index})
        words = ["read-tree", require_commit(commit)]
        run_git(profile, words, git_dir=store.git_dir, place=store.origin)
        words = ["check-attr", "--cached", "-z", "--stdin", name]
        listed = run_git(profile, words, git_dir=store.git_dir, place=store.origin, input=asked)
    fields = listed.text.split("\0")[:-1]
    rows = zip(fields[::3], fields[2::3])
    return {path: value for path, value in rows if value not in ("unspecified", "unset")}


def list_left_out(
    store: ObjectStore, commit: CommitId, tree: Sequence[TreeEntry], paths: Sequence[str]
) -> set[str]:
    """Those of the paths that `git archive` leaves out because they, or a folder above, have export-ignore."""
    if not paths or not any(map(_is_attributes_file, tree)):
        return set()
    places = {path: _list_places(path) for path in paths}
    asked = sorted({place for found in places.values() for place in found})
    ignored = read_attribute(store, commit, "export-ignore", asked).keys()
    return {path for path, found in places.items() if not ignored.isdisjoint(found)}


def _list_places(path: str) -> list[str]:
    """A path as that of a file and of a folder, and the folders above it."""
    parts = path.split("/")
    return [path, *("/".join(parts[:end]) + "/" for end in range(1, len(parts) + 1))]
