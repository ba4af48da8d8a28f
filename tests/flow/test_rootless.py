"""The chroot builder as an ordinary user: packages have the same bytes as root's, and all files can be removed."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from altai_build.tools.sandbox.bubblewrap import BUILD_UID
from tests.conftest import Require
from tests.flow.test_builds import C_SPEC, C_TEXT, VIEW
from tests.kit.builds import Site, small_component
from tests.kit.superprojects import World, make_spec
from tests.kit.users import FIRST, UID, User, other_user


def _digests(rows: list[dict[str, object]]) -> dict[str, str]:
    rpms = [Path(str(rpm)) for row in rows for rpm in row["rpms"]]  # type: ignore[attr-defined]
    return {rpm.name: hashlib.sha256(rpm.read_bytes()).hexdigest() for rpm in rpms}


@pytest.fixture(scope="module")
def site(testbed: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A dependent component, a C program, and one whose package says what its build sees."""
    folder = tmp_path_factory.mktemp("rootless")
    site = Site(world=World(folder / "site"), testbed=testbed, workspace=folder / "site/ws")
    component = site.world.component
    component("repos/compiled", {"compiled.spec": C_SPEC, "compiled.c": C_TEXT})
    component("repos/floor", small_component("floor"))
    component("repos/roof", small_component("roof", needs=("floor",)))
    install = "install -D seen %{buildroot}/usr/share/small/view"
    seen = VIEW.replace("@CANARY@", "/etc/passwd.canary").replace("@PORT@", "1")
    spec = make_spec("view", build=seen, install=install, files="/usr/share/small/view")
    component("repos/view", {"view.spec": spec})
    site.world.pin()
    return site


@pytest.fixture(scope="module")
def of_root(site: Site) -> dict[str, str]:
    """The packages that root builds: their names and digests."""
    return _digests(list(site.build().values()))


def _options(user: User) -> list[str]:
    definition = user.shown / "definition/repos.yaml"
    words = ["-C", user.shown / "super", "--config", definition, "--workspace", user.home / "ws"]
    return [*map(str, words), "--builder", "chroot"]


def _build(user: User, require: Require) -> dict[str, str]:
    """The packages that a user builds: their names and digests; all files in the workspace are the user's."""
    require(shutil.which("newuidmap") is not None, "newuidmap (package uidmap) is not installed")
    answer = user.altai_build(*_options(user), "build", "--json")
    require("user namespaces are refused" not in answer.err, "this machine has no user namespaces")
    assert answer.code == 0, answer.err
    assert {path.lstat().st_uid for path in (user.home / "ws").rglob("*")} == {UID}
    return _digests(answer.json)


def test_packages_of_a_user_have_the_bytes_of_roots_and_all_files_can_be_removed(
    site: Site, of_root: dict[str, str], require: Require
) -> None:
    with other_user(ids=True, source=site.world.folder) as user:
        assert _build(user, require) == of_root and len(of_root) == 4
        again = user.altai_build(*_options(user), "build", "--json").json
        assert {row["status"] for row in again} == {"reused"}
        # As a killed run leaves a build's files.
        workspace = user.home / "ws"
        left = workspace / "tmp/build.left/builddir"
        left.mkdir(parents=True)
        for path, owner in ((left, FIRST + BUILD_UID - 1), (left.parent, UID)):
            os.chown(path, owner, owner)
            path.chmod(0o700)
        cleaned = user.altai_build(*_options(user), "clean", "--max-size", "0", "--json")
        assert cleaned.code == 0, cleaned.err
        assert list((workspace / "tmp").iterdir()) == [] and list((workspace / "roots/base").iterdir()) == []


def test_with_one_id_only_a_look_at_the_home_of_root_differs(
    site: Site, of_root: dict[str, str], require: Require
) -> None:
    """It belongs to the build user, who then sees what packages have put there."""
    with other_user(ids=False, source=site.world.folder) as user:
        found = _build(user, require)
        (view,) = (name for name in of_root if name.startswith("view-"))
        assert {**found, view: ""} == {**of_root, view: ""}
        (package,) = (user.home / "ws/builds").glob(f"*/{view}")
        text = site.read(str(package), "usr/share/small/view")
        assert "uid=1000 gid=1000 groups=1000\n" in text and "canary=hidden\nwrite=no\n" in text


def test_workspaces_of_other_users_are_refused(site: Site, of_root: dict[str, str]) -> None:
    with other_user(ids=True, source=site.world.folder) as user:
        answer = user.altai_build(*_options(user), "--workspace", user.shown / "ws", "build")
        assert answer.code == 3
        assert answer.err.splitlines()[0].endswith("/shown/ws belongs to another user (root)"), answer.err
        roots = user.home / "ws/roots"
        roots.mkdir(parents=True)
        for path in (roots, roots.parent):
            os.chown(path, UID, UID)
        refused = site.call("--workspace", str(roots.parent), "build")
        assert refused.code == 3 and f"belongs to another user (uid {UID})" in refused.err
