"""Where a superproject stands: what is configured, released, changed since, built last, and wrong."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.config import default_config, load_config
from altai_build.errors import InputError
from altai_build.ledger import ComponentOutcome, write_outcomes
from altai_build.model.release import BuildRecord, SuperprojectPin
from altai_build.model.status import Problem, Status
from altai_build.pipeline.build.journal import open_journal
from altai_build.pipeline.status import read_status
from altai_build.tools.files import make_directory
from altai_build.workspace import Workspace
from tests.kit.manifests import manifest, package, write_manifests
from tests.kit.superprojects import World

CONFIG = """\
project: p
targets: {t: {mock_config: el6, arch: x86_64, macros: {dist: .el6}, base: []}}
keys: {k: {file: KEY, signs: true}}
repositories:
  r: {source: superproject, target: t, key: k}
  deps/misc: {source: specs, path: specs, target: t, key: k, source_rpms: deps/srpms}
  deps/epel: {source: mirror, target: t, url: "file:///nowhere", key: k, packages: needed}
release: {baseurl: 'http://localhost/p'}
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "world")
    world.component("repos/nova", {"nova.spec": "Name: nova"})
    world.component("repos/glance", {"glance.spec": "Name: glance"})
    (world.super.path / "repos.yaml").write_text(CONFIG)
    return world


def look(world: World) -> Status:
    root = world.super.path
    return read_status(load_config(root / "repos.yaml"), Workspace(root / ".altai-build"))


def release(world: World, version: str, commit: str) -> None:
    builds = tuple(
        BuildRecord(component=name, status="built", reason="", seconds=1.0, buildroot="", log="", needs=needs)
        for name, needs in (("nova", ()), ("client", ("nova",)), ("bunch", ()), ("pbr", ()))
    )
    made = manifest(version, [package("nova-1-1.noarch")])
    pinned = SuperprojectPin(url="https://example.org/p.git", commit=commit, tag=None)
    write_manifests(world.super.path / "releases", replace(made, superproject=pinned, builds=builds))


def test_before_anything_was_made(world: World) -> None:
    head = world.pin({"specs/pbr/pbr.spec": "Name: pbr", "specs/six/six.spec": "Name: six"})
    found = look(world)
    assert (found.project, found.target, found.mock_config) == ("p", "t", "el6")
    assert (found.head, found.components, found.specs, found.signing_keys) == (head, 2, 2, ("k",))
    assert (found.published, found.latest, found.last_run, found.running) == ((), None, {}, None)
    assert found.problems == (
        Problem(
            f"the file of key k is missing: {world.super.path / 'KEY'}", "make it: `altai-build keys init k`"
        ),
        Problem("there is no deps.lock.yaml: third-party packages are not locked", "`altai-build deps lock`"),
        Problem("not committed: repos.yaml", "commit it: releases are made of commits alone"),
    )


def test_what_has_changed_since_the_latest_release(world: World) -> None:
    released = world.pin({"specs/pbr/pbr.spec": "Name: pbr"})
    release(world, "1.0.9", released)
    release(world, "1.0.10", released)
    (latest := look(world).latest)
    assert latest is not None and (latest.version, latest.commits) == ("1.0.10", 0)
    assert (latest.components, latest.files, latest.dependents) == ((), (), ())
    new = world.component("repos/nova", {"nova.spec": "Name: nova\n#"})
    world.pin({"specs/pbr/pbr.spec": "Name: pbr\n#", "odd \n$(x)": "a"})
    found = look(world)
    assert found.published == ("1.0.9", "1.0.10") and found.latest is not None
    assert [(change.path, change.new) for change in found.latest.components or ()] == [("repos/nova", new)]
    assert sorted(found.latest.files or ()) == ["odd \n$(x)", "specs/pbr/pbr.spec"]
    assert (found.latest.commits, found.latest.dependents) == (1, ("client",))


def test_a_release_of_an_unknown_commit_and_one_that_cannot_be_read(world: World) -> None:
    world.pin()
    release(world, "1.0.0", "d" * 40)
    found = look(world)
    assert found.latest is not None
    assert (found.latest.components, found.latest.files, found.latest.commits) == (None, None, None)
    assert any("d" * 40 in problem.what for problem in found.problems)
    (world.super.path / "releases" / "1.0.0" / "release.json").write_text("{")
    found = look(world)
    assert (found.latest, found.published) == (None, None)
    assert any("not JSON" in problem.what for problem in found.problems)


def test_the_last_run_and_the_one_that_builds_now(world: World) -> None:
    world.pin()
    workspace = Workspace(world.super.path / ".altai-build")
    make_directory(workspace.gnupg)
    (world.super.path / "KEY").write_text("key")
    (world.super.path / "deps.lock.yaml").write_text("")
    outcomes = [
        ("nova", "failed", "x.c: error\nmore"),
        ("glance", "built", "new"),
        ("pbr", "blocked", "needs nova"),
    ]
    write_outcomes(
        workspace.outcomes, [ComponentOutcome(*one[:1], "c", *one[1:], key="", time=1) for one in outcomes]
    )
    with open_journal(workspace, ["nova", "glance"]):
        found = look(world)
    assert found.last_run == {"built": ("glance",), "failed": ("nova",), "blocked": ("pbr",)}
    assert found.running == "0 of 2 done"
    unreadable, uncommitted, failed = found.problems
    assert unreadable.what.startswith(f"cannot use the key file {world.super.path / 'KEY'}: ")
    assert uncommitted == Problem(
        "not committed: KEY, deps.lock.yaml, repos.yaml", "commit it: releases are made of commits alone"
    )
    assert failed == Problem("nova failed: x.c: error", "see `altai-build log nova`")


def test_without_a_superproject_or_with_a_broken_definition(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "ws")
    found = read_status(default_config(tmp_path), workspace)
    assert (found.project, found.head, found.components, found.published) == (None, None, None, None)
    assert [problem.what.split(":")[0] for problem in found.problems] == [
        "there is no repos.yaml here or above",
        f"{tmp_path} is not a git repository",
    ]
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    error = InputError("repos.yaml has 2 errors", why="line 1\nline 2", todo="fix them")
    found = read_status(default_config(tmp_path), workspace, error)
    assert found.problems[0] == Problem("repos.yaml has 2 errors: line 1", "fix them")
    # A repository without a commit.
    assert found.head is None and any("HEAD" in problem.what for problem in found.problems)
