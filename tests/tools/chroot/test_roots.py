"""Buildroots on the host's disk: other users cannot enter them, and no link in them leads to the host's files."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools import notices
from altai_build.tools.chroot import roots as module
from altai_build.tools.chroot.file_list import get_list_path
from altai_build.tools.chroot.resolver import Buildroot
from altai_build.tools.chroot.roots import (
    RootCache,
    _in_use,
    describe_signal,
    set_up_base_root,
)
from altai_build.tools.files import file_lock
from altai_build.tools.repo.metadata import read_local_metadata
from altai_build.tools.solver.pool import PackagePool
from tests.conftest import Require
from tests.kit.builds import Site, small_component
from tests.kit.repositories import Package, make_repository
from tests.kit.superprojects import World


def test_other_users_cannot_run_the_programs_of_a_buildroot(testbed: Path, tmp_path: Path) -> None:
    site = Site(world=World(tmp_path / "one"), testbed=testbed, workspace=tmp_path / "one/ws", own_roots=True)
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


def test_a_buildroot_whose_files_have_changed_is_made_again(
    require: Require, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(os.geteuid() == 0, "installing a buildroot needs root")
    said: list[str] = []
    monkeypatch.setattr(notices, "_listeners", [said.append])
    informed: list[str] = []
    monkeypatch.setattr(notices, "_information_listeners", [informed.append])
    folder = make_repository(
        tmp_path / "os", [Package(name, files={f"/opt/{name}": f"{name}\n"}) for name in ("base", "extra")]
    )
    pool = PackagePool("x86_64", cache=tmp_path / "solv")
    pool.add_repository(read_local_metadata("os", folder))
    base, extra = (pool.get_resolved(pool.find_by_name(name)[0]) for name in ("base", "extra"))
    wanted = Buildroot(base=(base,), extra=(extra,))

    def use(*, check: bool = True) -> tuple[Path, Path]:
        """What a run uses, which knows nothing of the runs before it."""
        roots = RootCache(tmp_path / "roots", packages=tmp_path / "packages")
        with ExitStack() as stack:
            place = roots.ensure_base(wanted, check=check)
            layer = roots.open_layer(wanted, stack) if check else tmp_path
            assert layer is not None
            return place, layer

    place, layer = use()
    use()
    assert said == []
    (place / "opt/base").chmod(0o600)
    use(check=False)
    assert said == [] and (place / "opt/base").stat().st_mode & 0o777 == 0o600
    (layer / "opt/extra").unlink()
    assert use() == (place, layer)
    assert (place / "opt/base").stat().st_mode & 0o777 == 0o644
    assert (layer / "opt/extra").read_text() == "extra\n"
    again = "is made again, because its files have changed"
    assert said == [
        f"the buildroot {place} {again}: opt/base has changed (mode -rw-r--r--, now -rw-------)",
        f"the buildroot {layer} {again}: opt/extra is missing",
    ]
    said.clear()
    use()
    assert said == []
    # As an earlier version left it.
    get_list_path(layer).unlink()
    use()
    nothing = "nothing says what its files were when it was made (earlier versions wrote no list of them)"
    assert (said, informed) == ([], [f"the buildroot {layer} is made again: {nothing}"])


def make_layer(roots: RootCache, name: str, size: int, used: int) -> Path:
    place = roots.directory / "layers" / name
    place.mkdir(parents=True)
    (place / "database").write_bytes(b"x" * size)
    os.utime(place, (used, used))
    return place


def test_layers_have_a_bounded_size_and_those_in_use_stay(tmp_path: Path) -> None:
    roots = RootCache(directory=tmp_path, packages=tmp_path / "packages", layers_limit=250_000)
    layers = [make_layer(roots, f"key{number}", 100_000, used=number) for number in range(5)]
    (roots.directory / "layers" / "key4.size").write_text("100000")
    with _in_use(layers[0]), _in_use(layers[0]):
        roots.prune_layers()
        assert [place.exists() for place in layers] == [True, False, False, False, True]
    roots.prune_layers()
    assert [place.exists() for place in layers] == [True, False, False, False, True]
    replace(roots, layers_limit=0).prune_layers()
    assert not any(place.exists() for place in layers)
    assert [path.name for path in (tmp_path / "layers").iterdir() if path.name.startswith(".")] == []


def test_two_jobs_do_not_remove_layers_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = RootCache(directory=tmp_path, packages=tmp_path / "packages", layers_limit=0)
    layers = [make_layer(cache, f"key{number}", 1000, used=number) for number in range(3)]
    read_size = module._read_size

    def read_beside_another_job(place: Path) -> int:
        cache.prune_layers()
        return read_size(place)

    monkeypatch.setattr(module, "_read_size", read_beside_another_job)
    cache.prune_layers()
    assert not any(place.exists() for place in layers)


def test_a_layer_that_another_run_installs_is_left_alone(tmp_path: Path) -> None:
    roots = RootCache(directory=tmp_path, packages=tmp_path / "packages", layers_limit=0)
    place = make_layer(roots, "key", 1000, used=1)
    with file_lock(tmp_path / "layers" / "key.lock"):
        roots.prune_layers()
        assert place.exists()
    roots.prune_layers()
    assert not place.exists()


@pytest.mark.parametrize("status", [137, -9])
def test_a_killed_program_says_that_memory_may_have_been_short(status: int) -> None:
    assert describe_signal("rpm", status) == (
        "rpm was killed by SIGKILL; the kernel does that when memory is short: see `dmesg`"
    )
    assert describe_signal("rpm", 139) == "rpm was killed by SIGSEGV"
    assert describe_signal("rpm", 1) == ""


def test_a_file_system_without_owners_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a network file system that takes root for nobody."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(module, "may_become_build_user", lambda: True)
    roots = RootCache(directory=tmp_path, packages=tmp_path / "packages")
    with monkeypatch.context() as patched:
        patched.setattr(os, "chown", refuse)
        with pytest.raises(InputError, match="cannot be given to other users") as error:
            roots._require_owners()
    assert error.value.todo == "name a directory on a local disk with --workspace DIR"
    assert list(tmp_path.iterdir()) == []
