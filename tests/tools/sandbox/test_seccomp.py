"""System calls that no namespace separates are refused in every sandbox, and only there."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from altai_build.pipeline import doctor
from altai_build.tools import process
from altai_build.tools.sandbox import seccomp
from altai_build.tools.sandbox.bubblewrap import (
    BUILD_UID,
    BuildrootSandbox,
    EvaluationSandbox,
    HostSandbox,
    InstallSandbox,
    NetworkSandbox,
)
from tests.conftest import Require

# Prints the error number of each call; 0: it succeeded.
_SCRIPT = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(*words):
    ctypes.set_errno(0)
    return ctypes.get_errno() if libc.syscall(*words) < 0 else 0
def vsock():
    try:
        socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()
    except OSError as error:
        return error.errno
    return 0
numbers = {"x86_64": (250, 272, 435), "aarch64": (219, 97, 435)}[os.uname().machine]
# KEYCTL_GET_KEYRING_ID of the process keyring, unshare() of nothing, clone3() without arguments, a usual socket
print(call(numbers[0], 0, -2, 1), call(numbers[1], 0), call(numbers[2], 0, 0), vsock())
socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
socket.socketpair()
import subprocess, threading
subprocess.run(["true"], check=True)
thread = threading.Thread(target=print, args=("thread",)); thread.start(); thread.join()
"""
_PYTHON = ["/usr/bin/python3", "-I", "-c", _SCRIPT]


@pytest.mark.parametrize("kind", ["host", "evaluation", "install", "root", "root32"])
def test_keyrings_namespaces_and_the_hypervisor_are_refused_inside(
    tmp_path: Path, require: Require, kind: str
) -> None:
    require(seccomp.is_known_machine(os.uname().machine), "there is no filter for this machine")
    if kind not in ("host", "evaluation", "network"):
        require(os.geteuid() == 0, "the sandboxes of the chroot builder need root")
        os.chown(tmp_path, BUILD_UID, BUILD_UID)
        tmp_path.chmod(0o755)
    for name in ("dev", "proc"):
        (tmp_path / name).mkdir()
    sandboxes: dict[str, Callable[[list[str]], list[str]]] = {
        "host": HostSandbox(writable=tmp_path, now=1).command,
        "evaluation": EvaluationSandbox({}).command,
        "network": NetworkSandbox({}, tmp_path).command,
        "install": InstallSandbox(root=str(tmp_path), packages=tmp_path, scratch=tmp_path / "s").command,
        "root": BuildrootSandbox(root="/", build_dir=tmp_path).command,
        "root32": BuildrootSandbox(root="/", build_dir=tmp_path, is_32_bit=True).command,
    }
    inside = process.run(sandboxes[kind](_PYTHON), ok=process.ANY_END)
    refused = f"{errno.EPERM} {errno.EPERM} {errno.ENOSYS} {errno.EAFNOSUPPORT}\nthread\n"
    assert (inside.text, inside.returncode) == (refused, 0), inside.error_text
    outside = subprocess.run(_PYTHON, capture_output=True, text=True, check=True).stdout.split()
    assert outside[:3] == ["0", "0", str(errno.EINVAL)]
    keys = process.run(sandboxes[kind](["cat", "/proc/keys", "/proc/key-users"]), ok=process.ANY_END)
    assert keys.text == ""


def decide(program: bytes, architecture: int, number: int, argument: int = 0) -> int:
    """What the kernel would answer: an error number, 0 for a call that is allowed."""
    data = struct.pack("=iIQ6Q", number, architecture, 0, argument, 0, 0, 0, 0, 0)
    code = list(struct.iter_unpack("=HBBI", program))
    at = value = 0
    while True:
        operation, yes, no, operand = code[at]
        at += 1
        if operation == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
        elif operation == 0x05:
            at += operand
        elif operation == 0x06:
            return 0 if operand == 0x7FFF0000 else operand & 0xFFFF
        else:
            is_true = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[operation]
            at += yes if is_true else no


@pytest.mark.parametrize(
    ("machine", "architecture", "keyctl", "read", "clone", "socket"),
    [
        ("x86_64", 0xC000003E, 250, 0, 56, 41),
        ("x86_64", 0x40000003, 288, 3, 120, 359),
        ("aarch64", 0xC00000B7, 219, 63, 220, 198),
        ("aarch64", 0x40000028, 311, 3, 120, 281),
    ],
)
def test_each_architecture_has_its_own_numbers(
    machine: str, architecture: int, keyctl: int, read: int, clone: int, socket: int
) -> None:
    program = seccomp.make_filter(machine)
    assert len(program) // 8 < 4096
    numbers = (keyctl, read, seccomp._CLONE3)
    assert [decide(program, architecture, number) for number in numbers] == [errno.EPERM, 0, errno.ENOSYS]
    # A thread, a process in a new user namespace; AF_UNIX, AF_VSOCK.
    assert [decide(program, architecture, clone, flags) for flags in (0x3D0F00, 0x10000011)] == [
        0,
        errno.EPERM,
    ]
    assert [decide(program, architecture, socket, family) for family in (1, 40)] == [0, errno.EAFNOSUPPORT]
    assert decide(program, 0x12345678, read) == errno.EPERM


def test_other_calls_of_an_intel_machine() -> None:
    plain, wide = (seccomp.make_filter("x86_64", socketcall=allowed) for allowed in (False, True))
    assert [decide(program, 0x40000003, 102) for program in (plain, wide)] == [errno.EAFNOSUPPORT, 0]
    assert decide(plain, 0xC000003E, 0x40000000) == errno.EPERM


def test_an_unknown_machine_has_no_filter_and_doctor_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "host", "6", "1", "riscv64")))
    prefix, options = seccomp.filter_command()
    assert ("--seccomp" in options, "9<" in " ".join(prefix)) == (False, False)
    assert process.run([*prefix, "cat", "/proc/self/oom_score_adj"]).text == "1000\n"
    found = doctor._check_sandbox()
    assert (found.status.value, "there is none for riscv64" in found.found) == ("warning", True)
