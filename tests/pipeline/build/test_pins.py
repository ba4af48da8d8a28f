"""Pins of two superproject commits are compared in whichever repository has both commits."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.config import default_config
from altai_build.model.gitlink import CommitId
from altai_build.model.pin import PinChange, PinDirection
from altai_build.pipeline.build.pins import compare_pins, read_pins
from altai_build.pipeline.run import Run
from altai_build.stages.discover.components import discover
from altai_build.tools.progress import ProgressReporter
from altai_build.workspace import Workspace
from tests.kit.superprojects import World, make_files


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.component("repos/one", make_files("one"))
    world.pin()
    return world


def make_run(world: World) -> Run:
    return Run(
        config=default_config(world.super.path),
        workspace=Workspace(world.folder / "workspace"),
        jobs=2,
        builder="auto",
        reporter=ProgressReporter(quiet=True),
    )


def compare(world: World, since: str = "HEAD^") -> PinChange:
    run = make_run(world)
    (sourced,) = discover(run.superproject, run.config, run.workspace, "HEAD", jobs=2).sourced
    before = read_pins(run, since)["repos/one"]
    return compare_pins(run, sourced, before.link.commit, url=before.url)


def test_every_direction(world: World) -> None:
    old = CommitId(world.components["repos/one"].git("rev-parse", "HEAD"))
    new = world.component("repos/one", {"README": "newer\n"})
    world.pin()
    assert compare(world) == PinChange(old=old, new=new, direction=PinDirection.FORWARD, is_lower=False)
    world.pin(one=old)
    assert compare(world) == PinChange(old=new, new=old, direction=PinDirection.REWOUND, is_lower=True)
    other = world.components["repos/one"].commit({"README": "x\n"}, branch="other", parents=[old])
    world.pin(one=new)
    world.pin(one=other)
    assert compare(world) == PinChange(old=new, new=other, direction=PinDirection.DIVERGED, is_lower=True)
    longer = world.components["repos/one"].commit({"README": "y\n"}, branch="other")
    world.pin(one=new)
    world.pin(one=longer)
    assert compare(world) == PinChange(old=new, new=longer, direction=PinDirection.DIVERGED, is_lower=False)


def test_a_commit_that_is_no_longer_available(world: World) -> None:
    new = CommitId(world.components["repos/one"].git("rev-parse", "HEAD"))
    world.pin(one="f" * 40)
    world.pin()
    assert compare(world) == PinChange(
        old=CommitId("f" * 40), new=new, direction=PinDirection.UNKNOWN, is_lower=True
    )


def test_an_earlier_pin_of_another_repository_is_fetched_from_there(world: World) -> None:
    """The later repository contains the history of the earlier one, which is all that can be compared."""
    old = CommitId(world.components["repos/one"].git("rev-parse", "HEAD"))
    world.components["repos/one"].git("clone", "--quiet", "--bare", ".", str(world.folder / "renamed"))
    world.urls["repos/one"] = "../renamed"
    new = world.component("repos/one", {"README": "newer\n"})
    world.components["repos/one"].git("push", "--quiet", str(world.folder / "renamed"), "main")
    world.pin()
    assert compare(world) == PinChange(old=old, new=new, direction=PinDirection.FORWARD, is_lower=False)
