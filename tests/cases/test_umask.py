"""Whatever the user's umask is, buildroots work and packages are the same bytes."""

from __future__ import annotations

import os
from pathlib import Path

from tests.kit.builds import Site, small_component
from tests.kit.superprojects import World


def test_builds_succeed_with_the_same_bytes_whatever_the_umask_is(testbed: Path, tmp_path: Path) -> None:
    """Each other umask with buildroots of its own, whose packages are installed with that umask as well."""
    packages = {}
    for umask in (0o022, 0o077, 0o000):
        folder = tmp_path / f"{umask:o}"
        world = World(folder / "world")
        world.component("repos/low", small_component("low"))
        world.component("repos/one", small_component("one", needs=("low",)))
        world.pin()
        before = os.umask(umask)
        try:
            site = Site(world=world, testbed=testbed, workspace=folder / "ws", own_roots=umask != before)
            rows = site.build()
        finally:
            os.umask(before)
        packages[umask] = [Path(rpm).read_bytes() for row in rows.values() for rpm in row["rpms"]]
    assert len(packages[0o022]) == 2
    assert packages[0o077] == packages[0o022]
    assert packages[0o000] == packages[0o022]
