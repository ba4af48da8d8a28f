"""Machines that follow a channel: the real dnf over HTTP, forth and back, every signature checked."""

from __future__ import annotations

import os
from pathlib import Path

from tests.conftest import Require
from tests.kit.channel_worlds import ChannelWorld
from tests.kit.client import Client
from tests.kit.releases import Materials
from tests.kit.repositories import Package
from tests.kit.server import serving


def test_a_machine_gets_what_the_channel_shows(
    tmp_path: Path, materials: Materials, require: Require
) -> None:
    require(os.geteuid() == 0, "dnf installs as root only")
    with serving(tmp_path / "world" / "releases") as url:
        world = ChannelWorld(tmp_path / "world", materials, baseurl=url)
        for version, number in (("1.0.0", "1"), ("1.0.1", "2")):
            world.release(
                version,
                Package("app", number, requires=[f"lib = {number}"]),
                misc=(Package("lib", number),),
            )
        assert world.call("promote", "1.0.0", "--to", "stable").code == 0
        machine = Client(tmp_path / "machine", tmp_path)
        machine.configure("testbed", "")
        machine.configure("stable", (world.releases / "channels/stable/altai-stable.repo").read_text())
        first, second = ({f"{name}-{number}-1.noarch" for name in ("app", "lib")} for number in "12")

        installed = machine.dnf("install", "app")
        assert (installed.code, machine.installed()) == (0, first), installed.said
        assert world.call("promote", "1.0.1", "--to", "stable").code == 0
        upgraded = machine.dnf("--refresh", "upgrade")
        assert (upgraded.code, machine.installed()) == (0, second), upgraded.said
        assert world.call("promote", "1.0.0", "--to", "stable", "--back", "loses guests").code == 0
        kept = machine.dnf("--refresh", "upgrade")
        assert (kept.code, machine.installed()) == (0, second), kept.said
        synced = machine.dnf("distro-sync")
        assert (synced.code, machine.installed()) == (0, first), synced.said

        # Whoever changes the index of a release changes it for nobody.
        assert world.call("promote", "1.0.1", "--to", "stable").code == 0
        repomd = world.releases / "1.0.1" / "centos6" / "repodata" / "repomd.xml"
        repomd.write_bytes(repomd.read_bytes() + b"\n")
        refused = machine.dnf("--refresh", "upgrade")
        assert (refused.code, machine.installed()) == (1, first), refused.said
        assert "checksum" in refused.said.lower(), refused.said
