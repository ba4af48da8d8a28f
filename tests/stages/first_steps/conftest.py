"""One superproject with what `init` looks for; no test changes it."""

from __future__ import annotations

import pytest

from altai_build.tools.git.superproject import Superproject
from tests.kit.cli import ROOT
from tests.kit.git import Symlink
from tests.kit.superprojects import World, make_spec


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A root spec, three submodules, folders of packages, a repository of ayer, GEAR, tito and DLRN at once."""
    folder = tmp_path_factory.mktemp("init")
    world = World(folder)
    world.component(
        "repos/nova", {"nova.spec": make_spec("nova", release="1.el6"), "README": ".", ".build": "x"}
    )
    world.component(
        "repos/deep",
        {
            "rpm_spec/deep.spec": make_spec("deep"),
            "tests/data/x.spec": "Name: x",
            "README": ".",
            ".gear/rules": "spec: rpm_spec/deep.spec\ntar: v@version@:.\ndiff: v@version@:. .\ncopy?: *.patch\nodd\n",
        },
    )
    world.component("repos/docs", {"README": "."})
    world.pin(
        {
            "p-release.spec": "Source1: baseurl\n%define dist .el6\n" + make_spec("p-release"),
            "packages/a/a.spec": make_spec("a"),
            "packages/b/b.spec": make_spec("b"),
            "top/top.spec": make_spec("top"),
            "examples/e/e.spec": make_spec("e"),
            "pki/RPM-GPG-KEY-EPEL-6-p": (ROOT / "keys" / "RPM-GPG-KEY-EPEL-6").read_bytes(),
            "pki/RPM-GPG-KEY-super": (ROOT / "keys" / "RPM-GPG-KEY-altai").read_bytes(),
            "pki/RPM-GPG-KEY-broken": b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
            "link.repo": Symlink("/etc/passwd"),
            "large.cfg": "config_opts['root'] = 'fedora-40-x86_64'\n" + "#" * (300 << 10),
        }
    )
    return world


@pytest.fixture(scope="session")
def superproject(world: World, tmp_path_factory: pytest.TempPathFactory) -> Superproject:
    """The same as the stages have it, with clones of two components."""
    found = Superproject(world.super.path, state=tmp_path_factory.mktemp("state"))
    for name in ("nova", "deep", "docs"):
        found.clones[f"repos/{name}"] = world.folder / name
    return found
