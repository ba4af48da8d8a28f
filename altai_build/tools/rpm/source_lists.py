"""Lists of checksums beside a spec, as dist-git repositories have them."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from altai_build.model.checksum import Checksum
from altai_build.model.sources import read_checksum_list
from altai_build.tools.git.component_source import ComponentSpec
from altai_build.tools.git.trees import TreeEntry

# Bytes. Real lists have some hundred.
_LARGEST_LIST = 1 << 20


def read_checksum_lists(source: ComponentSpec) -> dict[str, Mapping[str, Checksum | None]]:
    """Path → file name → checksum, of the lists beside a component's spec, above it and at the root.

    dist-git calls them `sources`, CentOS `.NAME.metadata`. A checksum that proves nothing is None.
    """
    entries = _find_checksum_lists(source)
    if not entries:
        return {}
    sizes = source.store.read_blob_sizes([entry.oid for entry in entries])
    small = [entry for entry, size in zip(entries, sizes) if size <= _LARGEST_LIST]
    texts = source.store.read_blobs([entry.oid for entry in small])
    read = (
        (entry.path, read_checksum_list(text.decode("utf-8", "replace"))) for entry, text in zip(small, texts)
    )
    return {path: checksums for path, checksums in read if checksums is not None}


def _find_checksum_lists(source: ComponentSpec) -> list[TreeEntry]:
    beside = posixpath.dirname(source.component.spec)
    folders = (beside, posixpath.dirname(beside), "")
    found = [
        entry
        for entry in source.tree
        if entry.path.endswith(("sources", ".metadata"))
        and entry.is_file
        and posixpath.dirname(entry.path) in folders
        and _is_list_name(posixpath.basename(entry.path))
    ]
    return sorted(found, key=lambda entry: folders.index(posixpath.dirname(entry.path)))


def _is_list_name(name: str) -> bool:
    return name == "sources" or (name.startswith(".") and name.endswith(".metadata"))
