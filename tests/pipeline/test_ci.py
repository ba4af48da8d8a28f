"""A CI job's own folder, and the commit that it compares with."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.pipeline.ci import choose_compared_commit, open_results, reserve_results
from altai_build.tools.ci_service import CiJob, Service
from altai_build.tools.git.revisions import RepositoryHistory
from tests.kit.git import Repo


def test_what_is_named_comes_before_the_job_and_the_job_before_the_main_branch(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    for number in range(4):
        repo.commit({"file": str(number)})
    repo.git("branch", "stable", "main~2")
    history = RepositoryHistory(repo.path)
    commits = [history.resolve_revision(f"main~{number}") for number in range(4)]

    def choose(job: CiJob, since: str | None = None) -> tuple[str | None, str]:
        compared = choose_compared_commit(history, commits[0], job, since)
        return compared.commit, compared.reason

    pushed = CiJob(Service.GITLAB, commits[3], "CI_COMMIT_BEFORE_SHA", target="stable")
    assert choose(pushed, "main~1") == (commits[1], "named by --since")
    assert choose(pushed) == (commits[3], "CI_COMMIT_BEFORE_SHA of GitLab CI")
    assert choose(CiJob(Service.GITHUB, target="stable")) == (commits[2], "the merge base with stable")
    new = CiJob(Service.GITLAB, is_new_branch=True)
    assert choose(new) == (commits[1], "the branch is new; its first parent: the commit is in main")
    assert choose(CiJob()) == (commits[1], "its first parent: the commit is in main")
    # After a forced push: the first parent would hide what the other commits changed.
    gone = CiJob(Service.GITLAB, "f" * 40, "CI_COMMIT_BEFORE_SHA", target="stable")
    assert choose(gone) == (None, "this clone does not have ffffffffffff, CI_COMMIT_BEFORE_SHA of GitLab CI")
    repo.git("clone", "-q", "--depth=1", repo.path.as_uri(), str(tmp_path / "cut"))
    with pytest.raises(InputError, match="has no commit 'ffff"):
        choose_compared_commit(RepositoryHistory(tmp_path / "cut"), commits[0], gone, None)


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    refused = pytest.raises(InputError, match="files that are no results of `altai-build ci`")
    with refused, reserve_results(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with reserve_results(tmp_path / "new" / "folder"):
        assert (tmp_path / "new" / "folder").is_dir()
    assert (tmp_path / "new" / "folder").is_dir()


def test_a_job_without_results_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError), reserve_results(tmp_path / "new" / "folder"):
        raise InputError("the key is missing")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "new").mkdir()
    with pytest.raises(InputError), reserve_results(tmp_path / "new" / "folder"):
        (tmp_path / "new" / "note").write_text("of somebody else")
        raise InputError("the key is missing")
    assert [path.name for path in tmp_path.rglob("*")] == ["new", "note"]


def test_results_replace_earlier_ones_and_nothing_else(tmp_path: Path) -> None:
    for name in ("result.json", "note", "old-ci.repo", "RPM-GPG-KEY-old", "logs/gone.log", "repo/gone.rpm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    with reserve_results(tmp_path), open_results(tmp_path) as folder:
        for name in ("result.json", "logs/kept.log"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("new")
    found = {
        str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert found == {"result.json": "new", "note": "old", "logs/kept.log": "new"}


def test_results_that_could_not_be_made_replace_nothing(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("old")
    with pytest.raises(InputError), open_results(tmp_path) as folder:
        (folder / "result.json").write_text("new")
        raise InputError("no space")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("result.json", "old")]
