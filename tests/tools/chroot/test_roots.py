"""Buildroots on the host's disk: other users cannot enter them, and no link in them leads to the host's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.chroot.roots import set_up_base_root
from tests.kit.builds import Site, small_component
from tests.kit.superprojects import World


def test_other_users_cannot_run_the_programs_of_a_buildroot(testbed: Path, tmp_path: Path) -> None:
    site = Site(world=World(tmp_path / "one"), testbed=testbed, workspace=tmp_path / "one/ws")
    site.world.component("repos/small", small_component("small"))
    site.world.pin()
    assert site.build()["small"]["status"] == "built"
    roots = site.workspace / "roots"
    assert any(path.stat().st_mode & 0o4000 for path in roots.rglob("bin/*") if path.is_file())
    assert roots.stat().st_mode & 0o777 == 0o700


def test_a_buildroot_whose_etc_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root/etc").symlink_to(tmp_path / "host")
    with pytest.raises(InputError, match="/etc is a symbolic link"):
        set_up_base_root(tmp_path / "root")
    assert list((tmp_path / "host").iterdir()) == []
