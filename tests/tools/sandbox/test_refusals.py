"""What machines and containers refuse is named with what to do about it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from altai_build.tools.sandbox import refusals
from altai_build.tools.sandbox.refusals import explain_namespace_refusal, explain_sandbox_refusal


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of a kernel that refuses nothing."""
    monkeypatch.setattr(refusals, "_KERNEL", tmp_path)
    monkeypatch.setattr(refusals, "_MAX_NAMESPACES", tmp_path / "max")
    monkeypatch.setattr(refusals, "_list_covered_files", list)
    monkeypatch.setattr(refusals, "_has_filter", lambda: False)
    (tmp_path / "max").write_text("1000\n")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "text", "why", "todo"),
    [
        ("max", "0\n", "user.max_user_namespaces is 0", "sysctl --write user.max_user_namespaces=15000"),
        (
            "unprivileged_userns_clone",
            "0\n",
            "kernel.unprivileged_userns_clone is 0",
            "sysctl --write kernel.unprivileged_userns_clone=1",
        ),
    ],
)
def test_settings_of_the_kernel(machine: Path, file: str, text: str, why: str, todo: str) -> None:
    (machine / file).write_text(text)
    refusal = explain_namespace_refusal("unshare: Operation not permitted")
    assert why in refusal.why and todo in refusal.todo


def test_namespaces(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = explain_namespace_refusal("unshare: no")
    assert plain == ("user namespaces are refused: unshare: no", "allow them, or run altai-build as root")
    full = explain_namespace_refusal("unshare failed: No space left on device")
    assert full.why.startswith("as many user namespaces as allowed exist")
    monkeypatch.setattr(refusals, "_has_filter", lambda: True)
    filtered = explain_namespace_refusal("unshare: no")
    assert (
        filtered.why
        == "a filter of system calls, as that of a container, refuses user namespaces: unshare: no"
    )
    assert "--security-opt seccomp=unconfined" in filtered.todo


def test_sandboxes(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert explain_sandbox_refusal("bwrap: no").why == "bwrap: no"
    monkeypatch.setattr(refusals, "_has_filter", lambda: True)
    assert "refuses mounts or namespaces: bwrap: no" in explain_sandbox_refusal("bwrap: no").why
    monkeypatch.setattr(refusals, "_list_covered_files", lambda: ["/proc/kcore", "/proc/keys"])
    covered = explain_sandbox_refusal("bwrap: Can't mount proc")
    assert "parts of this one are covered (/proc/kcore, /proc/keys)" in covered.why
    assert "--security-opt systempaths=unconfined" in covered.todo
    (machine / "apparmor_restrict_unprivileged_userns").write_text("1\n")
    assert "AppArmor" in explain_sandbox_refusal("bwrap: no").why
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (machine / "max").write_text("0\n")
    assert "user.max_user_namespaces is 0" in explain_sandbox_refusal("bwrap: no").why


def test_what_covers_proc(tmp_path: Path) -> None:
    rows = (
        "22 27 0:21 / /proc rw - proc proc rw",
        "23 22 0:5 /null /proc/kcore rw - devtmpfs udev rw",
        "24 22 0:22 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw",
    )
    (tmp_path / "mountinfo").write_text("\n".join(rows))
    assert refusals._list_covered_files(tmp_path / "mountinfo") == ["/proc/kcore"]
    assert refusals._list_covered_files(tmp_path / "none") == []
