"""A release is planned before the first build: how each pin compares with the previous release; what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from altai_build.model.release import ComponentOrigin
from altai_build.tools.files import sha256_file
from tests.kit.cli import CliResult, altai_build
from tests.kit.manifests import manifest, write_manifests
from tests.kit.release_worlds import commit_definition, make_world
from tests.kit.releases import Materials, make_release, make_release_contents, with_repository
from tests.kit.superprojects import World, make_files


def release_with(folder: Path, materials: Materials, commit: str, url: str) -> None:
    """Make a release 1.0.2 in `folder` whose package of repos/altai/focus was made from this commit."""
    contents = make_release_contents(materials)
    (placed,) = next(
        repository for repository in contents.repositories if repository.name == "centos6"
    ).packages
    assert isinstance(placed.origin, ComponentOrigin)
    moved = replace(placed, origin=replace(placed.origin, commit=commit, url=url))
    contents = with_repository(contents, "centos6", packages=(moved,))
    make_release(
        folder / "1.0.2", materials, with_repository(contents, "centos6-srpms", key="ours", packages=())
    )


def plan(world: World, version: str = "1.0.3") -> CliResult:
    return altai_build("-C", world.super.path, "release", version, "--dry-run", cwd=world.folder)


def plan_as_json(world: World, version: str) -> Any:
    answer = altai_build("-C", world.super.path, "release", version, "--dry-run", "--json", cwd=world.folder)
    assert answer.code == 0, answer.err
    return answer.json


@pytest.mark.parametrize(
    ("released", "pinned", "status", "warned"),
    [
        ("first", "first", "same commit as in 1.0.2", False),
        ("first", "second", "changed: 1.0.2 has {}", False),
        ("second", "first", "rewound: 1.0.2 has the later commit {}", True),
        ("aside", "second", "diverged: 1.0.2 has {}, and neither commit contains the other", True),
        ("gone", "second", "changed: 1.0.2 has {}, which is no longer available", True),
    ],
)
def test_the_plan_compares_each_pin_with_the_previous_release(
    tmp_path: Path, materials: Materials, released: str, pinned: str, status: str, warned: bool
) -> None:
    world = World(tmp_path)
    commits = {"first": world.component("repos/altai/focus", make_files("focus")), "gone": "d" * 40}
    focus = world.components["repos/altai/focus"]
    commits["aside"] = focus.commit({"README": "aside"}, branch="aside", parents=[commits["first"]])
    commits["second"] = world.component("repos/altai/focus", {"README": "second"})
    commit_definition(world, focus=commits[pinned])
    release_with(tmp_path / "releases", materials, commits[released], str(tmp_path / "focus"))
    answer = plan(world)
    assert answer.code == 0, answer.err
    text = status.format(commits[released][:7])
    (line,) = [line for line in answer.out.splitlines() if "\tfocus\t" in f"\t{line}"]
    assert text in line
    assert (f"warning: focus: {text}\n" in answer.err) == warned


def test_a_component_that_the_previous_release_lacks_is_new(tmp_path: Path, materials: Materials) -> None:
    world = make_world(tmp_path)
    assert "\tnew: there is no previous release\n" in plan(world).out
    world.component("repos/altai/other", make_files("other"))
    commit_definition(world)
    commit = world.components["repos/altai/focus"].git("rev-parse", "HEAD")
    release_with(tmp_path / "releases", materials, commit, str(tmp_path / "focus"))
    rows = [line.split("\t") for line in plan(world).out.splitlines()]
    assert {row[1]: row[-1] for row in rows if row[1] in ("focus", "other")} == {
        "focus": "same commit as in 1.0.2",
        "other": "new: not in 1.0.2",
    }


def test_a_version_that_is_no_name_or_exists_is_refused(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    for version in ("../1", ".hidden", "nightly", "1.0-foo"):
        refused = plan(world, version)
        assert (refused.code, f"{version!r} is not a version for a release" in refused.err) == (3, True)
    (tmp_path / "releases" / "1.0.3").mkdir(parents=True)
    refused = plan(world)
    assert (refused.code, "release 1.0.3 exists" in refused.err) == (8, True)


def test_a_definition_that_is_not_committed_is_refused(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    (world.super.path / "k").write_text("another key\n")
    refused = plan(world)
    assert refused.code == 3
    assert "the release definition is not committed\n  k\n" in refused.err


def test_a_release_without_packages_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    config = (
        (world.super.path / "repos.yaml")
        .read_text()
        .replace("altai\n", "altai\nsuperproject: {path: .}\n", 1)
    )
    definition = config.replace("{path: .}", "{path: ., components: [elsewhere]}")
    world.pin({"repos.yaml": definition})
    world.super.git("reset", "--quiet", "--hard")
    refused = plan(world)
    assert (refused.code, "release 1.0.3 would have no packages" in refused.err) == (3, True), refused.err
    assert "no submodule is pinned below superproject.components" in refused.err


def test_a_release_follows_its_candidate(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    write_manifests(tmp_path / "releases", manifest("1.0.9", []), manifest("2.0-rc1", []))
    answer = plan_as_json(world, "2.0")
    assert (answer["previous"], answer["sorts_below"]) == ("2.0-rc1", None)
    refused = plan(world, "2.0-RC1")
    assert (refused.code, "release 2.0-rc1 exists, and 2.0-RC1 is the same version" in refused.err) == (
        8,
        True,
    )


def test_the_plan_names_what_the_release_follows_and_when_the_next_one_is_expected(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    write_manifests(tmp_path / "releases", manifest("1.0.9", []))
    definition = (world.super.path / "repos.yaml").read_text()
    for setting, ahead in (("9999-12-31", True), ("1d", False)):
        world.pin({"repos.yaml": definition.replace("release: {", f"release: {{expected_by: {setting}, ")})
        world.super.git("reset", "--quiet", "--hard")
        answer = plan_as_json(world, "1.1")
        digest = sha256_file(tmp_path / "releases" / "1.0.9" / "SHA256SUMS")
        assert answer["follows"] == [{"version": "1.0.9", "sha256": digest}]
        assert (answer["expected_by"] == "9999-12-31T23:59:59Z") == ahead
        warning = "reports this one as out of date at once"
        assert (warning in plan(world, "1.1").err) != ahead


def test_a_release_of_an_older_series_is_told_what_it_sorts_below(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    write_manifests(tmp_path / "releases", manifest("1.0.9", []), manifest("2.0", []))
    answer = plan(world, "1.0.10")
    assert answer.code == 0
    assert "1.0.10 sorts below 2.0: `latest` stays at 2.0" in answer.err
    structured = plan_as_json(world, "1.0.10")
    assert (structured["previous"], structured["sorts_below"]) == ("1.0.9", "2.0")


def test_another_signing_key_without_replaces_is_refused_before_anything_is_built(
    tmp_path: Path, materials: Materials
) -> None:
    world = make_world(tmp_path)
    commit = world.components["repos/altai/focus"].git("rev-parse", "HEAD")
    release_with(tmp_path / "releases", materials, commit, str(tmp_path / "focus"))
    keys = {"k": materials.theirs.public.read_text(), "old": materials.ours.public.read_text()}
    definition = (world.super.path / "repos.yaml").read_text()
    world.super.commit(keys)
    world.super.git("reset", "--quiet", "--hard")
    refused = plan(world)
    assert refused.code == 6
    assert "packages of release 1.0.2 were signed by another key" in refused.err
    assert "write `replaces: NAME`" in refused.err and materials.ours.fingerprint in refused.err
    replacing = definition.replace(
        "keys: {k: {file: k, signs: true}}",
        "keys: {k: {file: k, signs: true, replaces: old}, old: {file: old, signs: true}}",
    )
    world.super.commit({"repos.yaml": replacing})
    world.super.git("reset", "--quiet", "--hard")
    assert plan(world).code == 0
