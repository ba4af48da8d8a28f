"""An overlay shows its layers to one command, and keeps what that writes apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.tools import commands, process
from altai_build.tools.sandbox import overlay as overlay_module
from altai_build.tools.sandbox.overlay import Overlay, OverlayKind, can_mount_overlay, find_overlay_kind
from tests.conftest import Require


@pytest.mark.parametrize("kind", OverlayKind)
def test_a_command_sees_the_layers_and_writes_above_them(
    require: Require, tmp_path: Path, kind: OverlayKind
) -> None:
    require(can_mount_overlay(tmp_path, kind), f"{kind.value} cannot be mounted here")
    # A path with a colon or a comma could not be written in options.
    lowers = [tmp_path / "upper, layer", tmp_path / "base:1"]
    for number, lower in enumerate(lowers):
        lower.mkdir()
        (lower / "both").write_text(f"layer {number}\n")
        (lower / f"only{number}").write_text("x")
    place = tmp_path / "overlay"
    place.mkdir()
    overlay = Overlay.create(place, lowers, kind)
    script = f"cd '{overlay.merged}' && cat both && ls && echo new > both && rm only1"
    assert process.run([*overlay.prefix, "sh", "-c", script]).text == "layer 0\nboth\nonly0\nonly1\n"
    assert (lowers[0] / "both").read_text() == "layer 0\n" and (lowers[1] / "only1").exists()
    assert (place / "upper" / "both").read_text() == "new\n"
    assert list(overlay.merged.iterdir()) == []
    assert process.run([*overlay.prefix, "sh", "-c", "exit 7"], ok=(7,)).returncode == 7


def test_fuse_overlayfs_is_used_where_the_kernel_mounts_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_overlay_kind(tmp_path) in (OverlayKind.KERNEL, OverlayKind.FUSE, None)
    works = {OverlayKind.FUSE}
    monkeypatch.setattr(overlay_module, "can_mount_overlay", lambda _, kind=OverlayKind.KERNEL: kind in works)
    monkeypatch.setattr(commands, "find_program", lambda _: "/usr/bin/fuse-overlayfs")
    assert find_overlay_kind(tmp_path) is OverlayKind.FUSE
    monkeypatch.setattr(commands, "find_program", lambda _: None)
    assert find_overlay_kind(tmp_path) is None
    works.add(OverlayKind.KERNEL)
    assert find_overlay_kind(tmp_path) is OverlayKind.KERNEL


def test_the_probe_leaves_no_files(tmp_path: Path) -> None:
    can_mount_overlay(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
