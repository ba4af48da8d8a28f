"""A buildroot in another place has the same files, owners, modes and capabilities, or is none."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.chroot.file_list import find_change, get_list_path, write_file_list
from altai_build.tools.chroot.root_archive import can_archive_roots, read_archive, write_archive
from altai_build.tools.process import ProgramFailed
from altai_build.tools.repo.compression import read_zstd
from tests.conftest import Require
from tests.kit.cli import ROOT

# cap_net_raw=ep
_CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")


@pytest.fixture
def root(tmp_path: Path, require: Require) -> Path:
    require(can_archive_roots(), "only root gives files other owners")
    root = tmp_path / "roots" / "base" / "key"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/su").write_text("#!/bin/sh\n")
    (root / "usr/bin/su").chmod(0o4755)
    os.setxattr(root / "usr/bin/su", "security.capability", _CAPABILITY)
    (root / "home").mkdir()
    os.chown(root / "home", 1234, 5678)
    (root / "bin").symlink_to("usr/bin")
    os.link(root / "usr/bin/su", root / "usr/bin/other")
    write_file_list(root, root)
    return root


def test_everything_is_as_it_was(root: Path, tmp_path: Path) -> None:
    write_archive(root, tmp_path / "a")
    write_archive(root, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    place = tmp_path / "elsewhere" / "base" / "key"
    read_archive(tmp_path / "a", get_list_path(root), place)
    assert find_change(place) == ""
    assert (place / "home").stat().st_gid == 5678 and (place / "usr/bin/su").stat().st_mode & 0o7777 == 0o4755
    assert os.getxattr(place / "usr/bin/su", "security.capability") == _CAPABILITY
    assert os.path.samefile(place / "usr/bin/su", place / "usr/bin/other")
    assert place.parent.parent.stat().st_mode & 0o777 == 0o700


def test_what_is_not_as_listed_is_no_buildroot(root: Path, tmp_path: Path) -> None:
    write_archive(root, tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    (root / "usr/bin/more").write_text("x")
    write_archive(root, tmp_path / "other")
    (tmp_path / "short").write_bytes(content[:-10])
    (tmp_path / "junk").write_bytes(b"junk")
    place = tmp_path / "elsewhere" / "base" / "key"
    for name in ("other", "short", "junk"):
        with pytest.raises(InputError):
            read_archive(tmp_path / name, get_list_path(root), place)
        assert [path.name for path in place.parent.iterdir()] == ["key.lock"]


def test_root_without_the_right_to_make_devices_is_told_which(root: Path, tmp_path: Path) -> None:
    """As in a user namespace."""
    (root / "dev").mkdir()
    # What tar says of so many is more than a pipe holds.
    for number in range(1500):
        os.mknod(root / f"dev/null{number:04}", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    write_file_list(root, root)
    write_archive(root, tmp_path / "archive")
    place = tmp_path / "elsewhere" / "base" / "key"
    read = (
        "import sys; from pathlib import Path; from altai_build.tools.chroot.root_archive import read_archive; "
        "read_archive(*map(Path, sys.argv[1:]))"
    )
    words = [sys.executable, "-c", read, *map(str, (tmp_path / "archive", get_list_path(root), place))]
    done = subprocess.run(
        ["setpriv", "--bounding-set=-mknod", "--inh-caps=-mknod", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "InputError: this user cannot unpack the archive archive\n" in done.stderr
    assert "tar: ./dev/null0000: Cannot mknod: Operation not permitted" in done.stderr
    assert [path.name for path in place.parent.iterdir()] == ["key.lock"]


def test_what_tar_says_is_the_error(tmp_path: Path) -> None:
    with pytest.raises(ProgramFailed, match="tar"):
        write_archive(tmp_path / "missing", tmp_path / "archive")


def test_tar_may_say_more_than_a_pipe_holds(root: Path, tmp_path: Path) -> None:
    """Of each socket it says that it is left out."""
    for number in range(400):
        os.mknod(root / f"{number:0200}", stat.S_IFSOCK | 0o666)
    write = (
        "import sys; from pathlib import Path; from altai_build.tools.chroot.root_archive import write_archive; "
        "write_archive(*map(Path, sys.argv[1:]))"
    )
    # In a process that can be ended: a tar that nobody reads waits for ever.
    subprocess.run(
        [sys.executable, "-c", write, str(root), str(tmp_path / "archive")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=True,
    )
    written = BytesIO(b"".join(read_zstd(tmp_path / "archive")))
    with tarfile.open(fileobj=written) as archive:
        assert "./usr/bin/su" in archive.getnames()
