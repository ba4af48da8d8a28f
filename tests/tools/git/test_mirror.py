"""Mirrors: fetched once for a commit, by its id or by all refs, and an error that names what is missing where."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.gitlink import CommitId
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
    assert caught.value.why and "push the commit" in caught.value.todo


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
