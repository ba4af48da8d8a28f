"""Tag objects: written whole, never over another tag, deleted only as long as they are ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.model.gitlink import CommitId
from altai_build.tools.git.command import GitError
from altai_build.tools.git.tags import (
    delete_tag,
    format_tag,
    has_commit,
    push_tag,
    read_tag,
    remote_has_tag,
    write_tag,
)
from tests.kit.git import Repo

TAGGER = "T <t@example.org>"


@pytest.fixture(params=["sha1", "sha256"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo", object_format=request.param)
    made.commit({"a": "1\n"})
    return made


def head(repo: Repo) -> CommitId:
    return CommitId(repo.git("rev-parse", "HEAD"))


def test_a_tag_is_what_git_itself_would_make(repo: Repo) -> None:
    git_dir, commit = repo.path / ".git", head(repo)
    text = format_tag("v1", commit, TAGGER, 1_354_320_000, "One\n\nMore.\n")
    oid = write_tag(git_dir, "v1", text)
    assert repo.git("rev-parse", "v1", "v1^{commit}").split() == [oid, commit]
    assert repo.git("for-each-ref", "--format=%(subject)|%(taggername)|%(taggerdate:unix)", "refs/tags") == (
        "One|T|1354320000"
    )
    assert read_tag(git_dir, "v1") == text
    assert read_tag(git_dir, "v2") is None


def test_a_tag_of_that_name_is_neither_replaced_nor_deleted(repo: Repo) -> None:
    git_dir, commit = repo.path / ".git", head(repo)
    repo.git("tag", "v1")
    text = format_tag("v1", commit, TAGGER, 1, "x")
    with pytest.raises(GitError, match="git update-ref"):
        write_tag(git_dir, "v1", text)
    with pytest.raises(GitError):
        delete_tag(git_dir, "v1", repo.git("hash-object", "-t", "tag", "--stdin", input=text))
    assert repo.git("rev-parse", "v1") == commit
    delete_tag(git_dir, "v1", commit)
    assert repo.git("tag") == ""


def test_no_hook_of_the_clone_runs(repo: Repo, tmp_path: Path) -> None:
    trace = tmp_path / "was-run"
    for name in ("reference-transaction", "pre-push"):
        hook = repo.path / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch '{trace}'\n")
        hook.chmod(0o755)
    write_tag(repo.path / ".git", "v1", format_tag("v1", head(repo), TAGGER, 1, "x"))
    remote = repo.path.parent / "remote"
    repo.git("-c", "core.hooksPath=/dev/null", "clone", "--quiet", "--bare", "--no-tags", ".", str(remote))
    assert push_tag(repo.path / ".git", str(remote), "v1").returncode == 0
    assert not trace.exists()
    repo.git("tag", "v2")
    assert trace.exists(), "git itself runs the hooks"


def test_a_push_sends_one_tag(repo: Repo, tmp_path: Path) -> None:
    git_dir, remote = repo.path / ".git", str(tmp_path / "remote")
    repo.git("clone", "--quiet", "--bare", ".", remote)
    for name in ("v1", "v2"):
        write_tag(git_dir, name, format_tag(name, head(repo), TAGGER, 1, "x"))
    assert not remote_has_tag(git_dir, remote, "v1")
    assert push_tag(git_dir, remote, "v1").returncode == 0
    assert remote_has_tag(git_dir, remote, "v1") and not remote_has_tag(git_dir, remote, "v2")
    with pytest.raises(GitError, match="git ls-remote exited with 128"):
        remote_has_tag(git_dir, str(tmp_path / "none"), "v1")


def test_which_commits_can_be_tagged(repo: Repo) -> None:
    assert has_commit(repo.path / ".git", head(repo))
    assert not has_commit(repo.path / ".git", CommitId("d" * len(head(repo))))
