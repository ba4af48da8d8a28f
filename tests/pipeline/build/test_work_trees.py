"""Work trees that differ from the pins."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from altai_build.pipeline.build.work_trees import warn_of_work_trees
from tests.kit.builders import HostSite, noarch_component


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    """One component."""
    site = HostSite.create(tmp_path, monkeypatch)
    site.world.component("repos/lib", noarch_component("lib"))
    site.world.pin()
    return site


def test_a_work_tree_that_is_not_built_is_said(site: HostSite, capsys: pytest.CaptureFixture[str]) -> None:
    place = site.world.super.path / "repos" / "lib"
    subprocess.run(["git", "clone", "-q", site.world.components["repos/lib"].path, place], check=True)
    plan = site.plan("lib")
    warn_of_work_trees(site.run, plan.discovery.sourced)
    assert "work tree" not in capsys.readouterr().err
    (place / "README").write_text("edited")
    warn_of_work_trees(site.run, plan.discovery.sourced)
    assert capsys.readouterr().err == (
        "warning: lib: the work tree has changes that are not committed; only the pinned commit is built "
        "(--worktree builds what is there)\n"
    )
    # Whoever names a component may have edited it.
    for verb, taken in (("srpm", "built"), ("plan", "built"), ("explain", "compared")):
        said = f"lib: the work tree has changes that are not committed; only the pinned commit is {taken}"
        assert said in site.call(verb, "lib").err
        assert said not in site.call(verb, "lib", "--rev", site.world.super.git("rev-parse", "HEAD")).err
