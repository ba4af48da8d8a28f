"""`init` from a superproject to checked files: nothing is overwritten, links out of the superproject are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.first_steps import Evidence, FileStatus, Survey
from altai_build.model.gitlink import CommitId
from altai_build.pipeline.first_steps import (
    Wanted,
    check_files,
    choose,
    compare,
    open_work_tree,
    plan_first_steps,
    write_files,
)
from altai_build.workspace import Workspace
from tests.kit.git import Repo
from tests.kit.superprojects import make_spec


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository whose only spec is in its root, with files of ayer and a mock configuration."""
    repo = Repo(tmp_path / "p")
    repo.commit(
        {
            "p.spec": make_spec("p", release="1%{?dist}"),
            "README": "For CentOS 7.",
            ".ayer": "YUM_REPO_BASEURL_DEV=http://x.example.org/p\n",
        }
    )
    return repo


def test_the_files_are_written_and_a_second_time_nothing_is(repo: Repo, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    steps = plan_first_steps(repo.path, workspace, Wanted(tool="ayer"))
    assert [one.status for one in steps.files] == [FileStatus.NEW] * 3 and not steps.is_refused
    assert steps.choice.target == "centos6" and steps.imported is not None
    assert check_files(steps, workspace) == ""
    assert write_files(steps) == ("repos.yaml", "mock-configs/p-centos6-x86_64.cfg", ".gitignore")
    assert [one.status for one in plan_first_steps(repo.path, workspace, Wanted(tool="ayer")).files] == [
        FileStatus.SAME,
        FileStatus.SAME,
    ]
    other = plan_first_steps(repo.path, workspace, Wanted(distribution="el9"))
    assert other.is_refused and "+  el9:" in other.files[0].difference
    assert "`altai-build plan`" in " ".join(steps.next)
    assert "commit: `git add repos.yaml mock-configs .gitignore keys && git commit`" in steps.next


def test_what_an_older_tool_has_not(repo: Repo, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    with pytest.raises(InputError, match="this repository has no files of tito"):
        plan_first_steps(repo.path, workspace, Wanted(tool="tito"))
    with pytest.raises(InputError, match="cannot read"):
        plan_first_steps(repo.path, workspace, Wanted(tool="ayer", files=(tmp_path / "none",)))


def test_a_repository_without_commits_gets_a_definition_with_marks(tmp_path: Path) -> None:
    repo, workspace = Repo(tmp_path / "p"), Workspace(tmp_path / "w")
    steps = plan_first_steps(repo.path, workspace, Wanted())
    assert steps.survey.commit is None and "git submodule add" in steps.next[0]
    assert check_files(steps, workspace) == ""
    with pytest.raises(InputError, match="the files of ayer cannot be read"):
        plan_first_steps(repo.path, workspace, Wanted(tool="ayer"))


def test_other_folders_are_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    with pytest.raises(InputError, match="is not a git repository"):
        open_work_tree(tmp_path, workspace)
    with pytest.raises(InputError, match="is a bare repository"):
        open_work_tree(Repo(tmp_path / "b", bare=True).path, workspace)


def test_a_link_out_of_the_superproject_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "mock-configs").symlink_to(tmp_path)
    with pytest.raises(InputError, match="leads out of the superproject"):
        compare(tmp_path / "root", "mock-configs/m.cfg", "x")


def test_what_is_there_is_compared(tmp_path: Path) -> None:
    (tmp_path / "same").write_text("a\n")
    (tmp_path / "other").write_text("b\n")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").mkdir()
    statuses = {name: compare(tmp_path, name, "a\n") for name in ("new", "same", "other", "link", "folder")}
    assert [one.status.value for one in statuses.values()] == [
        "new",
        "same",
        "different",
        "different",
        "different",
    ]
    assert statuses["other"].difference.splitlines()[-2:] == ["-b", "+a"]
    assert "symbolic link" in statuses["link"].difference and "root:" not in statuses["link"].difference


@pytest.mark.parametrize(
    ("there", "status", "lines"),
    [
        ("/.altai-build/\n/releases\n", "same", []),
        (".altai-build\nreleases/", "same", []),
        ("*.o", "different", ["+/.altai-build/", "+/releases/"]),
    ],
)
def test_only_missing_lines_of_gitignore_differ(
    tmp_path: Path, there: str, status: str, lines: list[str]
) -> None:
    (tmp_path / ".gitignore").write_text(there)
    found = compare(tmp_path, ".gitignore", "/.altai-build/\n/releases/\n")
    assert found.status.value == status
    assert [line for line in found.difference.splitlines()[2:] if line.startswith("+")] == lines


def test_the_choice_of_the_target() -> None:
    seen = (Evidence("el9", 5, "mock", "m.cfg", "x"),)
    survey = Survey(
        "p", CommitId("1" * 40), evidence=seen, mock_configs=("mine",), architectures=("aarch64",)
    )
    choice = choose(survey, Wanted())
    assert (choice.target, choice.arch, choice.mock_config) == ("el9", "aarch64", "mine")
    named = choose(survey, Wanted(distribution="fedora-44", arch="x86_64"))
    assert (named.target, named.arch, named.chosen) == ("fedora-44", "x86_64", True)
    with pytest.raises(InputError, match="did you mean centos6"):
        choose(survey, Wanted(distribution="centos-6"))
    unknown = choose(Survey("p", None), Wanted())
    assert (unknown.target, unknown.distribution) == ("target", None)
