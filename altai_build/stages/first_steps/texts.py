"""Some files of a commit as text, within limits: strangers wrote them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from altai_build.errors import AltaiError
from altai_build.model.gitlink import CommitId
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.trees import TreeEntry

_MAX_FILE = 256 << 10  # bytes; a spec with a long changelog has as many
_MAX_FILES = 400
_MAX_ALL = 16 << 20


class CommitFiles:
    """The files of a commit. Larger ones, links, and those that cannot be read are as if they were not there."""

    def __init__(self, store: ObjectStore, commit: CommitId, *, limit: int = _MAX_FILE) -> None:
        """`limit` is the size in bytes up to which a file is read. Raises InputError for a damaged repository."""
        self.store = store
        self.commit = commit
        self.tree = store.read_tree(commit)
        self._entries = {entry.path: entry for entry in self.tree if entry.is_file}
        self._limit = limit

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of regular files."""
        return tuple(self._entries)

    def read_where(self, is_wanted: Callable[[str], bool]) -> dict[str, str]:
        """Path → text of the files whose path is wanted; of very many only the first."""
        return self.read([path for path in self._entries if is_wanted(path)])

    def read(self, paths: Sequence[str]) -> dict[str, str]:
        """Path → text of these files, as far as they are there."""
        return {path: data.decode("utf-8", "replace") for path, data in self.read_contents(paths).items()}

    def read_contents(self, paths: Sequence[str]) -> dict[str, bytes]:
        """Path → content of these files, as far as they are there."""
        entries = [self._entries[path] for path in paths[:_MAX_FILES] if path in self._entries]
        try:
            chosen = self._choose(entries)
            contents = self.store.read_blobs([entry.oid for entry in chosen], limit=2 * _MAX_ALL)
        except AltaiError:
            return {}
        return {entry.path: content for entry, content in zip(chosen, contents)}

    def _choose(self, entries: Sequence[TreeEntry]) -> list[TreeEntry]:
        """The entries that are small enough, as many as fit."""
        chosen, total = [], 0
        for entry, size in zip(entries, self.store.read_blob_sizes([entry.oid for entry in entries])):
            if size <= self._limit and total + size <= _MAX_ALL:
                chosen.append(entry)
                total += size
        return chosen
