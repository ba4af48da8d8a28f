"""Which components a release tags."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from altai_build.config import ComponentSettings, default_config
from altai_build.pipeline.release.tagging import plan_release_tags
from altai_build.pipeline.run import Run
from altai_build.tools.progress import ProgressReporter
from altai_build.workspace import Workspace
from tests.kit.git import Repo
from tests.kit.superprojects import World


def test_skipped_components_are_not_tagged(tmp_path: Path) -> None:
    world = World(tmp_path)
    for name in ("focus", "nova", "keystone"):
        world.component(f"repos/{name}", {"file": name})
    commit = world.pin()
    for path in world.components:
        Repo(world.super.path / path).git("pull", "--quiet", str(world.components[path].path), "main")
    skipped = {name: ComponentSettings(name=name, skip="not released") for name in ("nova", "repos/keystone")}
    config = dataclasses.replace(default_config(world.super.path), components=skipped)
    run = Run(
        config=config,
        workspace=Workspace(tmp_path / "workspace"),
        jobs=1,
        builder="auto",
        reporter=ProgressReporter(quiet=True),
    )
    plan = plan_release_tags(run, "1.0", commit, pushing=False)
    assert [target.path for target in plan.targets] == ["repos/focus", "."]
    assert plan.name == f"{config.project}-1.0"
    assert f"\n\nMade from the superproject's commit {commit}." in plan.message
