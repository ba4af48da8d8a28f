"""A machine that has built nothing takes what has not changed from a release, and builds the rest."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.kit.builds import Site, small_component
from tests.kit.client import Client
from tests.kit.superprojects import World


@pytest.fixture(scope="module")
def site(testbed: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """`roof` is built with `wall`, `wall` with `floor`, and 1.0.0 is their release; then `wall` changes."""
    place = tmp_path_factory.mktemp("released") / "site"
    site = Site(world=World(place), testbed=testbed, workspace=place / "ws", more="ci: {key: small}\n")
    for name, needs in (("floor", ()), ("wall", ("floor",)), ("roof", ("wall",)), ("shed", ())):
        site.world.component(f"repos/{name}", small_component(name, needs=needs))
    site.world.pin()
    for words in (("keys", "init", "small", "--no-passphrase"), ("release", "1.0.0")):
        answer = site.call(*words)
        assert answer.code == 0, answer.err
    site.world.component("repos/wall", small_component("wall", needs=("floor",), text="changed"))
    site.world.pin()
    return site


def plan(site: Site, *options: str) -> Any:
    """The waves of a plan."""
    return site.call("plan", *options).json["waves"]


def test_only_what_changed_and_its_dependents_are_built(site: Site) -> None:
    clean = replace(site, workspace=site.workspace.parent / "clean")
    against = ("--against", "1.0.0", "--json")
    planned = {one["component"]: one["reason"] for wave in plan(clean, *against) for one in wave}
    assert planned["floor"].endswith(
        "release 1.0.0 has packages of this commit, used if all inputs are the same"
    )
    assert planned["wall"].endswith("release 1.0.0 has no packages of this commit")
    # Its source package must be made before it is known, and `explain` makes none.
    would = {name: clean.call("explain", name, *against).json["would"] for name in ("floor", "wall")}
    assert would == {"floor": "unknown", "wall": "build"}
    rows = clean.build("--changed-since", "HEAD^", "--against", "1.0.0")
    assert {name: row["status"] for name, row in rows.items()} == {
        "floor": "reused",
        "wall": "built",
        "roof": "built",
    }
    assert rows["floor"]["reason"].endswith("release 1.0.0 has the packages of the same inputs")
    explained = clean.call("explain", "floor", *against).json
    assert explained["would"] == "reuse"
    assert rows["floor"]["reason"].endswith(explained["reason"])
    assert clean.call("explain", "floor", "--json").json["would"] == "build"
    released = site.definition.parent / "releases" / "1.0.0" / "small"
    assert [Path(rpm).parent for rpm in rows["floor"]["rpms"]] == [released]
    assert clean.read(rows["roof"]["rpms"][0], "usr/share/small/roof").split("\n")[:3] == [
        "roof: hello",
        "wall: changed",
        "floor: hello",
    ]


def test_a_release_that_nobody_vouches_for_is_refused_before_anything_is_built(
    site: Site, tmp_path: Path
) -> None:
    copy = tmp_path / "1.0.0"
    shutil.copytree(site.definition.parent / "releases" / "1.0.0", copy)
    (copy / "release.json.asc").unlink()
    clean = replace(site, workspace=site.workspace.parent / "refused")
    answer = clean.call("build", "--against", str(copy))
    assert answer.code == 3
    assert "the packages of release 1.0.0 cannot be used for builds" in answer.err
    assert not (clean.workspace / "builds").exists() or list((clean.workspace / "builds").iterdir()) == []


def test_machines_with_the_release_install_what_a_ci_job_built(site: Site, tmp_path: Path) -> None:
    releases = site.definition.parent / "releases"
    results = tmp_path / "results"
    answer = site.call("ci", "-o", str(results), "--json")
    assert answer.code == 0, answer.err
    found = answer.json
    assert {row["component"]: row["status"] for row in found["components"]} == {
        "floor": "reused",
        "wall": "built",
        "roof": "built",
    }
    assert (found["outcome"], found["against"]) == ("success", "1.0.0")
    # The release has the others.
    assert sorted({name.split("-")[0] for name in found["topic"]["files"]}) == ["roof", "wall"]
    client = Client(tmp_path / "client", site.testbed)
    text = (releases / "1.0.0" / "small.repo").read_text()
    client.configure(
        "release", re.sub(r"https?://[^/\n]+(?:/[^/\n]+)*?/1\.0\.0", (releases / "1.0.0").as_uri(), text)
    )
    assert client.dnf("install", "roof", "wall", "shed").code == 0
    before = client.installed()
    client.configure("ci", (results / "small-ci.repo").read_text())
    upgraded = client.dnf("upgrade")
    assert upgraded.code == 0, upgraded.said
    changed = {name.split("-")[0] for name in client.installed() - before}
    assert changed == {"roof", "wall"}, upgraded.said
    assert "wall: changed" in (client.root / "usr/share/small/roof").read_text()
