"""The state of a repository changes whenever a commit in it may have gone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from altai_build.tools.git import repository_state
from altai_build.tools.git.repository_state import State, read_state
from tests.kit.git import Repo


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if everything had been there for some time."""
    monkeypatch.setattr(repository_state, "_SETTLED", -3600.0)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    repo = Repo(tmp_path / "repo", bare=True)
    repo.commit({"x": "1"})
    return repo


def read(repo: Repo) -> State | None:
    return read_state(repo.path, repo.git("rev-parse", "HEAD"))


def test_it_stays_and_survives_json(repo: Repo) -> None:
    state = read(repo)
    assert state is not None and state == read(repo) == json.loads(json.dumps(state))


def test_a_loose_commit_goes(repo: Repo) -> None:
    commit = repo.git("rev-parse", "HEAD")
    repo.git("unpack-objects", "-q", input=repo.git_bytes("pack-objects", "--all", "--stdout"))
    loose = repo.path / "objects" / commit[:2] / commit[2:]
    loose.parent.mkdir(exist_ok=True)
    loose.write_bytes(b"x")
    before = read(repo)
    loose.unlink()
    assert read(repo) != before


def test_a_pack_comes_and_goes(repo: Repo) -> None:
    repo.git("repack", "-a", "-d", "-q")
    before = read(repo)
    repo.git("config", "gc.auto", "0")
    assert read(repo) == before
    (pack,) = (repo.path / "objects" / "pack").glob("*.pack")
    pack.unlink()
    after = read(repo)
    assert after != before
    shutil.rmtree(repo.path / "objects")
    assert read_state(repo.path, "0" * 40) not in (before, after)


def test_it_becomes_shallow(repo: Repo) -> None:
    before = read(repo)
    (repo.path / "shallow").write_text("x\n")
    assert read(repo) != before


def test_borrowed_objects_count(repo: Repo, tmp_path: Path) -> None:
    commit = repo.git("rev-parse", "HEAD")
    repo.git("repack", "-a", "-d", "-q")
    borrower = Repo(tmp_path / "borrower", bare=True)
    alternates = borrower.path / "objects" / "info" / "alternates"
    alternates.parent.mkdir(exist_ok=True)
    alternates.write_text("../../repo/objects\n")
    before = read_state(borrower.path, commit)
    assert before is not None and read_state(borrower.path, commit) == before
    (pack,) = (repo.path / "objects" / "pack").glob("*.pack")
    pack.unlink()
    assert read_state(borrower.path, commit) != before


@pytest.mark.parametrize("line", ['"quoted"', "# comment", "."], ids=["quoted", "comment", "itself"])
def test_what_only_git_understands_is_unknown(repo: Repo, line: str) -> None:
    alternates = repo.path / "objects" / "info" / "alternates"
    alternates.parent.mkdir(exist_ok=True)
    alternates.write_text(f"{line}\n")
    assert read(repo) is None


def test_what_changes_just_now_is_unknown(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository_state, "_SETTLED", 3600.0)
    assert read(repo) is None
