"""`clean` at the command line; what it chooses is tested in tests/stages/test_clean.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.kit.cli import CliResult, altai_build
from tests.kit.git import Repo


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with a build that was last used in 1970."""
    build = tmp_path / "ws" / "builds" / "k1"
    build.mkdir(parents=True)
    (build / "a.rpm").write_bytes(b"x" * 5000)
    os.utime(build, (1, 1))
    return tmp_path / "ws"


def clean(workspace: Path, *words: str) -> CliResult:
    repo = Repo(workspace.parent / "super")
    repo.commit({"README": "x"}, empty=True)
    return altai_build("--workspace", str(workspace), "clean", *words, cwd=repo.path)


def test_a_line_for_each_removal_and_the_sum(workspace: Path) -> None:
    answer = clean(workspace, "--older-than", "14d")
    kind, path, size, used, reason = answer.out.rstrip("\n").split("\t")
    assert (kind, path, used) == ("build", str(workspace / "builds" / "k1"), "1970-01-01")
    assert reason.startswith("not used for ") and size.endswith("kB")
    assert f"freed {size}; kept " in answer.err and not (workspace / "builds" / "k1").exists()


def test_a_workspace_that_does_not_exist_is_not_an_empty_one_and_is_not_made(tmp_path: Path) -> None:
    answer = altai_build("clean", "--json", cwd=tmp_path)
    assert (answer.code, answer.json["error"]["what"]) == (
        3,
        f"there is no workspace {tmp_path}/.altai-build",
    )
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_removes_nothing(workspace: Path) -> None:
    answer = clean(workspace, "--max-size", "0", "--dry-run")
    assert answer.out.startswith("build\t") and "would free " in answer.err
    assert answer.out.rstrip("\n").endswith("\tleast recently used, and the workspace exceeds --max-size")
    assert (workspace / "builds" / "k1").is_dir()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--older-than", "14y"), "'14y' is not a number with one of the units m, h, d, w"),
        (("--max-size", "much"), "'much' is not a number with one of the units K, M, G, T"),
    ],
)
def test_a_wrong_unit_is_refused(workspace: Path, words: tuple[str, str], message: str) -> None:
    answer = clean(workspace, *words)
    assert answer.code == 2 and message in answer.err
