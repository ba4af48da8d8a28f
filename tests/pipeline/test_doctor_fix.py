"""What `doctor --fix` would install: the plan is made without running anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from altai_build.errors import MissingToolError
from altai_build.pipeline import doctor_fix
from altai_build.pipeline.doctor_fix import (
    Installation,
    MissingPackage,
    install,
    list_missing_packages,
    make_commands,
    plan_installation,
)
from altai_build.tools import commands
from altai_build.tools.shared_libraries import SharedLibrary


@pytest.fixture
def lacks(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of programs that this machine lacks."""
    names: set[str] = set()
    monkeypatch.setattr(commands, "find_program", lambda name: None if name in names else f"/usr/bin/{name}")
    monkeypatch.setattr(commands, "may_mount", lambda: True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(doctor_fix, "find_shared_libraries", lambda: ())
    return names


def test_packages_have_the_names_of_their_distribution_and_come_once(lacks: set[str]) -> None:
    lacks |= {"rpmbuild", "rpmkeys", "gpg", "gpgv", "mock"}
    assert [one.name for one in list_missing_packages("apt-get")] == ["rpm", "gnupg", "gpgv"]
    assert [one.name for one in list_missing_packages("dnf")] == ["rpm-build", "rpm", "gnupg2", "mock"]
    assert list_missing_packages("apt-get")[0].purpose == "rpmbuild makes source packages"


def test_a_complete_machine_lacks_nothing(lacks: set[str]) -> None:
    assert list_missing_packages("apt-get") == ()
    lacks |= {"newuidmap", "fuse-overlayfs"}
    assert list_missing_packages("apt-get") == ()


def test_builds_without_root_need_more(lacks: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lacks |= {"newuidmap", "fuse-overlayfs"}
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(commands, "may_mount", lambda: False)
    assert [one.name for one in list_missing_packages("apt-get")] == ["uidmap", "fuse-overlayfs"]
    assert [one.name for one in list_missing_packages("dnf")] == ["shadow-utils", "fuse-overlayfs"]


def test_a_shared_library_that_createrepo_c_needs_is_installed_too(
    lacks: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        doctor_fix, "find_shared_libraries", lambda: (SharedLibrary("libx.so.1", "libx1", "x-libs"),)
    )
    assert list_missing_packages("apt-get") == (
        MissingPackage("libx1", "createrepo_c reads and writes metadata of repositories with libx.so.1"),
    )
    assert [one.name for one in list_missing_packages("dnf")] == ["x-libs"]


def test_the_commands_of_each_package_manager() -> None:
    two = (MissingPackage("zstd", ""), MissingPackage("mock", ""))
    assert make_commands("apt-get", two[:1], is_fedora=False)[-1][-2:] == ("--no-install-recommends", "zstd")
    assert make_commands("dnf", two, is_fedora=True) == (("dnf", "install", "--assumeyes", "zstd", "mock"),)
    assert make_commands("dnf", two, is_fedora=False)[0] == ("dnf", "install", "--assumeyes", "epel-release")


@pytest.mark.parametrize(
    ("ids", "manager"),
    [(["debian"], "apt-get"), (["mint", "ubuntu"], "apt-get"), (["rocky", "rhel"], "dnf"), ([], "")],
)
def test_the_package_manager_is_that_of_the_distribution(
    lacks: set[str], monkeypatch: pytest.MonkeyPatch, ids: list[str], manager: str
) -> None:
    lacks.add("zstd")
    monkeypatch.setattr(doctor_fix, "_read_ids", lambda: ids)
    plan = plan_installation()
    assert [one.name for one in plan.packages] == ["zstd"]
    assert {command[0] for command in plan.commands} == ({manager} if manager else set())
    assert manager in plan.text
    lacks.add(manager)
    assert plan_installation().commands == ()


def test_a_command_that_fails_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    installation = Installation((), (("sh", "-c", "echo why; exit 3"), ("touch", str(tmp_path / "never"))))
    with pytest.raises(MissingToolError, match="could not be installed: sh exited with 3"):
        install(installation)
    assert capfd.readouterr().err == "why\n" and not list(tmp_path.iterdir())
