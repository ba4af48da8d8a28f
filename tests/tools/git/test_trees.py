"""Rows of `git ls-tree`."""

from __future__ import annotations

from altai_build.tools.git.trees import TreeEntry, parse_tree


def test_rows_are_entries_whatever_their_names() -> None:
    oid = "a" * 40
    raw = f"100644 blob {oid}\ta\tb\n\x00120000 blob {oid}\t\udcff\x00160000 commit {oid}\tx/y\0"
    first, link, pin = parse_tree(raw.encode("utf-8", "surrogateescape"))
    assert first == TreeEntry(mode="100644", oid=oid, path="a\tb\n") and first.is_file
    assert link.path == "\udcff" and link.is_link and not link.is_file
    assert (pin.mode, pin.path, pin.is_file) == ("160000", "x/y", False)
