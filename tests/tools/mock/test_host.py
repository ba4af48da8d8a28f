"""Who may run mock on this machine, and what it gets of the environment."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

import pytest

from altai_build.errors import MissingToolError
from altai_build.tools import commands, process
from altai_build.tools.mock.host import calling_user, mock_environment, read_mock_version, require_mock


@pytest.fixture
def mock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of this name that prints a version."""
    program = tmp_path / "bin" / "mock"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 6.7\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    for name in ("SUDO_UID", "USERHELPER_UID"):
        monkeypatch.delenv(name, raising=False)
    return program


@pytest.mark.usefixtures("mock")
def test_plain_root_learns_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(MissingToolError, match="mock does not run for plain root") as caught:
        require_mock()
    assert "usermod --append --groups mock NAME" in caught.value.todo
    monkeypatch.setenv("SUDO_UID", "1000")
    require_mock()
    assert calling_user() == 1000


@pytest.mark.usefixtures("mock")
def test_a_user_outside_the_group_learns_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    other = grp.struct_group(("mock", "x", 4_000_000, []))
    monkeypatch.setattr(os, "geteuid", lambda: pwd.getpwall()[-1].pw_uid or 1)
    monkeypatch.setattr(grp, "getgrnam", lambda name: other)
    with pytest.raises(MissingToolError, match="this user may not run mock"):
        require_mock()


def test_without_mock_the_error_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "find_program", lambda program: None)
    with pytest.raises(MissingToolError, match="mock is not installed") as caught:
        require_mock()
    assert "dnf install mock" in caught.value.todo


def test_the_version_is_what_mock_prints_and_its_failure_is_one(mock: Path) -> None:
    assert read_mock_version() == "6.7"
    mock.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(process.ProgramFailed, match="mock exited with 3"):
        read_mock_version()


def test_mock_gets_the_proxies_and_who_called_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SUDO_UID", "SUDO_GID", "SUDO_USER", "USERHELPER_UID", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:3128")
    monkeypatch.setenv("A_TOKEN", "secret")
    monkeypatch.delenv("ftp_proxy", raising=False)
    assert mock_environment() == {"http_proxy": "http://127.0.0.1:3128"}
