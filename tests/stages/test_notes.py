"""Which components appear in release notes, with which commits and packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.model.gitlink import CommitId
from altai_build.model.release import ReleasedPackage
from altai_build.model.release_changes import ComponentChange, ComponentNotes
from altai_build.stages.diff import compare_releases
from altai_build.stages.notes import make_release_notes
from altai_build.tools.git.superproject import Superproject
from tests.kit.git import Pin, gitmodules
from tests.kit.manifests import component, manifest, package
from tests.kit.superprojects import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.component("repos/focus", {"file": "1"})
    return world


def describe(
    world: World,
    old: CommitId,
    new: CommitId,
    packages: tuple[list[ReleasedPackage], list[ReleasedPackage]] = ([], []),
) -> dict[str, ComponentNotes]:
    superproject = Superproject(world.super.path, state=world.folder / "state")
    before, after = (
        manifest(version, content, commit=commit)
        for version, content, commit in (("1", packages[0], old), ("2", packages[1], new))
    )
    notes = make_release_notes(
        superproject, ["repos"], (before, after), compare_releases(before, after), jobs=2
    )
    return {component.path: component for component in notes.components}


def test_a_component_that_did_not_change_is_left_out(world: World) -> None:
    old = world.pin()
    new = world.super.commit({"README": "1"})
    assert set(describe(world, old, new)) == {"."}
    assert describe(world, old, old) == {}


def test_the_same_commit_is_listed_when_its_packages_changed(world: World) -> None:
    old = world.pin()
    origin = component("repos/focus", world.components["repos/focus"].git("rev-parse", "HEAD"))
    packages = ([package("f-1-1.noarch", origin)], [package("f-1-1.1.noarch", origin)])
    (focus,) = describe(world, old, old, packages).values()
    assert focus.component_change is ComponentChange.SAME and focus.commits == ()
    assert [str(change.new.nevra) for change in focus.packages if change.new] == ["f-1-1.1.noarch"]


def test_a_component_at_another_path_is_recognised_by_its_url(world: World) -> None:
    old = world.pin()
    commit = world.component("repos/focus", {"file": "2"})
    new = world.super.commit(
        {
            ".gitmodules": gitmodules({"repos/moved": world.urls["repos/focus"]}),
            "repos/focus": None,
            "repos/moved": Pin(commit),
        }
    )
    found = describe(world, old, new)
    assert set(found) == {".", "repos/moved"}
    moved = found["repos/moved"]
    assert (moved.old_path, moved.component_change) == ("repos/focus", ComponentChange.UPDATED)
    assert [kept.id for kept in moved.commits] == [commit]


def test_commits_that_are_not_available_are_a_problem_of_that_component(world: World) -> None:
    old = world.pin(focus="d" * 40)
    new = world.pin()
    focus = describe(world, old, new)["repos/focus"]
    assert focus.component_change is ComponentChange.UNKNOWN
    assert focus.problem.startswith(f"commit {'d' * 40} of repos/focus is not available from ")
