"""Where programs are found, and how commands and their ends are shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from altai_build.tools import commands
from altai_build.tools.commands import describe_exit, signal_of_shell
from tests.conftest import Require
from tests.kit.cli import ROOT


def test_describe_exit() -> None:
    assert [describe_exit(code) for code in (0, 139, -11, -99)] == [
        "exited with 0",
        "exited with 139",
        "was killed by SIGSEGV",
        "was killed by signal 99",
    ]


def test_a_shell_adds_128_to_the_signal_that_ended_its_command() -> None:
    assert [signal_of_shell(status) for status in (0, 1, 128, 137, -9)] == [0, 1, 128, -9, -9]


def test_programs_in_sbin_are_found_without_it_on_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commands.find_program("ldconfig") in ("/usr/sbin/ldconfig", "/sbin/ldconfig")
    assert commands.find_program("no-such-program") is None


def test_a_program_that_was_found_and_is_gone_is_looked_for_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}/a:{tmp_path}/b")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "altai-tool").write_text("#!/bin/sh\n")
        (tmp_path / name / "altai-tool").chmod(0o755)
    for expected in (f"{tmp_path}/a/altai-tool", f"{tmp_path}/b/altai-tool"):
        assert [commands.find_program("altai-tool") for _ in range(2)] == [expected] * 2
        Path(expected).unlink()
    assert commands.find_program("altai-tool") is None


def test_a_command_is_shown_without_the_password_in_its_url() -> None:
    words = ["git", "fetch", "https://user:pass@word@host/x.git", "ssh://git@host/a@b.git", "a@b", "x://"]
    assert commands.quote_command(words) == "git fetch https://host/x.git ssh://host/a@b.git a@b x://"


def test_the_environment_of_a_child_is_an_allow_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "secret")
    monkeypatch.setenv("LC_ALL", "xx_XX")
    environment = commands.child_environment({"A": "b"})
    assert set(environment) <= {"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LC_ALL", "TZ", "A"}
    assert (environment["LC_ALL"], environment["TZ"], environment["A"]) == ("C.UTF-8", "UTC", "b")
    assert environment["PATH"] == os.environ["PATH"] + ":/usr/local/sbin:/usr/sbin:/sbin"


def test_programs_run_as_the_caller_only_where_this_process_has_become_another_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "_caller", [])
    assert commands.caller_prefix() == []
    commands.remember_caller(1000, 100)
    commands.remember_caller(1001, 101)
    assert commands.caller_prefix() == ["unshare", "--user", "--map-user=1001", "--map-group=101", "--"]


def test_the_right_to_mount_is_a_capability(require: Require) -> None:
    require(os.geteuid() == 0, "dropping a capability needs root")
    program = "from altai_build.tools.commands import may_mount; print(may_mount())"
    prefix = ["setpriv", "--bounding-set=-sys_admin", "--"]
    argv = [sys.executable, "-c", program]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    shown = [
        subprocess.run(words, env=env, stdout=subprocess.PIPE, check=True).stdout
        for words in (argv, [*prefix, *argv])
    ]
    assert shown == [b"True\n", b"False\n"]
