"""Revisions of a repository, without the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.gitlink import CommitId
from altai_build.tools.git.command import GitError
from altai_build.tools.git.revisions import RepositoryHistory
from tests.kit.git import Pin, Repo

A, B = CommitId("a" * 40), CommitId("b" * 40)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.commit({"repos/x": Pin(A)})
    made.commit({"repos/x": Pin(B), "other": Pin(A)})
    return made


def test_every_name_of_a_commit_is_resolved(repo: Repo) -> None:
    history = RepositoryHistory(repo.path)
    head = repo.git("rev-parse", "HEAD")
    repo.git("tag", "--annotate", "--message=x", "v1")
    for revision in ("HEAD", "main", "v1", "refs/tags/v1", head, head[:10], "HEAD^0", "@"):
        assert history.resolve_revision(revision) == head


def test_refs_that_contain_a_commit(repo: Repo) -> None:
    first = CommitId(repo.git("rev-parse", "HEAD^"))
    repo.git("tag", "v1", "HEAD")
    repo.git("branch", "old", first)
    history = RepositoryHistory(repo.path)
    assert history.list_refs_containing(first) == ("refs/heads/main", "refs/heads/old", "refs/tags/v1")
    assert history.list_refs_containing(history.resolve_revision("HEAD")) == (
        "refs/heads/main",
        "refs/tags/v1",
    )
    with pytest.raises(GitError, match="git for-each-ref"):
        history.list_refs_containing(A)


def test_a_reference_to_a_missing_object_is_not_an_unknown_name(repo: Repo) -> None:
    head = repo.git("rev-parse", "HEAD")
    (repo.path / ".git" / "objects" / head[:2] / head[2:]).unlink()
    with pytest.raises(InputError) as caught:
        RepositoryHistory(repo.path).resolve_revision("main")
    assert caught.value.what == f"main of {repo.path} is commit {head}, and that object is missing there"
    assert f"git -C {repo.path} fsck" in caught.value.todo


def test_where_there_is_no_repository(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a git repository"):
        RepositoryHistory(tmp_path)
