"""GitPython explains a revision that is not there, and never fails because of what the clone is like."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.tools.git.revision_hints import RevisionHints, find_revision_hints
from tests.kit.git import Repo


@pytest.fixture(params=["sha1", "sha256"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo", object_format=request.param)
    made.commit({"a": "1\n"})
    made.git("tag", "v1.0.1")
    made.git("pack-refs", "--all")
    made.git("tag", "--annotate", "--message=x", "v1.0.3")
    return made


def test_similar_branches_and_tags_and_the_remotes(repo: Repo) -> None:
    repo.git("branch", "stable/1.0")
    repo.git("remote", "add", "upstream", "https://example.org/a.git")
    hints = find_revision_hints(str(repo.path), "v1.0.2")
    assert hints.suggestion == "did you mean v1.0.3 or v1.0.1?"
    assert hints.remotes == ("upstream",)
    assert find_revision_hints(str(repo.path), "HAED").suggestion == "did you mean HEAD?"
    assert find_revision_hints(str(repo.path), "stable/1").suggestion == "did you mean stable/1.0?"


def test_a_branch_without_a_commit(tmp_path: Path) -> None:
    empty = Repo(tmp_path / "empty")
    assert find_revision_hints(str(empty.path), "HEAD") == RevisionHints(empty_branch="main")


@pytest.mark.parametrize("file", ["HEAD", "packed-refs", "refs/heads/main", "config"])
def test_a_damaged_clone_has_fewer_hints_and_raises_nothing(repo: Repo, file: str) -> None:
    (repo.path / ".git" / file).write_bytes(b"[junk\xff\n")
    assert find_revision_hints(str(repo.path), "v1.0.2").remotes == ()


def test_where_there_is_no_clone(tmp_path: Path) -> None:
    assert find_revision_hints(str(tmp_path / "none"), "HEAD") == RevisionHints()


def test_the_variables_that_git_sets_for_a_hook_have_no_effect(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    assert "v1.0.1" in find_revision_hints(str(repo.path), "v1.0.2").suggestion


def test_no_program_of_the_clone_is_run(repo: Repo, tmp_path: Path) -> None:
    program, trace = tmp_path / "program", tmp_path / "was-run"
    program.write_text(f"#!/bin/sh\ntouch '{trace}'\n")
    program.chmod(0o755)
    repo.git("config", "core.fsmonitor", str(program))
    repo.git("config", "core.hooksPath", str(tmp_path))
    find_revision_hints(str(repo.path), "v1.0.2")
    assert not trace.exists()
