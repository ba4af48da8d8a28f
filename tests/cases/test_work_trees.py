"""What is edited and not committed: built when asked for, from commits that nothing else sees."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.kit.cli import altai_build
from tests.kit.superprojects import DEFINITION, World, make_files, members, unpack


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A superproject with the component x, checked out, and an edit in x."""
    world = World(tmp_path)
    world.component("repos/x", make_files("x"))
    world.pin({"repos.yaml": DEFINITION})
    git(tmp_path, "clone", "-q", world.super.path, "clone")
    clone = tmp_path / "clone"
    git(clone, "-c", "protocol.file.allow=always", "submodule", "update", "-q", "--init")
    (clone / "repos" / "x" / "README").write_text("edited\n")
    return clone


def git(place: Path, *words: str | Path) -> str:
    done = subprocess.run(["git", "-C", place, *words], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def test_an_edit_is_in_the_source_package_and_in_its_version(clone: Path) -> None:
    (pinned,) = altai_build("srpm", "--json", cwd=clone).json
    answer = altai_build("srpm", "x", "--worktree", "--json", cwd=clone / "repos" / "x")
    (row,) = answer.json
    assert git(clone, "rev-parse", "HEAD:repos/x") == pinned["commit"] != row["commit"]
    assert f"repos/x: its work tree is built as commit {row['commit'][:12]}" in answer.err
    assert f".g{row['commit'][:7]}." in row["nevra"]
    archive = members(unpack(Path(row["srpm"]))["x-1.0.tar.gz"])
    assert archive["x-1.0/README"] == "edited\n"
    assert altai_build("srpm", "x", "--worktree", "--json", cwd=clone).json[0]["status"] == "reused"


def test_plan_knows_what_the_edit_changes(clone: Path) -> None:
    assert altai_build("plan", "--changed-since", "HEAD", "--json", cwd=clone).json["waves"] == []
    ((row,),) = altai_build("plan", "--changed-since", "HEAD", "--worktree", "--json", cwd=clone).json[
        "waves"
    ]
    assert row["component"] == "x" and row["commit"] != git(clone, "rev-parse", "HEAD:repos/x")


def test_a_revision_and_the_work_tree_exclude_each_other(clone: Path) -> None:
    for verb in ("srpm", "plan"):
        answer = altai_build(verb, "--worktree", "--rev", "HEAD^", cwd=clone)
        assert answer.code == 2 and "--worktree and --rev exclude each other" in answer.err
