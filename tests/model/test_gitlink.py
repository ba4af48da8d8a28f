"""Gitlink changes are read from git's own table, whatever the paths are called."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altai_build.errors import InputError
from altai_build.model.gitlink import ChangeStatus, CommitId, GitlinkChange, parse_raw_diff, require_commit

A, B, NONE = CommitId("a" * 40), CommitId("b" * 40), "0" * 40
MODES = st.sampled_from(["000000", "040000", "100644", "100755", "120000", "160000"])
PATHS = st.binary(min_size=1, max_size=30).filter(lambda path: b"\0" not in path)


def row(old_mode: str, new_mode: str, status: str, path: bytes, old: str = A, new: str = B) -> bytes:
    return f":{old_mode} {new_mode} {old} {new} {status}\0".encode() + path + b"\0"


@pytest.mark.parametrize(
    ("old_mode", "new_mode", "letter", "expected"),
    [
        ("160000", "160000", "M", (ChangeStatus.MODIFIED, A, B)),
        ("000000", "160000", "A", (ChangeStatus.ADDED, None, B)),
        ("160000", "000000", "D", (ChangeStatus.REMOVED, A, None)),
        ("160000", "100644", "T", (ChangeStatus.REMOVED, A, None)),
        ("120000", "160000", "T", (ChangeStatus.ADDED, None, B)),
    ],
)
def test_rows_with_a_gitlink(
    old_mode: str, new_mode: str, letter: str, expected: tuple[ChangeStatus, CommitId | None, CommitId | None]
) -> None:
    status, old, new = expected
    assert parse_raw_diff(row(old_mode, new_mode, letter, b"repos/altai/focus")) == [
        GitlinkChange(path="repos/altai/focus", status=status, old=old, new=new)
    ]


@pytest.mark.parametrize("letter", ["A", "D", "M", "T"])
def test_files_are_not_gitlinks(letter: str) -> None:
    assert parse_raw_diff(row("100644", "100755", letter, b"repos/altai/README")) == []


def test_an_empty_table_has_no_changes() -> None:
    assert parse_raw_diff(b"") == []


@given(st.lists(st.tuples(MODES, MODES, PATHS), max_size=20, unique_by=lambda entry: entry[2]))
def test_every_row_is_accounted_for(table: list[tuple[str, str, bytes]]) -> None:
    raw = b"".join(row(old, new, "M", path) for old, new, path in table)
    changes = parse_raw_diff(raw)
    links = {path: (old, new) for old, new, path in table if "160000" in (old, new)}
    assert {change.path.encode("utf-8", "surrogateescape") for change in changes} == set(links)
    assert [change.path for change in changes] == sorted(change.path for change in changes)
    for change in changes:
        old, new = links[change.path.encode("utf-8", "surrogateescape")]
        assert (change.old, change.new) == (A if old == "160000" else None, B if new == "160000" else None)


@pytest.mark.parametrize(
    "raw",
    [
        b"\0",
        row("160000", "160000", "M", b"path")[:-1],  # cut off
        row("160000", "160000", "M", b"path") + b":160000 160000",
        b"\0".join((A.encode(), row("160000", "160000", "M", b"path"))),  # without --no-commit-id
        b":160000 160000 " + A.encode() + b" M\0path\0",
        b"::160000 160000 160000 " + b" ".join([A.encode()] * 3) + b" MM\0path\0",  # a combined diff
        b":160000 160000 \xff \xff M\0path\0",
    ],
)
def test_other_output_of_git_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        parse_raw_diff(raw)


def git(repository: Path, *arguments: str | bytes) -> bytes:
    return subprocess.run(
        ["git", "-C", str(repository), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout


def commit(repository: Path, links: dict[bytes, str], files: dict[bytes, bytes]) -> str:
    """A commit with these gitlinks and files and nothing else."""
    git(repository, "read-tree", "--empty")
    for path, pin in links.items():
        git(repository, "update-index", "--add", "--cacheinfo", b"160000," + pin.encode() + b"," + path)
    for path, data in files.items():
        (repository / "blob").write_bytes(data)
        blob = git(repository, "hash-object", "-w", "blob").strip()
        git(repository, "update-index", "--add", "--cacheinfo", b"100644," + blob + b"," + path)
    tree = git(repository, "write-tree").decode().strip()
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    return git(repository, *identity, "commit-tree", "-m", "x", tree).decode().strip()


def test_the_table_that_git_really_prints(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    odd = 'repos/"quoted"\t\n ünï'.encode() + b"\xff"
    old = commit(
        tmp_path,
        {b"moved/from": A, b"same": A, b"pinned": A, b"to-file": A, odd: A, b"to-folder": A},
        {b"to-link": b"1", b"text": b"1"},
    )
    new = commit(
        tmp_path,
        {b"moved/to": A, b"same": A, b"pinned": B, odd: B, b"to-link": A},
        {b"to-file": b"1", b"text": b"2", b"to-folder/file": b"1"},
    )
    raw = git(tmp_path, "diff-tree", "-r", "-z", "--raw", "--no-renames", old, new)
    added, modified, removed = ChangeStatus.ADDED, ChangeStatus.MODIFIED, ChangeStatus.REMOVED
    assert parse_raw_diff(raw) == [
        GitlinkChange(path="moved/from", status=removed, old=A, new=None),
        GitlinkChange(path="moved/to", status=added, old=None, new=A),
        GitlinkChange(path="pinned", status=modified, old=A, new=B),
        GitlinkChange(path=os.fsdecode(odd), status=modified, old=A, new=B),
        GitlinkChange(path="to-file", status=removed, old=A, new=None),
        GitlinkChange(path="to-folder", status=removed, old=A, new=None),
        GitlinkChange(path="to-link", status=added, old=None, new=A),
    ]


@pytest.mark.parametrize(
    "text", ["", "HEAD", "a" * 39, "A" * 40, "a" * 41, f"{'a' * 40}^", "-" + "a" * 39, "a" * 40 + "\n"]
)
def test_only_a_full_id_is_a_commit_id(text: str) -> None:
    assert require_commit("a" * 40) == "a" * 40 and require_commit("0" * 64) == "0" * 64
    with pytest.raises(InputError, match="is not a full commit id"):
        require_commit(text)
