"""Every component has what its spec says, read for its own target, by rpm where only rpm knows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.stages.discover.components import Discovery, discover
from altai_build.tools.git.superproject import Superproject
from altai_build.workspace import Workspace
from tests.kit.superprojects import World, make_spec

REPOS = """
project: altai
superproject: {path: ., components: [repos], root: false}
targets:
  new: {mock_config: any, arch: x86_64, macros: {dist: .new}}
  old: {mock_config: any, arch: i686, macros: {dist: .old}}
keys: {altai: {file: keys/altai, signs: true}}
repositories:
  main: {source: superproject, target: new, key: altai}
  deps/misc: {source: specs, path: specs, target: old, key: altai, source_rpms: deps/misc-srpms}
components:
  odd: {skip: not now}
release: {directory: releases, baseurl: "https://example.org"}
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.super.commit({"repos.yaml": REPOS, "specs/misc/misc.spec": make_spec("misc", source="x.patch")})
    (world.super.path / "repos.yaml").write_text(REPOS)
    return world


def find(world: World) -> Discovery:
    config = load_config(world.super.path / "repos.yaml")
    superproject = Superproject(world.super.path, state=world.folder / "state")
    return discover(superproject, config, Workspace(world.folder / "workspace"), "HEAD", jobs=2)


def test_specs_are_read_for_their_own_targets(world: World) -> None:
    world.component("repos/one", {"one.spec": make_spec("one", release="1%{?dist}.%{_arch}")})
    world.super.commit(
        {"specs/misc/misc.spec": make_spec("misc", release="1%{?dist}.%{_arch}", source="x.patch")}
    )
    world.pin()
    found = {source.component.name: source.info.release for source in find(world).sourced}
    assert found == {"one": "1.new.x86_64", "misc": "1.old.i386"}


def test_what_only_rpm_knows_is_read_by_rpm(world: World) -> None:
    spec = make_spec("one", version="%(cat %{_sourcedir}/VERSION)")
    spec += "%package -n %(echo two)\nSummary: x\n%description -n two\nx\n%files -n two\n"
    world.component("repos/one", {"one.spec": spec, "VERSION": "3.1\n"})
    world.component("repos/odd", {"odd.spec": make_spec("odd", version="%(exit 1)")})
    world.component("repos/bad", {"bad.spec": make_spec("bad", tags="%py_provides python3-bad")})
    world.pin()
    found = find(world)
    infos = {source.component.name: source.info for source in found.sourced}
    assert infos["one"].version == "3.1" and infos["one"].packages == ("one", "two")
    without = {component.name: component for component in found.without_srpm}
    assert without["odd"].error is None and without["odd"].reason == "skipped in repos.yaml: not now"
    assert without["bad"].error is not None and without["bad"].provides == {"bad"}
    assert without["bad"].reason.startswith(
        "bad: bad.spec has a macro that rpm does not know on this machine: %py_provides: "
    )
