"""Where the objects of every kind of repository are, and which clones are not whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.tools.git.layout import (
    advise_on_partial_clone,
    common_directory,
    git_directory,
    is_partial_clone,
    is_shallow,
)
from tests.kit.git import Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.commit({"a": "1\n"})
    made.commit({"a": "2\n"})
    return made


def test_a_work_tree_its_git_directory_and_a_bare_clone(repo: Repo, tmp_path: Path) -> None:
    repo.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare"))
    assert git_directory(repo.path) == git_directory(repo.path / ".git") == str(repo.path / ".git")
    assert common_directory(tmp_path / "bare") == tmp_path / "bare"


def test_a_linked_work_tree_has_the_objects_of_its_main_one(repo: Repo, tmp_path: Path) -> None:
    repo.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "main~0")
    assert common_directory(tmp_path / "linked") == repo.path / ".git"


def test_a_git_file_may_name_a_relative_directory(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / ".git").write_text("gitdir: ../repo/.git\n")
    assert git_directory(tmp_path / "elsewhere") == str(repo.path / ".git")


def test_other_folders_are_not_repositories(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".git").write_text("text\n")
    (repo.path / ".git" / "HEAD").unlink()
    for place in ("empty", "other", "none", "repo"):
        assert git_directory(tmp_path / place) is None


def test_shallow_and_partial_clones(repo: Repo, tmp_path: Path) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    url = repo.path.as_uri()
    repo.git("clone", "--quiet", "--bare", "--depth=1", url, str(tmp_path / "shallow"))
    repo.git("clone", "--quiet", "--bare", "--filter=blob:none", url, str(tmp_path / "partial"))
    kinds = {
        name: (is_shallow(tmp_path / name), is_partial_clone(tmp_path / name))
        for name in ("repo/.git", "shallow", "partial")
    }
    assert kinds == {"repo/.git": (False, False), "shallow": (True, False), "partial": (False, True)}
    advice = f"it is a partial clone; complete it: git -C {tmp_path} fetch --refetch --no-filter"
    assert advise_on_partial_clone(tmp_path / "partial", str(tmp_path)) == advice
    assert advise_on_partial_clone(tmp_path / "shallow", str(tmp_path)) == ""
