"""`init` as a user calls it, and that `changed` and `plan` work right after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.cli import altai_build
from tests.kit.git import Repo
from tests.kit.superprojects import World, make_spec


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A superproject with a component that is cloned and one that is not."""
    world = World(tmp_path)
    world.component("repos/a", {"a.spec": "%define dist .el7\n" + make_spec("a"), "README": "."})
    world.component("repos/b", {"b.spec": make_spec("b"), "README": "."})
    world.pin({"p-release.spec": make_spec("p-release"), "README": "."})
    world.super.git("clone", "--quiet", str(tmp_path / "a"), str(world.super.path / "repos" / "a"))
    return world.super.path


def test_init_then_changed_and_plan(place: Path) -> None:
    answer = altai_build("init", "--json", cwd=place)
    assert answer.code == 0 and "submodule" not in answer.err, answer.err
    assert answer.json["distribution"]["id"] == "centos7" and answer.json["distribution"]["guessed"]
    assert [(one["path"], one["state"]) for one in answer.json["components"]] == [
        ("repos/a", "found"),
        ("repos/b", "not cloned"),
    ]
    assert all(one["written"] for one in answer.json["files"])
    assert altai_build("changed", "--json", cwd=place).json is not None
    plan = altai_build("plan", cwd=place)
    assert plan.code == 0 and {line.split("\t")[1] for line in plan.out.splitlines()} == {
        "a",
        "b",
        "p-release",
    }
    again = altai_build("init", "--distribution", "el9", cwd=place)
    assert (
        again.code == 3
        and "another one is there, and stays" in again.out
        and "nothing was written" in again.err
    )
    assert "centos7:" in (place / "repos.yaml").read_text()


def test_a_submodule_gets_a_warning(tmp_path: Path) -> None:
    inner = tmp_path / "super" / ".git" / "modules" / "a"
    Repo(tmp_path / "a").commit({"a.spec": make_spec("a")})
    inner.parent.mkdir(parents=True)
    (tmp_path / "a" / ".git").rename(inner)
    (tmp_path / "a" / ".git").write_text(f"gitdir: {inner}\n")
    answer = altai_build("init", "--dry-run", cwd=tmp_path / "a")
    assert (
        answer.code == 0
        and f"is a submodule: for releases of the superproject run this in {tmp_path}/super" in answer.err
    )


def test_a_dry_run_prints_what_it_would_write(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "p")
    repo.commit({".tito/tito.props": "[x]\ndisttag = .el9\n", "p.spec": make_spec("p")})
    answer = altai_build("init", "--dry-run", "--from", "tito", cwd=repo.path)
    assert answer.code == 0 and "  project: p # guess: the name of the repository" in answer.out
    assert ".tito/tito.props [x] disttag\t.el9\ttargets.TARGET.macros.dist\t\n" in answer.out
    assert not (repo.path / "repos.yaml").exists()


def test_wrong_options(tmp_path: Path) -> None:
    assert altai_build("init", "--from-file", "x", cwd=tmp_path).code == 2
    assert altai_build("init", "--arch", "x86-64", cwd=tmp_path).code == 2
    assert altai_build("init", cwd=tmp_path).code == 3
