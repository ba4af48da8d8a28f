"""Changed gitlinks of a repository, without the command line (`tests/cli/test_changed.py` has the rest)."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.gitlink import ChangeStatus, CommitId, GitlinkChange
from altai_build.tools.git.changed_gitlinks import list_changed_gitlinks, list_changed_paths
from altai_build.tools.git.revisions import RepositoryHistory
from tests.kit.git import Pin, Repo

A, B = CommitId("a" * 40), CommitId("b" * 40)


def test_changed_gitlinks_below_the_folders(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.commit({"repos/x": Pin(A)})
    repo.commit({"repos/x": Pin(B), "other": Pin(A)})
    history = RepositoryHistory(repo.path)
    changed = GitlinkChange(path="repos/x", status=ChangeStatus.MODIFIED, old=A, new=B)
    added = GitlinkChange(path="other", status=ChangeStatus.ADDED, old=None, new=A)
    assert list_changed_gitlinks(history, None, None, ["repos"]) == [changed]
    assert list_changed_gitlinks(history, "HEAD^", "HEAD", ["."]) == [added, changed]
    assert list_changed_gitlinks(history, None, None, []) == []


def test_all_changed_paths_have_their_names(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    before = repo.commit({"repos/x": Pin(A), "old name\n": "x", "same": "x"})
    after = repo.commit({"repos/x": Pin(B), "old name\n": "y"})
    history = RepositoryHistory(repo.path)
    assert set(list_changed_paths(history, before, after)) == {"repos/x", "old name\n"}
    assert list_changed_paths(history, after, after) == ()
