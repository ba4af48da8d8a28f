"""How a component's work tree differs from its pin, and what is in work trees as commits."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.gitlink import CommitId
from altai_build.tools.git.worktree import WorkTreeSnapshot, describe_difference, take_snapshot
from tests.kit.git import Repo
from tests.kit.superprojects import World


def test_a_moved_and_edited_work_tree_is_described(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "remote")
    first = repo.commit({"a": "1"})
    second = repo.commit({"a": "2"})
    clone = tmp_path / "clone"
    assert describe_difference(clone, second) == ""
    subprocess.run(["git", "clone", "-q", repo.path, clone], check=True)
    assert describe_difference(clone, second) == ""
    (clone / "untracked").write_text("x")
    assert describe_difference(clone, second) == ""
    moved = f"is at {second[:12]}, not at the pin {first[:12]}"
    assert describe_difference(clone, CommitId(first)) == moved
    (clone / "a").write_text("edited")
    assert describe_difference(clone, second) == "has changes that are not committed"
    assert describe_difference(clone, first) == f"{moved} and has changes that are not committed"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of a superproject with the submodule `repos/x`, both checked out, and a bare `repos/y`."""
    world = World(tmp_path)
    for name in ("x", "y"):
        world.component(f"repos/{name}", {"a": "1", ".gitignore": "*.o\n"})
    world.pin({"specs/s": "1"})
    git(tmp_path, "clone", "-q", world.super.path, "clone")
    git(
        tmp_path / "clone",
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "update",
        "-q",
        "--init",
        "repos/x",
    )
    return tmp_path / "clone"


def git(place: Path, *words: str | Path) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", place, *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def test_a_work_tree_without_changes_is_its_head(clone: Path, tmp_path: Path) -> None:
    snapshot = take_snapshot(clone, tmp_path / "scratch")
    assert snapshot == WorkTreeSnapshot(commit=CommitId(git(clone, "rev-parse", "HEAD")), changed=())


def test_what_is_edited_new_and_moved_is_in_the_commit_and_nothing_else_changes(
    clone: Path, tmp_path: Path
) -> None:
    inner = clone / "repos" / "x"
    (inner / "a").write_text("edited")
    (inner / "new").write_text("new")
    (inner / "ignored.o").write_text("")
    (clone / "specs" / "s").write_text("edited")
    before = [git(place, "status", "--porcelain=v2", "--branch") for place in (clone, inner)]
    snapshot = take_snapshot(clone, tmp_path / "scratch")
    assert [git(place, "status", "--porcelain=v2", "--branch") for place in (clone, inner)] == before
    (link,) = snapshot.changed
    assert link.path == "repos/x" and git(clone, "rev-parse", f"{snapshot.commit}:repos/x") == link.commit
    assert git(inner, "show", f"{link.commit}:a") == "edited"
    assert git(inner, "ls-tree", "--name-only", link.commit).split() == [".gitignore", "a", "new"]
    assert git(clone, "show", f"{snapshot.commit}:specs/s") == "edited"
    assert git(clone, "rev-parse", f"{snapshot.commit}:repos/y") == git(clone, "rev-parse", "HEAD:repos/y")
    for place, commit in ((clone, snapshot.commit), (inner, link.commit)):
        assert git(place, "rev-parse", f"{commit}^") == git(place, "rev-parse", "HEAD")
    assert take_snapshot(clone, tmp_path / "scratch") == snapshot, "equal content, equal commits"
    git(inner, "commit", "-qam", "edited")
    (inner / "new").unlink()
    (link,) = take_snapshot(clone, tmp_path / "scratch").changed
    assert link.commit == git(inner, "rev-parse", "HEAD"), "a moved submodule counts as it is checked out"


def test_a_removed_submodule_is_removed_and_one_without_a_work_tree_is_not(
    clone: Path, tmp_path: Path
) -> None:
    git(clone, "rm", "-qf", "repos/x")
    shutil.rmtree(clone / "repos" / "y")
    snapshot = take_snapshot(clone, tmp_path / "scratch")
    assert git(clone, "ls-tree", "--name-only", snapshot.commit, "repos/").split() == ["repos/y"]


def test_a_bare_repository_has_no_work_tree(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no work tree"):
        take_snapshot(Repo(tmp_path / "bare", bare=True).path, tmp_path / "scratch")
