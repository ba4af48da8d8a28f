"""Which branch a pipeline is for, and what it never writes over."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.pipeline.ci_pipeline import write_pipeline
from altai_build.stages.ci_pipeline import PipelineService
from tests.kit.git import Repo


def write(repo: Repo, **given: str) -> str:
    """The workflow for a repository."""
    file = write_pipeline(repo.path, PipelineService.GITHUB, None, given, force=True)
    return file.read_text()


def test_the_main_branch_is_that_of_the_remote_or_a_usual_one(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "super")
    assert 'branches: ["main"]' in write(repo)
    tip = repo.commit({"README": "x"}, branch="master")
    assert 'branches: ["master"]' in write(repo)
    repo.git("update-ref", "refs/remotes/origin/trunk", tip)
    repo.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    assert 'branches: ["trunk"]' in write(repo)
    assert 'branches: ["given"]' in write(repo, branch="given")
    # A name that a service would read as something else is not taken over.
    repo.git("update-ref", "refs/remotes/origin/it's", tip)
    repo.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/it's")
    assert 'branches: ["main"]' in write(repo)


def test_what_is_no_file_is_not_replaced_by_force(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "super")
    target = tmp_path / "target"
    (tmp_path / "link").symlink_to(target)
    for place in (tmp_path, tmp_path / "link"):
        with pytest.raises(InputError, match="is there already"):
            write_pipeline(repo.path, PipelineService.GITLAB, place, {}, force=True)
    assert not target.exists()
