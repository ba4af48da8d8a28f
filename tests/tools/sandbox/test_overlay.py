"""An overlay shows its layers to one command, and keeps what that writes apart."""

from __future__ import annotations

from pathlib import Path

from altai_build.tools import process
from altai_build.tools.sandbox.overlay import Overlay, can_mount_overlay
from tests.conftest import Require


def test_a_command_sees_the_layers_and_writes_above_them(require: Require, tmp_path: Path) -> None:
    require(can_mount_overlay(tmp_path), "overlayfs cannot be mounted here")
    lowers = [tmp_path / "upper, layer", tmp_path / "base:1"]
    for number, lower in enumerate(lowers):
        lower.mkdir()
        (lower / "both").write_text(f"layer {number}\n")
        (lower / f"only{number}").write_text("x")
    place = tmp_path / "overlay"
    place.mkdir()
    overlay = Overlay.create(place, lowers)
    script = f"cd '{overlay.merged}' && cat both && ls && echo new > both && rm only1"
    assert process.run([*overlay.prefix, "sh", "-c", script]).text == "layer 0\nboth\nonly0\nonly1\n"
    assert (lowers[0] / "both").read_text() == "layer 0\n" and (lowers[1] / "only1").exists()
    assert (place / "upper" / "both").read_text() == "new\n"
    assert list(overlay.merged.iterdir()) == []


def test_the_probe_leaves_no_files(tmp_path: Path) -> None:
    can_mount_overlay(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
