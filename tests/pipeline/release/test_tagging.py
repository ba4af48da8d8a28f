"""Which components of a release are tagged."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from altai_build.config import load_config
from altai_build.errors import InputError
from altai_build.pipeline.release.tagging import create_release_tags, plan_release_tags
from altai_build.pipeline.run import Run
from altai_build.workspace import Workspace
from tests.kit.superprojects import DEFINITION, World, make_files


def test_skipped_components_are_not_tagged_and_need_no_clone(tmp_path: Path) -> None:
    world = World(tmp_path)
    for path in ("repos/focus", "repos/deep/docs", "repos/notes"):
        world.component(path, make_files(path.rpartition("/")[2]))
    skips = "components: {docs: {skip: no spec}, repos/notes: {skip: no spec}}\n"
    definition = DEFINITION.replace(
        "project: p\n", "project: p\nsuperproject: {path: ., components: [repos]}\n"
    )
    commit = world.pin({"repos.yaml": definition + skips})
    world.super.git("reset", "--quiet", "--hard")
    run = Run(
        config=load_config(world.super.path / "repos.yaml"),
        workspace=Workspace(tmp_path / "workspace"),
        jobs=1,
        builder="auto",
    )
    with pytest.raises(InputError) as caught:
        plan_release_tags(run, "1.0.2", commit, pushing=False)
    assert "repos/focus" in str(caught.value)
    assert "docs" not in str(caught.value) and "notes" not in str(caught.value)


def test_without_a_plan_no_tag_is_made() -> None:
    run: Any = SimpleNamespace()
    key: Any = SimpleNamespace()
    with create_release_tags(run, None, key):
        pass
