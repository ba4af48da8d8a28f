"""`which`: the releases that hold a package, by name, NEVRA, file, content, checksum or commit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.kit.cli import altai_build
from tests.kit.configs import make_site
from tests.kit.git import Pin, gitmodules
from tests.kit.manifests import component, manifest, package, write_manifests
from tests.kit.releases import Materials
from tests.kit.rpms import flip_last_byte
from tests.kit.superprojects import World


@pytest.fixture(scope="module")
def site(materials: Materials, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with repos.yaml and release 1.0.2."""
    return make_site(tmp_path_factory.mktemp("site"), materials)


def which(folder: Path, thing: str | Path) -> list[tuple[str, str, str | None]]:
    answer = altai_build("which", str(thing), "--json", cwd=folder)
    if answer.code:
        assert answer.json["error"]["what"] == f"no release has {thing}"
        return []
    return [(row["release"], row["matched"], row["nevra"]) for row in answer.json]


def test_which_by_name_nevra_file_and_content(site: Path, materials: Materials, tmp_path: Path) -> None:
    focus = ("1.0.2", "name", "focus-1.0-3.el6.noarch")
    source = ("1.0.2", "name", "focus-1.0-3.el6.src")
    assert which(site, "focus") == [focus, source]
    assert which(site, "foc*") == [focus, source]
    for spelling in ("bunch-1:1.0.1-1.el6.noarch", "bunch-1.0.1-1.el6.noarch"):
        assert which(site, spelling) == [("1.0.2", "nevra", "bunch-1:1.0.1-1.el6.noarch")]
    file = "focus-1.0-3.el6.noarch.rpm"
    assert which(site, file) == [("1.0.2", "file", "focus-1.0-3.el6.noarch")]
    assert which(site, f"centos6/{file}") == [("1.0.2", "file", "focus-1.0-3.el6.noarch")]
    assert which(site, "/usr/share/focus/greeting") == [("1.0.2", "content", "focus-1.0-3.el6.noarch")]
    renamed = tmp_path / "some.rpm"
    shutil.copy(materials.own, renamed)
    assert which(site, renamed) == [("1.0.2", "sha256", "focus-1.0-3.el6.noarch")]
    digest = next(
        row["sha256"]
        for row in altai_build("audit", "1.0.2", "--json", cwd=site).json
        if row["name"] == "focus"
    )
    assert which(site, digest) == [("1.0.2", "sha256", "focus-1.0-3.el6.noarch")]


def test_a_file_of_the_same_name_with_different_bytes(
    site: Path, materials: Materials, tmp_path: Path
) -> None:
    forged = tmp_path / materials.own.name
    shutil.copy(materials.own, forged)
    flip_last_byte(forged)
    answer = altai_build("which", str(forged), "--json", cwd=site)
    (row,) = answer.json
    assert row["matched"] == "file"
    assert "has different bytes" in row["note"]


def test_a_thing_that_no_release_has(site: Path) -> None:
    answer = altai_build("which", "focuss", "--json", cwd=site)
    assert (answer.code, answer.json["error"]["why"]) == (3, "did you mean focus?")
    assert "no release has focuss" in answer.err and "did you mean focus?" in answer.err


def test_which_by_commit_of_component_and_superproject(tmp_path: Path) -> None:
    world = World(tmp_path / "git")
    pins = [world.component("repos/focus", {"file": str(number)}) for number in range(3)]
    commits = [
        world.super.commit({".gitmodules": gitmodules(world.urls), "repos/focus": Pin(pin)})
        for pin in (pins[1], pins[2])
    ]
    clone = world.super.path / "repos" / "focus"
    shutil.copytree(world.components["repos/focus"].path, clone)
    (tmp_path / "repos.yaml").write_text(
        f"project: altai\nsuperproject: {{path: {world.super.path}}}\n"
        "targets: {centos6: {mock_config: el6, arch: x86_64}}\nkeys: {altai: {file: key, signs: true}}\n"
        "repositories: {centos6: {source: superproject, target: centos6, key: altai}}\n"
        'release: {baseurl: "https://repo.example.org"}\n'
    )
    write_manifests(
        tmp_path / "releases",
        *(
            manifest(
                version,
                [package(f"focus-{version}-1.noarch", component("repos/focus", pin))],
                commit=commit,
            )
            for version, pin, commit in zip(("1.0", "1.1"), pins[1:], commits)
        ),
    )
    assert which(tmp_path, pins[1]) == [
        ("1.0", "commit", "focus-1.0-1.noarch"),
        ("1.1", "contained", "focus-1.1-1.noarch"),
    ]
    assert which(tmp_path, pins[2][:9]) == [("1.1", "commit", "focus-1.1-1.noarch")]
    assert which(tmp_path, pins[0]) == [
        ("1.0", "contained", "focus-1.0-1.noarch"),
        ("1.1", "contained", "focus-1.1-1.noarch"),
    ]
    assert which(tmp_path, commits[1]) == [("1.1", "release", None)]
    assert which(tmp_path, commits[0][:10]) == [("1.0", "release", None), ("1.1", "release", None)]
    assert which(tmp_path, "0" * 40) == []
