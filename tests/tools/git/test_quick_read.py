"""What one process reads of a commit is what `git ls-tree` lists, or nothing: then others say what is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.gitlink import CommitId
from altai_build.tools import process
from altai_build.tools.git import quick_read
from altai_build.tools.git.command import start_git
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.quick_read import QuickRead, read_quickly
from altai_build.tools.git.trees import parse_tree
from tests.kit.git import Entry, Executable, Pin, Repo, Symlink

FILES: Mapping[str, Entry] = {
    "a.spec": "Name: a\n",
    "rpm/b.spec": "Name: b\n",
    "deep/er/c.spec": "Name: c\n",
    "link.spec": Symlink("a.spec"),
    "run": Executable("#!/bin/sh\n"),
    "sub": Pin("d" * 40),
    "a-b/x": "1",
    "a/x": "1",
    "a.b": "2",
    "name\nwith\ttab\udcff": "3",
}


def open_store(repo: Repo, commit: CommitId, folder: Path) -> ObjectStore:
    return ObjectStore.open_borrowed(
        repo.path / ".git", shadows=folder / "shadows", origin="a test", commit=commit
    )


def read(repo: Repo, commit: CommitId, folder: Path) -> QuickRead | None:
    store = open_store(repo, commit, folder)
    with start_git(store.profile, ["cat-file", "--batch"], git_dir=store.git_dir, input=b"ids") as child:
        return read_quickly(child, commit)


def write(repo: Repo, kind: str, content: bytes) -> str:
    """An object as it stands there, whatever git thinks of it."""
    return repo.git("hash-object", "-t", kind, "--literally", "-w", "--stdin", input=content)


def commit_tree(repo: Repo, tree: str) -> CommitId:
    who = "A <a@example.org> 1 +0000"
    text = f"tree {tree}\nauthor {who}\ncommitter {who}\n\nx\n"
    return CommitId(write(repo, "commit", text.encode()))


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_it_is_what_ls_tree_lists(tmp_path: Path, object_format: str) -> None:
    repo = Repo(tmp_path / "repo", object_format=object_format)
    pin = {"sub": Pin("d" * 64)} if object_format == "sha256" else {}
    commit = repo.commit({**FILES, **pin})
    found = read(repo, commit, tmp_path)
    assert found is not None
    assert found.tree == parse_tree(repo.git_bytes("ls-tree", "-r", "-z", "--full-tree", commit))
    texts = {content for kind, content in found.objects.values() if kind == b"blob"}
    assert texts == {b"Name: a\n", b"Name: b\n"} and found.objects[commit][0] == b"commit"


def test_a_store_reads_tree_time_and_specs_in_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = Repo(tmp_path / "repo")
    commit = repo.commit(FILES)
    store = open_store(repo, commit, tmp_path)
    commands: list[str] = []
    monkeypatch.setattr(process, "_listeners", [commands.append])
    oids = {entry.path: entry.oid for entry in store.read_tree(commit)}
    assert store.read_blobs([oids["rpm/b.spec"]], commit=commit) == [b"Name: b\n"]
    assert store.read_commit_time(commit) > 0 and len(commands) == 1
    # Read again, it is the same; and what is larger than allowed is refused.
    assert store.read_blobs([oids["rpm/b.spec"]]) == [b"Name: b\n"]
    other = open_store(repo, commit, tmp_path)
    other.read_tree(commit)
    with pytest.raises(InputError, match="too large to be read"):
        other.read_blobs([oids["rpm/b.spec"]], limit=3)


def old_mode(repo: Repo) -> bytes:
    blob = write(repo, "blob", b"x")
    return b"100664 x\0" + bytes.fromhex(blob)


def missing_folder(repo: Repo) -> bytes:
    return b"40000 x\0" + b"\xaa" * 20


def cut_off(repo: Repo) -> bytes:
    return old_mode(repo)[:-3]


def no_name(repo: Repo) -> bytes:
    return b"100644 \0" + bytes.fromhex(write(repo, "blob", b"x"))


def folder_that_is_a_file(repo: Repo) -> bytes:
    return b"40000 x\0" + bytes.fromhex(write(repo, "blob", b"x"))


def folder_that_is_repeated(repo: Repo) -> bytes:
    """2 to the power of 60 empty folders."""
    tree = write(repo, "tree", b"")
    for _ in range(60):
        row = bytes.fromhex(tree)
        tree = write(repo, "tree", b"40000 a\0" + row + b"40000 b\0" + row)
    return b"40000 x\0" + bytes.fromhex(tree)


@pytest.mark.parametrize(
    "make", [old_mode, missing_folder, cut_off, no_name, folder_that_is_a_file, folder_that_is_repeated]
)
def test_what_is_unusual_is_left_to_others(
    tmp_path: Path, make: Callable[[Repo], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick_read, "_MAX_ENTRIES", 1000)
    repo = Repo(tmp_path / "repo")
    repo.commit({"x": "x"})
    commit = commit_tree(repo, write(repo, "tree", make(repo)))
    assert read(repo, commit, tmp_path) is None


def test_old_modes_are_listed_as_ls_tree_lists_them(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.commit({"x": "x"})
    commit = commit_tree(repo, write(repo, "tree", old_mode(repo)))
    (entry,) = open_store(repo, commit, tmp_path).read_tree(commit)
    assert (entry.path, entry.mode) == ("x", "100644")


@pytest.mark.parametrize(
    ("name", "limit"), [("_MAX_BYTES", 300), ("_MAX_ENTRIES", 8), ("_MAX_DEPTH", 2), ("_TIMEOUT", 0.0)]
)
def test_what_is_too_much_is_left_to_others(
    tmp_path: Path, name: str, limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = Repo(tmp_path / "repo")
    commit = repo.commit(FILES)
    assert read(repo, commit, tmp_path) is not None
    monkeypatch.setattr(quick_read, name, limit)
    if name == "_TIMEOUT":
        # A pack that never ends is being read.
        os.mkfifo(repo.path / ".git/objects/pack/pack-1.idx")
        os.mkfifo(repo.path / ".git/objects/pack/pack-1.pack")
    assert read(repo, commit, tmp_path) is None
    if name != "_TIMEOUT":
        store = open_store(repo, commit, tmp_path)
        assert len(store.read_tree(commit)) == len(FILES)


@pytest.mark.parametrize("gone", ["e" * 40, "tree", "blob"])
def test_what_is_not_a_commit_here_has_no_result(tmp_path: Path, gone: str) -> None:
    repo = Repo(tmp_path / "repo")
    commit = repo.commit({"x": "x"})
    names = {"tree": f"{commit}^{{tree}}", "blob": f"{commit}:x"}
    oid = repo.git("rev-parse", names[gone]) if gone in names else gone
    assert read(repo, CommitId(oid), tmp_path) is None


def test_more_folders_than_a_pipe_holds_are_asked_for_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick_read, "IDS_AT_ONCE", 2)
    repo = Repo(tmp_path / "repo")
    commit = repo.commit({f"{number}/x": f"{number}" for number in range(7)})
    found = read(repo, commit, tmp_path)
    assert found is not None
    assert found.tree == parse_tree(repo.git_bytes("ls-tree", "-r", "-z", commit))
