"""Which branch a pipeline is for, and what it never writes over."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.pipeline.ci_pipeline import find_tool_source, write_pipeline
from altai_build.stages.ci_pipeline import TOOL_REV, TOOL_URL, PipelineService
from altai_build.tools.progress import ProgressReporter
from tests.kit.git import Repo

QUIET = ProgressReporter(quiet=True)


def write(repo: Repo, **given: str) -> str:
    """The workflow for a repository."""
    file = write_pipeline(repo.path, PipelineService.GITHUB, None, given, force=True, reporter=QUIET)
    return file.read_text()


def test_the_main_branch_is_that_of_the_remote_or_a_usual_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = Repo(tmp_path / "super")
    assert 'branches: ["main"]' in write(repo)
    assert "the main branch is not known; pushes to `main` start jobs" in capsys.readouterr().err
    tip = repo.commit({"README": "x"}, branch="master")
    assert 'branches: ["master"]' in write(repo)
    repo.git("update-ref", "refs/remotes/origin/trunk", tip)
    repo.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    assert 'branches: ["trunk"]' in write(repo)
    assert 'branches: ["given"]' in write(repo, branch="given")
    assert "the main branch" not in capsys.readouterr().err
    # A name that a service would read as something else is not taken over.
    repo.git("update-ref", "refs/remotes/origin/it's", tip)
    repo.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/it's")
    assert 'branches: ["main"]' in write(repo)
    assert "has a name that a pipeline cannot hold: it's; pushes to" in capsys.readouterr().err


def test_what_is_no_file_is_not_replaced_by_force(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "super")
    target = tmp_path / "target"
    (tmp_path / "link").symlink_to(target)
    for place in (tmp_path, tmp_path / "link"):
        with pytest.raises(InputError, match="is there already"):
            write_pipeline(repo.path, PipelineService.GITLAB, place, {}, force=True, reporter=QUIET)
    assert not target.exists()


def test_jobs_get_the_commit_that_wrote_the_pipeline(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "tool")
    commit = repo.commit({"scripts/ci-job": "x"})
    assert find_tool_source(repo.path)[:2] == (TOOL_URL, TOOL_REV)
    (repo.path / "scripts").mkdir()
    (repo.path / "scripts/ci-job").write_text("x")
    # Jobs have neither a key nor a password nor this machine's files.
    for origin in (
        "git@h:altai-build.git",
        "https://me:secret@h/altai-build",
        "/srv/altai-build",
        "https://h/$(x)",
    ):
        repo.git("config", "remote.origin.url", origin)
        source = find_tool_source(repo.path)
        assert source[:2] == (TOOL_URL, commit)
        assert source.reason == f"the commit of {repo.path}; whether {TOOL_URL} has it is not known"
    repo.git("config", "remote.origin.url", "https://h/fork/altai-build.git")
    source = find_tool_source(repo.path)
    assert source[:2] == ("https://h/fork/altai-build.git", commit)
    assert source.reason.endswith("which no known branch of https://h/fork/altai-build.git has: push it")
    repo.git("update-ref", "refs/remotes/origin/main", commit)
    assert find_tool_source(repo.path).reason == f"the commit of {repo.path}"
    assert f'ALTAI_BUILD_REV: "{"a" * 40}"' in write(repo, tool_rev="a" * 40)
