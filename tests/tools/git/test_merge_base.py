"""The commit that a change is compared with, in histories of every shape."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.gitlink import CommitId
from altai_build.tools.git.merge_base import ComparedCommit, find_branch, find_merge_base
from altai_build.tools.git.revisions import RepositoryHistory
from tests.kit.git import Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """main: one, two, three; topic leaves it after two."""
    repo = Repo(tmp_path / "repo")
    for name in ("one", "two"):
        repo.commit({"file": name})
    repo.git("branch", "topic")
    repo.commit({"file": "three"})
    repo.commit({"other": "1"}, branch="topic")
    repo.commit({"other": "2"}, branch="topic")
    return repo


def find(repo: Repo, revision: str, branch: str | None = None) -> ComparedCommit:
    history = RepositoryHistory(repo.path)
    return find_merge_base(history, history.resolve_revision(revision), branch)


def commit(repo: Repo, revision: str) -> CommitId:
    return CommitId(repo.git("rev-parse", revision))


def test_a_branch_is_compared_with_where_it_left_the_main_branch(repo: Repo) -> None:
    assert find(repo, "topic") == ComparedCommit(commit(repo, "main~1"), "the merge base with main")


def test_a_commit_of_the_main_branch_is_compared_with_its_first_parent(repo: Repo) -> None:
    assert find(repo, "main") == ComparedCommit(
        commit(repo, "main~1"), "its first parent: the commit is in main"
    )
    repo.commit({"file": "merged"}, parents=[commit(repo, "main"), commit(repo, "topic")])
    assert find(repo, "main").commit == commit(repo, "main^1")
    assert find(repo, "main~2").commit == commit(repo, "main~3")


def test_the_first_commit_is_compared_with_nothing(repo: Repo) -> None:
    assert find(repo, "main~2") == ComparedCommit(None, "it is the first commit")


def test_what_the_remote_says_comes_first_then_usual_names(repo: Repo) -> None:
    repo.git("branch", "--move", "main", "trunk")
    assert find(repo, "topic") == ComparedCommit(
        commit(repo, "topic^"), "its first parent: there is no main branch here"
    )
    repo.git("update-ref", "refs/remotes/origin/trunk", "trunk")
    repo.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    repo.git("branch", "master", "topic")
    assert find(repo, "topic") == ComparedCommit(commit(repo, "trunk~1"), "the merge base with origin/HEAD")
    assert find(repo, "topic", "refs/heads/master").commit == commit(repo, "topic^")


def test_a_branch_is_looked_for_at_the_remote_and_then_here(repo: Repo) -> None:
    history = RepositoryHistory(repo.path)
    assert find_branch(history, "topic") == "refs/heads/topic"
    repo.git("update-ref", "refs/remotes/origin/topic", "main")
    assert find_branch(history, "topic") == "refs/remotes/origin/topic"
    with pytest.raises(InputError, match="no branch 'gone;rm' to compare with") as caught:
        find_branch(history, "gone;rm")
    assert "fetch origin 'gone;rm'" in caught.value.todo


def test_histories_without_a_common_commit_are_not_compared(repo: Repo) -> None:
    repo.commit({"file": "x"}, branch="alien", parents=[])
    with pytest.raises(InputError, match="and main have no common commit"):
        find(repo, "alien")


@pytest.mark.parametrize(("depth", "revision"), [(1, "topic"), (1, "main"), (2, "topic"), (2, "main")])
def test_a_history_that_is_cut_where_it_matters_is_refused(
    repo: Repo, tmp_path: Path, depth: int, revision: str
) -> None:
    shallow = tmp_path / "shallow"
    command = [
        "git",
        "clone",
        "-q",
        f"--depth={depth}",
        "--no-single-branch",
        repo.path.as_uri(),
        str(shallow),
    ]
    subprocess.run(command, check=True)
    history = RepositoryHistory(shallow)
    at = history.resolve_revision(f"origin/{revision}")
    if (depth, revision) == (2, "main"):
        assert find_merge_base(history, at).commit == commit(repo, "main^")
        return
    with pytest.raises(
        InputError, match="is shallow: it lacks the commits that say what has changed"
    ) as caught:
        find_merge_base(history, at)
    assert f"git -C {shallow} fetch --unshallow origin" in caught.value.todo
    subprocess.run(["git", "-C", str(shallow), "fetch", "-q", "--unshallow", "origin"], check=True)
    assert find_merge_base(history, at).commit == find(repo, revision).commit
