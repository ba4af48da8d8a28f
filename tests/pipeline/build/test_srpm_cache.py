"""The second `srpm` of a commit does nothing; what it answers is true, and it notices all that makes it untrue."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from altai_build.config import load_config
from altai_build.pipeline.build.srpm_cache import SrpmCache
from altai_build.workspace import Workspace
from tests.kit.cli import altai_build
from tests.kit.git import Repo
from tests.kit.superprojects import DEFINITION, World, make_files


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.component("repos/one", make_files("one"))
    world.component("repos/two", make_files("two"))
    world.component("repos/bare", {"README": "no spec"})
    world.pin()
    return world


def srpm(world: World, *words: str) -> tuple[dict[str, Any], list[str]]:
    """The rows by component, and the programs that were run."""
    answer = altai_build("-v", "srpm", "--json", *words, cwd=world.super.path)
    assert answer.code == 0, answer.err
    run = [
        line[2:].split()[0].rpartition("/")[2] for line in answer.err.splitlines() if line.startswith("$ ")
    ]
    return {row["component"]: row for row in json.loads(answer.out)}, run


def statuses(rows: dict[str, Any]) -> dict[str, str]:
    return {name: row["status"] for name, row in rows.items()}


def test_only_git_runs_and_only_once(world: World) -> None:
    first, _ = srpm(world)
    second, run = srpm(world)
    assert statuses(second) == {"one": "reused", "two": "reused", "bare": "skipped"}
    assert {name: row["srpm"] for name, row in second.items()} == {n: row["srpm"] for n, row in first.items()}
    assert second["bare"] == first["bare"]
    assert run == ["git"]


def test_a_missing_or_truncated_package_is_made_again(world: World) -> None:
    rows, _ = srpm(world)
    path = Path(rows["one"]["srpm"])
    data = path.read_bytes()
    for spoil in (path.unlink, lambda: path.write_bytes(data[:-1])):
        spoil()
        again, _ = srpm(world)
        assert statuses(again) == {"one": "built", "two": "reused", "bare": "skipped"}
        assert path.read_bytes() == data


def test_another_commit_or_configuration_has_its_own_results(world: World) -> None:
    rows, _ = srpm(world)
    world.component("repos/one", {"README": "more"})
    world.pin()
    assert statuses(srpm(world)[0]) == {"one": "built", "two": "reused", "bare": "skipped"}
    assert statuses(srpm(world, "--rev", "HEAD^")[0]) == {"one": "reused", "two": "reused", "bare": "skipped"}
    assert srpm(world, "--rev", "HEAD^")[0]["one"]["srpm"] == rows["one"]["srpm"]
    (world.super.path / "repos.yaml").write_text(DEFINITION)
    rows, _ = srpm(world)
    assert statuses(rows) == {"one": "built", "two": "built", "bare": "skipped"}
    assert rows["two"]["nevra"].endswith(".x.src")


def test_failures_are_not_cached(world: World) -> None:
    world.component(
        "repos/three",
        {"three.spec": "Name: three\nVersion: 1\nRelease: 1\nSource0: gone.patch\n%description\nx\n"},
    )
    world.pin()
    for _ in range(2):
        answer = altai_build("srpm", "--json", cwd=world.super.path)
        assert answer.code == 3
        assert "gone.patch" in {row["component"]: row for row in answer.json}["three"]["reason"]


def test_specs_are_read_once(world: World) -> None:
    """Named components are asked for past the kept answer; their specs are not read again."""
    assert "python" in " ".join(srpm(world, "one")[1])
    assert "python" not in " ".join(srpm(world, "one")[1])


def test_a_named_component_is_made_without_reading_the_others(world: World) -> None:
    _, run = srpm(world, "one")
    assert run.count("rpmbuild") == 1  # which version it is
    whole = srpm(world)[1]
    assert run.count("git") < whole.count("git")
    gone = world.components["repos/two"].path
    gone.rename(gone.with_name("elsewhere"))
    world.component("repos/one", {"README": "more"})
    world.pin(two=40 * "2")
    rows, _ = srpm(world, "one")
    assert statuses(rows) == {"one": "built"}


def test_components_of_one_name_are_distinguished_by_path(world: World) -> None:
    world.components["more/one"] = Repo(world.folder / "other")
    world.urls["more/one"] = "../other"
    world.component("more/one", make_files("three"))
    world.pin()
    (world.super.path / "repos.yaml").write_text(DEFINITION + "superproject: {components: [repos, more]}\n")
    assert set(srpm(world, "repos/one")[0]) == {"repos/one"}
    assert set(srpm(world)[0]) == {"repos/one", "more/one", "two", "bare"}


def test_a_packages_name_selects_its_component(world: World) -> None:
    world.component(
        "repos/three", {"three.spec": make_files("one-package")["one-package.spec"], "README": ""}
    )
    world.pin()
    assert set(srpm(world, "one-package")[0]) == {"three"}
    world.component("repos/one-package", make_files("four"))
    world.pin()
    assert set(srpm(world, "one-package")[0]) == {"one-package"}


def test_macros_from_outside_of_the_commit_are_compared(tmp_path: Path) -> None:
    """Of the mock configuration, which may give dist, and of the target's macro files."""
    definition = DEFINITION.replace("macros: {dist: .x}", "macro_files: rpm").replace(
        "mock_config: m", "mock_config: no-such"
    )
    (tmp_path / "repos.yaml").write_text(definition)
    (tmp_path / "rpm/macros.d").mkdir(parents=True)
    config = load_config(tmp_path / "repos.yaml")
    cache = SrpmCache(tmp_path, "0" * 40, tmp_path / "repos.yaml", Workspace(tmp_path / "workspace"))
    folder = tmp_path / "mock-configs"
    folder.mkdir()
    changes: dict[str, Callable[[], object]] = {
        "a mock configuration": lambda: (folder / "no-such.cfg").write_text("include('x.tpl')\n"),
        "what it includes": lambda: (folder / "x.tpl").write_text("config_opts['root'] = 'r'\n"),
        "another text": lambda: (folder / "x.tpl").write_text("config_opts['root'] = 'other'\n"),
        "a macro file": lambda: (tmp_path / "rpm/macros.d/macros.a").write_text("%a 1\n"),
        "its text": lambda: (tmp_path / "rpm/macros.d/macros.a").write_text("%a 12\n"),
    }
    for name, change in changes.items():
        cache.store_results([], config)
        assert cache.load_results() == [], name
        change()
        assert cache.load_results() is None, name
