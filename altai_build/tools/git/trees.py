"""The leaves of a commit's tree, and how many of them git is asked for at once."""

from __future__ import annotations

from dataclasses import dataclass

# As many object ids as a pipe holds.
IDS_AT_ONCE = 800


@dataclass(frozen=True)
class TreeEntry:
    """One leaf of a commit's tree."""

    mode: str
    oid: str
    path: str

    @property
    def is_file(self) -> bool:
        """A regular file (a symbolic link is not: it could point anywhere)."""
        return self.mode in ("100644", "100755")

    @property
    def is_link(self) -> bool:
        """A symbolic link; its blob is the target."""
        return self.mode == "120000"


def parse_tree(raw: bytes) -> tuple[TreeEntry, ...]:
    """The rows of `git ls-tree -r -z`."""
    entries = []
    for row in raw.split(b"\0")[:-1]:
        head, path = row.split(b"\t", 1)
        mode, _kind, oid = head.decode("ascii").split(" ")
        entries.append(TreeEntry(mode=mode, oid=oid, path=path.decode("utf-8", "surrogateescape")))
    return tuple(entries)
