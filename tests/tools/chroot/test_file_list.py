"""The list of a buildroot's files: what tells a damaged one from a sound one, and what it says about it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from altai_build.tools.chroot.file_list import NoFileList, find_change, get_list_path, write_file_list
from tests.conftest import Require


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "key"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/cc").write_text("#!/bin/sh\n")
    (root / "usr/bin/cc").chmod(0o4755)
    (root / "usr/bin/odd\nname\udcff").touch()
    (root / "bin").symlink_to("usr/bin")
    for folder in ("usr/bin", "usr"):
        os.utime(root / folder, (1, 1))
    os.utime(root / "usr/bin/cc", (1, 1))
    write_file_list(root, root)
    return root


def test_use_and_copies_are_no_change(root: Path, tmp_path: Path) -> None:
    os.utime(root)
    assert find_change(root) == ""
    shutil.move(root, tmp_path / "moved")
    shutil.copytree(tmp_path / "moved", root, symlinks=True)
    assert find_change(root) == ""


def _replace(path: Path, content: str) -> None:
    path.write_text(content)
    os.utime(path, (1, 1))
    path.chmod(0o4755)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (
            lambda root: (root / "usr/bin/cc").chmod(0o755),
            "usr/bin/cc has changed (mode -rwsr-xr-x, now -rwxr-xr-x)",
        ),
        (lambda root: root.chmod(0o700), ". has changed (mode drwxr-xr-x, now drwx------)"),
        (lambda root: _replace(root / "usr/bin/cc", ""), "usr/bin/cc has changed (size 10, now 0)"),
        (
            lambda root: os.utime(root / "usr/bin/cc", (2, 2)),
            "usr/bin/cc has changed (time 1, now 2)",
        ),
        (lambda root: (root / "bin").unlink(), "bin is missing"),
        (lambda root: (root / "new").touch(), "new is new"),
        (
            lambda root: shutil.rmtree(root / "usr"),
            "usr is missing, and 3 more",
        ),
        (lambda root: get_list_path(root).write_text("x"), ". is new, and 5 more"),
    ],
)
def test_what_has_changed_is_named(root: Path, damage: Callable[[Path], object], text: str) -> None:
    damage(root)
    assert find_change(root) == f"its files have changed: {text}"


def test_of_a_list_that_says_nothing_no_change_is_said(root: Path) -> None:
    with get_list_path(root).open("a") as file:
        file.write("x")
    assert find_change(root) == "the list of its files is damaged"
    get_list_path(root).unlink()
    with pytest.raises(NoFileList):
        find_change(root)
    get_list_path(root).mkdir()
    assert find_change(root).startswith("the list of its files cannot be read: ")


def test_owners_count(require: Require, root: Path) -> None:
    require(os.geteuid() == 0, "only root may change owners")
    os.chown(root / "usr", 12, 34)
    assert find_change(root) == "its files have changed: usr has changed (owner 0:0, now 12:34)"


def test_a_layer_that_has_lost_what_overlayfs_knows_it_by_has_changed(require: Require, root: Path) -> None:
    require(os.geteuid() == 0, "only root sees trusted attributes")
    try:
        os.setxattr(root / "usr", "trusted.overlay.opaque", b"y")
    except OSError as error:
        require(False, f"this file system has no such attributes: {error}")
    write_file_list(root, root)
    assert find_change(root) == ""
    os.removexattr(root / "usr", "trusted.overlay.opaque")
    change = "usr has changed (overlay trusted.overlay.opaque, now none)"
    assert find_change(root) == f"its files have changed: {change}"
