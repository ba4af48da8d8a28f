"""How a component's work tree differs from its pin."""

from __future__ import annotations

import subprocess
from pathlib import Path

from altai_build.model.gitlink import CommitId
from altai_build.tools.git.worktree import describe_difference
from tests.kit.git import Repo


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
