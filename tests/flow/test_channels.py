"""Machines that follow a channel: the real dnf over HTTP, forth and back, with mirrors, every signature checked."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from altai_build.config import load_config
from altai_build.model.repo_file import format_channel_repo_file
from altai_build.model.rings import format_ring_script
from tests.conftest import Require
from tests.kit.channel_worlds import ChannelWorld
from tests.kit.client import Client
from tests.kit.releases import Materials
from tests.kit.repositories import Package
from tests.kit.server import serving


def test_a_machine_gets_what_the_channel_of_its_ring_shows(
    tmp_path: Path, materials: Materials, require: Require
) -> None:
    require(os.geteuid() == 0, "dnf installs as root only")
    stale, lying = tmp_path / "stale", tmp_path / "lying"
    for place in (stale, lying):
        place.mkdir()
    with (
        serving(tmp_path / "world" / "releases") as url,
        serving(stale) as stale_url,
        serving(lying) as lying_url,
    ):
        world = ChannelWorld(tmp_path / "world", materials, baseurl=url)
        for version, number in (("1.0.0", "1"), ("1.0.1", "2")):
            app = Package("app", number, requires=[f"lib = {number}"])
            world.release(version, app, misc=(Package("lib", number),))
        assert world.call("promote", "1.0.0", "--to", "stable").code == 0
        machine = make_machine(tmp_path / "machine", world)
        first, second = ({f"{name}-{number}-1.noarch" for name in ("app", "lib")} for number in "12")

        installed = machine.dnf("install", "app")
        assert (installed.code, machine.installed()) == (0, first), installed.said
        assert world.call("promote", "1.0.1", "--to", "stable").code == 0
        # dnf has the index of 1.0.0, and asks for the metalink, of 1.0.1 by now, before it downloads packages.
        again = machine.dnf("reinstall", "app")
        assert (again.code, machine.installed()) == (0, first), again.said
        upgraded = machine.dnf("--refresh", "upgrade")
        assert (upgraded.code, machine.installed()) == (0, second), upgraded.said
        assert world.call("promote", "1.0.0", "--to", "stable", "--back", "loses guests").code == 0
        kept = machine.dnf("--refresh", "upgrade")
        assert (kept.code, machine.installed()) == (0, second), kept.said
        synced = machine.dnf("distro-sync")
        assert (synced.code, machine.installed()) == (0, first), synced.said

        # One mirror does not have the release yet, the other has an older index, which is signed, in its place.
        world.configure(f', mirrors: ["{stale_url}", "{lying_url}"]')
        shutil.copytree(world.releases / "1.0.1", lying / "1.0.1")
        for name in ("repodata/repomd.xml", "repodata/repomd.xml.asc"):
            shutil.copy(world.releases / "1.0.0" / name, lying / "1.0.1" / name)
        assert world.call("promote", "1.0.1", "--to", "stable").code == 0
        upgraded = machine.dnf("--refresh", "upgrade")
        assert (upgraded.code, machine.installed()) == (0, second), upgraded.said

        # Where nobody has the index that was promoted, it is an error, and not "nothing to do".
        shutil.rmtree(world.releases / "1.0.1" / "repodata")
        shutil.rmtree(tmp_path / "machine" / "cache")
        refused = machine.dnf("--refresh", "upgrade")
        assert refused.code == 1 and "altai-ring" in refused.said, refused.said


def make_machine(folder: Path, world: ChannelWorld) -> Client:
    """A machine with the .repo file and the variable of rings; without an id it is in the last ring."""
    machine = Client(folder, folder)
    machine.configure("testbed", "")
    keys = load_config(world.folder / "repos.yaml").list_all_client_keys()
    machine.configure(
        "ring", format_channel_repo_file("altai", "$altairing", world.baseurl, keys, label="ring")
    )
    script = format_ring_script("altai", (("early", 10), ("stable", 100)))
    subprocess.run(["sh", "-s", str(machine.root)], input=script.encode(), check=True)
    return machine
