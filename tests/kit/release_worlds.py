"""Superprojects with a committed release definition, of which releases can be planned without building anything."""

from __future__ import annotations

from pathlib import Path

from tests.kit.cli import ROOT
from tests.kit.superprojects import World, make_files

CONFIG = """\
project: altai
targets: {t: {mock_config: altai-centos6-x86_64, arch: x86_64, macros: {dist: .el6}}}
keys: {k: {file: k, signs: true}}
repositories: {centos6: {source: superproject, target: t, key: k}}
release: {baseurl: "https://example.org", directory: RELEASES}
"""


def make_world(folder: Path) -> World:
    """A superproject with one component, repos/altai/focus; releases are published in `folder`/releases."""
    world = World(folder)
    world.component("repos/altai/focus", make_files("focus"))
    commit_definition(world)
    return world


def commit_definition(world: World, **pins: str) -> None:
    """Commit the release definition and the newest commit of each component, or `pins`, and check all out."""
    mock_config = "mock-configs/altai-centos6-x86_64.cfg"
    definition = {
        "repos.yaml": CONFIG.replace("RELEASES", str(world.folder / "releases")),
        mock_config: (ROOT / mock_config).read_text(),
        "k": "a key\n",
    }
    world.pin(definition, **pins)
    world.super.git("reset", "--quiet", "--hard")
