"""Markers `$Format:…$` (export-subst, gitattributes(5)) whose text the commit does not decide: they stay as they are.

`git archive` expands them by what it finds in the clone: references, notes, the keys that this user trusts, the clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from altai_build.errors import InputError
from altai_build.model.gitlink import CommitId, require_commit
from altai_build.tools.git.attributes import list_left_out, read_attribute
from altai_build.tools.git.command import own_mailmap
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.trees import TreeEntry

_MARKER = re.compile(rb"\$Format:([^$]*)\$")
# The placeholders of git-log(1), PRETTY FORMATS, that depend on more than the commit, behind `+`, `-` or a blank.
_UNDECIDED = re.compile(
    rb"%%|%[+ -]?(?:"
    # Names of references, tags, the reflog, notes, signatures; relative times.
    rb"[dDSN]|\((?:describe|decorate)\b|g[A-Za-z]|G[?A-Z]|[ac][rh]"
    rb")"
)
# Different markers in the files of one commit that have one of those: git runs for each.
_MAX_EXPANDED = 100
_MAX_FORMAT = 1 << 16  # bytes
_MAX_NAMED = 100  # paths in one command; with more, git looks into all files
_MAX_SHOWN = 60  # characters of a marker in a message


@dataclass(frozen=True)
class SubstitutedFile:
    """The content of a file in an archive, and those of its markers that stay as they are."""

    content: bytes
    kept: tuple[str, ...]


def substitute_files(
    store: ObjectStore, commit: CommitId, tree: Sequence[TreeEntry], attributes: bytes
) -> Mapping[str, SubstitutedFile]:
    """Path → content of the files with such a marker; their other markers are expanded as `git archive` does.

    `git archive` itself does that for all other files. `attributes` are the commit's .gitattributes
    (`attributes.read_attribute_files`).
    """
    if b"export-subst" not in attributes:
        return {}
    files = {entry.path: entry.oid for entry in tree if entry.is_file}
    values = read_attribute(store, commit, "export-subst", files)
    substituted = [path for path, value in values.items() if value == "set"]
    with_markers = _list_files_with_markers(store, commit, substituted)
    left_out = list_left_out(store, commit, tree, with_markers)
    paths = [path for path in with_markers if path not in left_out]
    contents = dict(zip(paths, store.read_blobs([files[path] for path in paths])))
    expander = _Expander(store, commit)
    return {
        path: expander.expand(content)
        for path, content in contents.items()
        if any(is_undecided(marker) for marker in _MARKER.findall(content))
    }


def is_undecided(format: bytes) -> bool:
    """Whether the text of a marker with this format depends on more than the commit."""
    return len(format) > _MAX_FORMAT or any(found != b"%%" for found in _UNDECIDED.findall(format))


def _list_files_with_markers(store: ObjectStore, commit: CommitId, paths: Sequence[str]) -> list[str]:
    """Those of the paths whose content has a marker. There may be more, and larger ones, than could be read."""
    if not paths:
        return []
    words = ["grep", "--files-with-matches", "--null", "--text", "--fixed-strings", "-e", "$Format:"]
    limit = [f":(top,literal){path}" for path in paths] if len(paths) <= _MAX_NAMED else []
    found = store.run([*words, require_commit(commit), "--", *limit], ok=(0, 1))
    names = {name.partition(":")[2] for name in found.text.split("\0")}
    return [path for path in paths if path in names]


class _Expander:
    """Expands the markers that the commit decides."""

    def __init__(self, store: ObjectStore, commit: CommitId) -> None:
        self._store = store
        self._commit = commit
        self._texts: dict[bytes, bytes] = {}

    def expand(self, content: bytes) -> SubstitutedFile:
        kept: dict[str, None] = {}

        def replace(found: re.Match[bytes]) -> bytes:
            if is_undecided(found[1]):
                marker = found[0].decode("utf-8", "replace")
                kept[marker if len(marker) <= _MAX_SHOWN else f"{marker[:_MAX_SHOWN]}…"] = None
                return found[0]
            if found[1] not in self._texts:
                self._texts[found[1]] = self._format(found[1])
            return self._texts[found[1]]

        return SubstitutedFile(content=_MARKER.sub(replace, content), kept=tuple(kept))

    def _format(self, format: bytes) -> bytes:
        if len(self._texts) >= _MAX_EXPANDED:
            raise InputError(
                f"{self._store.origin} has more than {_MAX_EXPANDED} different markers $Format:…$ in files that depend "
                "on references",
                todo="put them in files without %(describe), %d, %D and the like",
            )
        # As in `git archive`, the format ends at a NUL.
        text = format.partition(b"\0")[0].decode("utf-8", "surrogateescape")
        words = [*own_mailmap(self._commit), "log", "-1", "-z", f"--format=tformat:{text}"]
        words.append(require_commit(self._commit))
        return self._store.run(words).stdout.removesuffix(b"\0")
