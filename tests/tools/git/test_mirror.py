"""Mirrors: fetched once for a commit, by its id or by all refs, and an error that names what is missing where."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.gitlink import CommitId
from altai_build.tools import notices
from altai_build.tools.git.mirror import fetch_mirror, mirror_path
from tests.kit.git import Repo


@pytest.fixture
def origin(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "origin", bare=True)
    made.commit({"a": "1\n"})
    made.commit({"a": "2\n"})
    return made


def test_a_commit_is_fetched_with_its_whole_history_and_only_once(origin: Repo, tmp_path: Path) -> None:
    commit, url = CommitId(origin.git("rev-parse", "main")), str(origin.path)
    mirror = fetch_mirror(url, mirrors=tmp_path / "mirrors", commit=commit)
    assert mirror == mirror_path(url, tmp_path / "mirrors")
    assert origin.git("--git-dir", str(mirror), "rev-list", "--count", commit) == "2"
    origin.path.rename(tmp_path / "gone")
    assert fetch_mirror(url, mirrors=tmp_path / "mirrors", commit=commit) == mirror


def test_a_commit_without_a_ref_is_requested_by_its_id(origin: Repo, tmp_path: Path) -> None:
    commit = CommitId(origin.git("rev-parse", "main"))
    origin.git("update-ref", "refs/heads/main", f"{commit}^")
    origin.git("config", "uploadpack.allowAnySHA1InWant", "true")
    assert fetch_mirror(str(origin.path), mirrors=tmp_path / "mirrors", commit=commit).is_dir()


def test_all_refs_are_fetched_from_a_server_that_gives_nothing_by_id(origin: Repo, tmp_path: Path) -> None:
    older = CommitId(origin.git("rev-parse", "main^"))
    origin.git("config", "uploadpack.allowTipSHA1InWant", "false")
    origin.git("config", "protocol.version", "0")
    assert fetch_mirror(str(origin.path), mirrors=tmp_path / "mirrors", commit=older).is_dir()


def test_a_repository_with_sha256(tmp_path: Path) -> None:
    origin = Repo(tmp_path / "origin", object_format="sha256")
    commit = origin.commit({"a": "1\n"})
    assert fetch_mirror(str(origin.path), mirrors=tmp_path / "mirrors", commit=commit).is_dir()


@pytest.mark.parametrize("kind", ["no such commit", "no such remote"])
def test_what_is_not_available_is_named_with_its_remote(origin: Repo, tmp_path: Path, kind: str) -> None:
    url = str(origin.path) if kind == "no such commit" else str(tmp_path / "none")
    with pytest.raises(InputError) as caught:
        fetch_mirror(url, mirrors=tmp_path / "mirrors", commit=CommitId("a" * 40))
    assert caught.value.what == f"commit {'a' * 40} is not available from {url}"
    todo = "push the commit" if kind == "no such commit" else "check that URL"
    assert caught.value.why and caught.value.todo.startswith(todo)


def test_an_overlong_url_is_no_fault_of_git(tmp_path: Path) -> None:
    url = "https://user:secret@localhost/" + "a" * 200_000
    with pytest.raises(InputError) as caught:
        fetch_mirror(url, mirrors=tmp_path / "m", commit=CommitId("a" * 40), pinned_at="repos/x")
    what = f"commit {'a' * 40} of repos/x is not available: its URL has {len(url)} characters"
    assert caught.value.what == what and "secret" not in str(caught.value)
    assert (
        ".gitmodules" in caught.value.todo and len(str(caught.value)) < 500 and not (tmp_path / "m").exists()
    )


def test_a_fetch_that_was_killed_does_not_hinder_the_next(origin: Repo, tmp_path: Path) -> None:
    """git leaves its lock files behind when it is killed, and waits for no one who could remove them."""
    first, second = (CommitId(origin.git("rev-parse", name)) for name in ("main^", "main"))
    origin.git("config", "uploadpack.allowAnySHA1InWant", "true")
    mirror = fetch_mirror(str(origin.path), mirrors=tmp_path / "mirrors", commit=first)
    for name in (f"refs/pins/{second}", "refs/mirrored/heads/main", "packed-refs", "shallow"):
        (mirror / name).parent.mkdir(parents=True, exist_ok=True)
        (mirror / f"{name}.lock").touch()
    assert fetch_mirror(str(origin.path), mirrors=tmp_path / "mirrors", commit=second) == mirror
    assert not list(mirror.rglob("*.lock"))


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the user is told."""
    texts: list[str] = []
    monkeypatch.setattr(notices, "_listeners", [texts.append])
    return texts


def _damage_pack(mirror: Path) -> None:
    """Change one bit of an object, as a disk may."""
    (pack,) = mirror.glob("objects/pack/*.pack")
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.chmod(0o644)
    pack.write_bytes(content)


def _damage_settings(mirror: Path) -> None:
    (mirror / "config").write_text("[core\n")


def _empty_folder(mirror: Path) -> None:
    shutil.rmtree(mirror)
    mirror.mkdir()


@pytest.mark.parametrize("damage", [_damage_pack, _damage_settings, _empty_folder])
def test_a_damaged_mirror_is_fetched_again(
    origin: Repo, tmp_path: Path, said: list[str], damage: Callable[[Path], None]
) -> None:
    commit, url, mirrors = CommitId(origin.git("rev-parse", "main")), str(origin.path), tmp_path / "mirrors"
    mirror = fetch_mirror(url, mirrors=mirrors, commit=commit)
    fetch_mirror(url, mirrors=mirrors, commit=commit, examine=True)
    assert said == []
    damage(mirror)
    fetch_mirror(url, mirrors=mirrors, commit=commit, examine=True)
    assert len(said) == 1
    assert said[0].startswith(f"the copy of {url} in the workspace was damaged and has been fetched again: ")
    origin.git("--git-dir", str(mirror), "fsck")
    assert origin.git("--git-dir", str(mirror), "rev-list", "--count", commit) == "2"
    assert sorted(path.name for path in mirrors.iterdir()) == [f"{mirror.stem}.git", f"{mirror.stem}.lock"]


def test_a_mirror_that_cannot_take_a_commit_is_fetched_again(
    origin: Repo, tmp_path: Path, said: list[str]
) -> None:
    """git says then that the remote did not send it."""
    mirrors = tmp_path / "mirrors"
    first = CommitId(origin.git("rev-parse", "main"))
    mirror = fetch_mirror(str(origin.path), mirrors=mirrors, commit=first)
    (pack,) = mirror.glob("objects/pack/*.pack")
    content = pack.read_bytes()
    pack.chmod(0o644)
    # Every object but not the end, by which git knows the pack.
    pack.write_bytes(content[:12] + bytes(len(content) - 32) + content[-20:])
    second = origin.commit({"a": "3\n"})
    fetch_mirror(str(origin.path), mirrors=mirrors, commit=second)
    assert len(said) == 1
    assert origin.git("--git-dir", str(mirror), "rev-list", "--count", second) == "3"


def test_a_damaged_mirror_whose_remote_is_out_of_reach_stays(
    origin: Repo, tmp_path: Path, said: list[str]
) -> None:
    commit, url = CommitId(origin.git("rev-parse", "main")), str(origin.path)
    mirror = fetch_mirror(url, mirrors=tmp_path / "mirrors", commit=commit)
    _damage_pack(mirror)
    origin.path.rename(tmp_path / "gone")
    with pytest.raises(InputError) as caught:
        fetch_mirror(url, mirrors=tmp_path / "mirrors", commit=commit, examine=True)
    assert caught.value.what == (
        f"the copy of {url} in the workspace is damaged, and commit {commit} is not available from there"
    )
    assert "pack checksum mismatch" in caught.value.why and "does not appear to be a git" in caught.value.why
    assert caught.value.todo.startswith("rerun the command when the remote can be reached")
    assert mirror.is_dir() and said == []


def test_an_odd_object_of_the_remote_is_no_damage(origin: Repo, tmp_path: Path, said: list[str]) -> None:
    raw = origin.git_bytes("cat-file", "commit", "main").replace(b"> ", b">  ")
    words = ("hash-object", "-t", "commit", "-w", "--stdin", "--literally")
    odd = CommitId(origin.git(*words, input=raw))
    origin.git("update-ref", "refs/heads/main", odd)
    for examine in (False, True):
        fetch_mirror(str(origin.path), mirrors=tmp_path / "mirrors", commit=odd, examine=examine)
    assert said == []


def test_a_mirror_that_the_machine_does_not_let_git_read_is_not_taken_for_a_damaged_one(
    origin: Repo, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = CommitId(origin.git("rev-parse", "main"))
    mirror = fetch_mirror(str(origin.path), mirrors=tmp_path / "mirrors", commit=commit)
    program = tmp_path / "bin/git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'error: cannot open packfile: Input/output error' >&2; exit 128\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    with pytest.raises(InputError, match="git fsck exited with 128"):
        fetch_mirror(str(origin.path), mirrors=tmp_path / "mirrors", commit=commit, examine=True)
    assert mirror.is_dir() and said == []


COMMAND = b'[submodule "x"]\n\tpath = x\n\turl = -u./evil\n'
PERSON = "A <a@example.org> 1 +0000"
# The fault: entries of the tree (mode, name, content), and the author of the commit.
MISLEADING = {
    "hasDotdot": [("100644", "..", b""), ("100644", "a", b"")],
    "hasDotgit": [("100644", ".GIT", b""), ("100644", "a", b"")],
    "hasDotgit ": [("100644", "a", b""), ("100644", "git~1", b"")],
    "gitmodulesSymlink": [("120000", ".gitmodules", b"/etc/passwd")],
    "gitmodulesUrl": [("100644", ".gitmodules", COMMAND)],
}
HARMLESS = {
    "mode": ([("0100644", "a", b"")], PERSON),
    "group-writable": ([("100664", "a", b"")], PERSON),
    "twice": ([("100644", "a", b"")] * 2, PERSON),
    "order": ([("100644", "b", b""), ("100644", "a", b"")], PERSON),
    "time zone": ([("100644", "a", b"")], "A <a@example.org> 1 -7000000"),
    "date": ([("100644", "a", b"")], "A <a@example.org>"),
    "email": ([("100644", "a", b"")], "A 1 +0000"),
}


def write_objects(origin: Repo, entries: Sequence[tuple[str, str, bytes]], author: str = PERSON) -> CommitId:
    """A commit that no git command makes, on the main branch."""
    write = ["hash-object", "--literally", "-w", "--stdin", "-t"]
    tree = b"".join(
        f"{mode} {name}\0".encode() + bytes.fromhex(origin.git(*write, "blob", input=content))
        for mode, name, content in entries
    )
    lines = [f"tree {origin.git(*write, 'tree', input=tree)}", f"author {author}", f"committer {author}"]
    commit = origin.git(*write, "commit", input="\n".join([*lines, "", "message", ""]).encode())
    origin.git("update-ref", "refs/heads/main", commit)
    return CommitId(commit)


@pytest.mark.parametrize("fault", MISLEADING)
def test_objects_made_to_mislead_git_are_not_fetched(origin: Repo, tmp_path: Path, fault: str) -> None:
    commit = write_objects(origin, MISLEADING[fault])
    with pytest.raises(InputError) as caught:
        fetch_mirror(str(origin.path), mirrors=tmp_path / "mirrors", commit=commit)
    assert f"{fault.strip()}:" in caught.value.why


@pytest.mark.parametrize("fault", HARMLESS)
def test_harmless_faults_of_old_histories_are_fetched(origin: Repo, tmp_path: Path, fault: str) -> None:
    commit = write_objects(origin, *HARMLESS[fault])
    assert fetch_mirror(str(origin.path), mirrors=tmp_path / "mirrors", commit=commit).is_dir()
