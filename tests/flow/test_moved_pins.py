"""Before a release is made, it is told how each pin stands to the release that goes before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.model.release import ComponentOrigin
from tests.kit.cli import ROOT, altai_build
from tests.kit.releases import Materials, make_materials, make_release, make_release_contents, with_repository
from tests.kit.superprojects import World, make_files

CONFIG = """\
project: altai
targets: {t: {mock_config: altai-centos6-x86_64, arch: x86_64, macros: {dist: .el6}}}
keys: {k: {file: k, signs: true}}
repositories: {centos6: {source: superproject, target: t, key: k}}
release: {baseurl: "https://example.org", directory: RELEASES}
"""


@pytest.fixture(scope="module")
def materials(tmp_path_factory: pytest.TempPathFactory) -> Materials:
    return make_materials(tmp_path_factory.mktemp("materials"))


def release_with(folder: Path, materials: Materials, commit: str, url: str) -> None:
    """Put a release 1.0.2 there whose package of repos/altai/focus was made from this commit."""
    plan = make_release_contents(materials)
    (placed,) = next(one for one in plan.repositories if one.name == "centos6").packages
    assert isinstance(placed.origin, ComponentOrigin)
    moved = replace(placed, origin=replace(placed.origin, commit=commit, url=url))
    make_release(folder / "1.0.2", materials, with_repository(plan, "centos6", packages=(moved,)))


@pytest.mark.parametrize(
    ("released", "pinned", "standing", "warned"),
    [
        ("first", "first", "same commit as in 1.0.2", False),
        ("first", "second", "changed: 1.0.2 has {}", False),
        ("second", "first", "rewound: 1.0.2 has the later commit {}", True),
        ("aside", "second", "moved aside: 1.0.2 has {}, which it does not contain", True),
        ("gone", "second", "changed: 1.0.2 has {}, which is not to be had any more", True),
    ],
)
def test_how_a_pin_stands_to_the_release_before(
    tmp_path: Path, materials: Materials, released: str, pinned: str, standing: str, warned: bool
) -> None:
    world = World(tmp_path)
    commits = {"first": world.component("repos/altai/focus", make_files("focus")), "gone": "d" * 40}
    focus = world.components["repos/altai/focus"]
    commits["aside"] = focus.commit({"README": "aside"}, branch="aside", parents=[commits["first"]])
    commits["second"] = world.component("repos/altai/focus", {"README": "second"})
    mock_config = "mock-configs/altai-centos6-x86_64.cfg"
    definition = {
        "repos.yaml": CONFIG.replace("RELEASES", str(tmp_path / "releases")),
        mock_config: (ROOT / mock_config).read_text(),
    }
    world.pin(definition, focus=commits[pinned])
    world.super.git("reset", "--quiet", "--hard")
    release_with(tmp_path / "releases", materials, commits[released], str(tmp_path / "focus"))
    answer = altai_build("-C", world.super.path, "release", "1.0.3", "--dry-run", cwd=tmp_path)
    assert answer.code == 0, answer.err
    told = standing.format(commits[released][:7])
    (line,) = [line for line in answer.out.splitlines() if "\tfocus\t" in f"\t{line}"]
    assert told in line
    assert (f"warning: focus: {told}\n" in answer.err) == warned
