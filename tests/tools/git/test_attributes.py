"""Attributes of a commit's files are those that git finds in that commit, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.model.gitlink import CommitId
from altai_build.tools.git.attributes import list_left_out, read_attribute, read_attribute_files
from altai_build.tools.git.objects import ObjectStore
from tests.kit.git import Entry, Repo

TREE: dict[str, Entry] = {
    "a/b/c.bin": "1",
    "a/d.bin": "2",
    "ö e\n": "3",
    ".gitattributes": "*.bin filter=lfs -text\n[attr]gone export-ignore\na/b/ gone\nö* gone\n",
    "a/.gitattributes": "d.bin !filter\n",
}


def open_commit(tmp_path: Path, files: dict[str, Entry]) -> tuple[ObjectStore, CommitId]:
    repo = Repo(tmp_path / "repo")
    commit = repo.commit(files)
    store = ObjectStore.open_borrowed(
        repo.path / ".git", shadows=tmp_path / "shadows", origin="a test", commit=commit
    )
    return store, commit


def test_values_of_an_attribute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, commit = open_commit(tmp_path, TREE)
    (tmp_path / "repo/.git/info").mkdir(exist_ok=True)
    (tmp_path / "repo/.git/info/attributes").write_text("* filter=mine\n")
    paths = [entry.path for entry in store.read_tree(commit)]
    assert read_attribute(store, commit, "filter", paths) == {"a/b/c.bin": "lfs"}
    assert read_attribute(store, commit, "text", paths) == {}
    assert read_attribute(store, commit, "filter", []) == {}


def test_what_an_archive_leaves_out(tmp_path: Path) -> None:
    store, commit = open_commit(tmp_path, TREE)
    tree = store.read_tree(commit)
    paths = [entry.path for entry in tree]
    assert list_left_out(store, commit, tree, paths) == {"a/b/c.bin", "ö e\n"}
    assert list_left_out(store, commit, tree, []) == set()


def test_a_commit_without_attributes_is_not_looked_into(tmp_path: Path) -> None:
    store, commit = open_commit(tmp_path, {"x": "1", "gitattributes": "x"})
    tree = store.read_tree(commit)
    store.git_dir = tmp_path / "none"
    assert read_attribute_files(store, tree) == b"" and list_left_out(store, commit, tree, ["x"]) == set()
