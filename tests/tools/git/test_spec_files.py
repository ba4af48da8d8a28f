"""Which files of a commit are specs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.builders import HostSite, noarch_component
from tests.kit.git import Symlink


def test_a_spec_that_is_a_symbolic_link_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = HostSite.create(tmp_path, monkeypatch)
    files = noarch_component("linked")
    spec = files.pop("linked.spec")
    site.world.component(
        "repos/linked", {**files, "contrib/linked.spec": spec, "linked.spec": Symlink("contrib/linked.spec")}
    )
    site.world.component("repos/outside", {"outside.spec": Symlink("../outside.spec")})
    site.world.component("repos/round", {"a.spec": Symlink("b.spec"), "b.spec": Symlink("a.spec")})
    site.world.pin()
    plan = site.plan()
    assert [source.info.name for source in plan.discovery.sourced] == ["linked"]
    reasons = {out.name: out.reason for out in plan.discovery.unreadable}
    assert set(reasons) == {"outside", "round/a", "round/b"}
    assert reasons["outside"].startswith("outside.spec is a symbolic link that leads to no file")
    run = site.build("linked")
    assert [row.status.value for row in run.rows] == ["built"]
