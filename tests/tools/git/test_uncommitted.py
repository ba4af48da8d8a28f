"""Which files of a work tree are not in the commit that is checked out."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.tools.git.uncommitted import list_uncommitted
from tests.kit.git import Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    repo = Repo(tmp_path / "repo")
    repo.commit({"same": "1", "changed": "1", "removed": "1", "folder/other": "1", ".gitignore": "*.o\n"})
    repo.git("read-tree", "HEAD")
    repo.git("checkout-index", "--all")
    return repo


def test_what_differs_from_the_commit(repo: Repo, tmp_path: Path) -> None:
    root = repo.path
    (root / "changed").write_text("2")
    (root / "removed").unlink()
    (root / "folder" / "new").touch()
    (root / "folder" / "ignored.o").touch()
    names = ("same", "changed", "removed", "folder", "absent")
    outside = tmp_path / "outside"
    outside.touch()
    assert list_uncommitted(root, [*(root / name for name in names), outside]) == [
        "changed",
        "folder/new",
        "removed",
    ]
    assert list_uncommitted(root, [root / "same", outside]) == []
    assert list_uncommitted(root, [outside]) == []


def test_a_bare_repository_has_no_such_files(repo: Repo) -> None:
    git = repo.path / ".git"
    assert list_uncommitted(git, [git / "config"]) == []
