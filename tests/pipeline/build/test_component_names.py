"""Names of components in commands and in repos.yaml: a wrong one is reported with similar names."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.errors import InputError
from altai_build.pipeline.build.component_names import (
    select_by_name,
    warn_of_empty_folders,
    warn_of_unknown_settings,
)
from altai_build.pipeline.run import Run
from altai_build.stages.discover.components import Discovery, discover
from altai_build.tools.progress import ProgressReporter
from altai_build.workspace import Workspace
from tests.kit.superprojects import DEFINITION, World, make_files, make_spec


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    for name in ("focus", "bunch"):
        world.component(f"repos/{name}", make_files(f"python-{name}"))
    return world


def define(world: World, definition: str) -> tuple[Run, Discovery]:
    """The superproject with these components and this definition."""
    world.pin({"repos.yaml": definition, "specs/a/a.spec": make_spec("a")})
    (world.super.path / "repos.yaml").write_text(definition)
    run = Run(
        config=load_config(world.super.path / "repos.yaml"),
        workspace=Workspace(world.folder / "workspace"),
        jobs=1,
        builder="chroot",
        reporter=ProgressReporter(),
    )
    return run, discover(run.superproject, run.config, run.workspace, "HEAD", jobs=1)


def test_a_component_is_named_by_its_name_path_or_package(world: World) -> None:
    _, found = define(world, DEFINITION)
    for name in ("focus", "repos/focus", "python-focus"):
        assert [source.component.name for source in select_by_name(found, [name]).sourced] == ["focus"]
    assert select_by_name(found, []) is found
    with pytest.raises(InputError, match="no such component: fokus, x") as caught:
        select_by_name(found, ["fokus", "x"])
    assert caught.value.why == "fokus: did you mean focus?"


def test_settings_of_no_component_are_named(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    run, found = define(world, DEFINITION + "components: {fokus: {skip: why}, bunch: {skip: why}}\n")
    warn_of_unknown_settings(run, found)
    assert capsys.readouterr().err.splitlines() == [
        "warning: components.fokus in repos.yaml is ignored: no component has this name or path; did you mean focus?"
    ]


def test_folders_of_the_definition_without_components_are_named(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    misc = "repositories: {m: {source: specs, path: spekcs, target: t, key: k, source_rpms: s}, "
    definition = DEFINITION.replace("repositories: {", misc)
    run, found = define(world, definition + "superproject: {components: [repos, repo]}\n")
    warn_of_empty_folders(run, found)
    begin, end = "warning:", f"at commit {found.commit[:12]}"
    assert capsys.readouterr().err.splitlines() == [
        f"{begin} repositories.m.path in repos.yaml: there is no component below spekcs/ {end}",
        f"{begin} superproject.components: repo in repos.yaml: there is no component below repo/ {end}",
    ]
