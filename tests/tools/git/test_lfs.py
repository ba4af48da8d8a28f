"""Pointers of Git LFS are known by their attribute and their text; their content comes from the clone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.gitlink import CommitId
from altai_build.tools.disk import WriteBudget
from altai_build.tools.git.archive import ArchivePart, write_archive
from altai_build.tools.git.attributes import read_attribute_files
from altai_build.tools.git.lfs import LfsPointer, find_lfs_files, parse_pointer
from altai_build.tools.git.objects import ObjectStore
from tests.kit.git import Entry, Repo
from tests.kit.superprojects import members

CONTENT = b"the content, " * 999
OID = hashlib.sha256(CONTENT).hexdigest()
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize {len(CONTENT)}\n"


def open_commit(
    tmp_path: Path, files: Mapping[str, Entry], *, fetched: bytes | None = None
) -> tuple[ObjectStore, CommitId]:
    """A clone with one commit of these files; `fetched` is what it has as the content of POINTER."""
    repo = Repo(tmp_path / "repo")
    commit = repo.commit(files)
    if fetched is not None:
        path = repo.path / ".git/lfs/objects" / OID[:2] / OID[2:4] / OID
        path.parent.mkdir(parents=True)
        path.write_bytes(fetched)
    store = ObjectStore.open_borrowed(
        repo.path / ".git", shadows=tmp_path / "shadows", origin="a test", commit=commit
    )
    return store, commit


def find(tmp_path: Path, files: Mapping[str, Entry], fetched: bytes | None = None) -> dict[str, bytes]:
    store, commit = open_commit(tmp_path, files, fetched=fetched)
    tree = store.read_tree(commit)
    found = find_lfs_files(store, commit, tree, read_attribute_files(store, tree))
    return {path: content.read_bytes() for path, content in found.items()}


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (POINTER, LfsPointer(OID, len(CONTENT))),
        (POINTER.replace("oid", "ext-0-foo sha256:1\noid"), LfsPointer(OID, len(CONTENT))),
        (POINTER.replace(OID, "../" * 20), LfsPointer("../" * 20, len(CONTENT))),
        ("version https://git-lfs.github.com/spec/v2\nsomething else\n", LfsPointer("", -1)),
        ("version 1\n", None),
        ("", None),
    ],
)
def test_pointers(text: str, pointer: LfsPointer | None) -> None:
    assert parse_pointer(text.encode()) == pointer


LFS: dict[str, Entry] = {".gitattributes": "*.bin filter=lfs -text\n", "a/b.bin": POINTER, "c.txt": POINTER}


def test_the_content_comes_from_the_clone(tmp_path: Path) -> None:
    assert find(tmp_path, {**LFS, "plain.bin": "not a pointer"}, CONTENT) == {"a/b.bin": CONTENT}


@pytest.mark.parametrize("fetched", [None, CONTENT[:-1], b"x" + CONTENT[1:]])
def test_a_content_that_is_missing_or_another_one_is_named(tmp_path: Path, fetched: bytes | None) -> None:
    store, commit = open_commit(tmp_path, LFS, fetched=fetched)
    tree = store.read_tree(commit)
    with pytest.raises(InputError) as caught:
        find_lfs_files(store, commit, tree, read_attribute_files(store, tree))
    assert str(caught.value) == (
        "the archive of a test would have Git LFS pointers in place of files\n"
        "the content of these files is not there:\n  a/b.bin\n"
        "What to do: fetch it into a clone of the component at its place in the superproject (git lfs fetch origin "
        f"{commit[:12]}), or leave the files out of the archive by export-ignore in .gitattributes"
    )


@pytest.mark.parametrize(
    "files",
    [
        {"a.bin": POINTER},
        {".gitattributes": "*.bin -text\n", "a.bin": POINTER},
        {".gitattributes": "*.bin filter=lfs\na.bin -filter\n", "a.bin": POINTER},
        {".gitattributes": "a/* filter=lfs export-ignore\n", "a/b.bin": POINTER},
        {".gitattributes": "a filter=lfs\n", "a": "x" * 2000},
    ],
)
def test_what_is_no_file_of_git_lfs_or_not_in_the_archive(tmp_path: Path, files: dict[str, Entry]) -> None:
    assert find(tmp_path, files) == {}


def test_a_hostile_pointer_leads_nowhere(tmp_path: Path) -> None:
    hostile = POINTER.replace(OID, "../../../../../../etc/hostname" + "0" * 34)
    with pytest.raises(InputError, match="would have Git LFS pointers"):
        find(tmp_path, {**LFS, "a/b.bin": hostile}, CONTENT)


def test_the_archive_has_the_content(tmp_path: Path) -> None:
    store, commit = open_commit(tmp_path, {**LFS, "README": "x\n"}, fetched=CONTENT)
    tree = store.read_tree(commit)
    files = find_lfs_files(store, commit, tree, read_attribute_files(store, tree))
    part = ArchivePart(store=store, commit=commit, folder="", lfs_files=files)
    output = tmp_path / "out.tar"
    write_archive([part], prefix="p/", format=".tar", output=output, budget=WriteBudget())
    expected = {f"p/{path}": text for path, text in {**LFS, "README": "x\n"}.items()}
    assert members(output.read_bytes()) == {**expected, "p/a/b.bin": CONTENT.decode()}
    again = tmp_path / "again.tar"
    write_archive([part], prefix="p/", format=".tar", output=again, budget=WriteBudget())
    assert again.read_bytes() == output.read_bytes()
    with pytest.raises(InputError, match=r"out\.zip cannot contain nested submodules, files of Git LFS"):
        write_archive([part], prefix="p/", format=".zip", output=tmp_path / "out.zip", budget=WriteBudget())
