"""Trees are walked at any depth, through no link, and an error of the disk is never taken for an empty directory."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from altai_build.tools.files import chown_tree, move_out, remove_tree, sync_tree
from altai_build.tools.tree import walk_tree
from tests.conftest import Require

DEPTH = 1_500


def make_deep(folder: Path) -> Path:
    """A tree with a file at a depth and a path length that neither recursion nor a path can reach."""
    top = folder / "deep"
    script = "import os\nfor _ in range(%d):\n    os.mkdir('folder'); os.chdir('folder')\nopen('x.rpm', 'w').close()\n"
    top.mkdir()
    subprocess.run([sys.executable, "-c", script % DEPTH], cwd=top, check=True)
    return top


def test_every_entry_is_listed_and_directories_follow_what_they_contain(tmp_path: Path) -> None:
    for name in ("b/two", "b/one", "a/x/y", "c"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("")
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "outside")
    entries = [(entry.path, entry.is_folder) for entry in walk_tree(tmp_path / "tree")]
    assert entries == [
        ("c", False),
        ("link", False),
        ("a/x/y", False),
        ("a/x", True),
        ("a", True),
        ("b/one", False),
        ("b/two", False),
        ("b", True),
    ]
    sizes = {
        entry.path: entry.stat().st_size for entry in walk_tree(tmp_path / "tree") if not entry.is_folder
    }
    assert sizes["a/x/y"] == 5


def test_a_deep_tree_is_walked_changed_and_removed(tmp_path: Path) -> None:
    top = make_deep(tmp_path)
    assert sum(1 for _ in walk_tree(top)) == DEPTH + 1
    chown_tree(top, os.getuid())
    (tmp_path / "out").mkdir()
    assert move_out(top, tmp_path / "out", ".rpm") == [tmp_path / "out" / "x.rpm"]
    remove_tree(top)
    assert not top.exists()


@pytest.mark.parametrize("where", ["scandir", "open", "stat"])
def test_an_error_of_the_disk_is_raised_by_every_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    inner = tmp_path / "tree" / "inner"
    inner.mkdir(parents=True)
    (inner / "x.rpm").write_text("")
    real = getattr(os, where)
    inode = inner.stat().st_ino

    def fail(name: object, *arguments: object, **options: object) -> object:
        is_inner = isinstance(name, int) and os.fstat(name).st_ino == inode
        if is_inner or name in ("inner", "x.rpm"):
            raise OSError(errno.EIO, "Input/output error", name if isinstance(name, str) else None)
        return real(name, *arguments, **options)

    calls: list[Callable[[], object]] = [
        lambda: [entry.stat() for entry in walk_tree(tmp_path / "tree")],
        lambda: sync_tree(tmp_path / "tree"),
        lambda: move_out(tmp_path / "tree", tmp_path, ".rpm"),
    ]
    if where != "stat":
        calls += [lambda: remove_tree(tmp_path / "tree"), lambda: chown_tree(tmp_path / "tree", os.getuid())]
    for call in calls:
        with monkeypatch.context() as patch:
            patch.setattr(os, where, fail)
            with pytest.raises(OSError, match="Input/output error"):
                call()


def test_a_directory_that_cannot_be_opened_ends_the_removal_with_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tree" / "closed").mkdir(parents=True)
    real = os.open

    def fail(name: object, *arguments: object, **options: object) -> object:
        if name == "closed":
            raise OSError(errno.EACCES, "Permission denied", "closed")
        return real(name, *arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail)
        with pytest.raises(PermissionError) as caught:
            remove_tree(tmp_path / "tree")
    assert caught.value.filename == str(tmp_path / "tree" / "closed")


def test_directories_without_permissions_are_removed_by_their_owner(tmp_path: Path, require: Require) -> None:
    require(os.geteuid() == 0, "becoming another user needs root")
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    tree = tmp_path / "home" / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "file").write_text("")
    chown_tree(tmp_path / "home", 65534)
    (tree / "a" / "b").chmod(0o000)
    (tree / "a").chmod(0o500)
    code = f"import pathlib, altai_build.tools.files as f; f.remove_tree(pathlib.Path({str(tree)!r}))"
    subprocess.run(
        [sys.executable, "-c", f"import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n{code}"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        check=True,
    )
    assert not tree.exists()


def test_a_link_in_the_place_of_a_tree_is_removed_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "link")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        (tmp_path / "link").symlink_to(tmp_path / "kept")
        list(walk_tree(tmp_path / "link"))


def test_a_directory_that_is_moved_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tree" / "a" / "b").mkdir(parents=True)
    (tmp_path / "tree" / "a" / "b" / "file").write_text("")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("")
    with pytest.raises(OSError, match="a directory was moved while it was read"):
        for entry in walk_tree(tmp_path / "tree"):
            if entry.path == "a/b/file":
                (tmp_path / "tree" / "a" / "b").rename(tmp_path / "other" / "b")
    assert (tmp_path / "other" / "file").exists()


@pytest.mark.parametrize("mount", ["mount -t tmpfs none", "mount --bind ../kept"])
@pytest.mark.parametrize("call", ["remove_tree(top)", "chown_tree(top, 65534)", "make_tree_public(top)"])
@pytest.mark.parametrize("at", ["tree/a/dev", "tree"])
def test_what_is_mounted_in_a_tree_is_never_touched(
    tmp_path: Path, require: Require, mount: str, call: str, at: str
) -> None:
    """A bind mount has the same device as the tree, a tmpfs has another one."""
    require(os.geteuid() == 0, "mounting needs root")
    tmp_path.chmod(0o755)
    for name in ("tree/a/dev", "kept", "work"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "kept" / "null").write_text("")
    code = f"from pathlib import Path; from altai_build.tools.files import *; top = Path('../tree'); {call}"
    script = (
        f"cd {tmp_path}/work && {mount} ../{at} && mkdir -p ../{at}/sub && touch ../{at}/null\n"
        f"chmod 600 ../{at}/null && chmod 700 ../{at}\n"
        f"'{sys.executable}' -c \"{code}\"\nstat -c '%u %a %n' ../{at} ../{at}/null ../{at}/sub"
    )
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "bash", "-c", script],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    left = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in left] == ["0", "0", "0"], done.stderr
    assert [line[1] for line in left[:2]] == ["700", "600"]
    assert f"[Errno 16] a file system is mounted here (unmount it first): '../{at}'" in done.stderr


def test_a_subvolume_is_no_mount_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories of one mount may have different devices, as the subvolumes of btrfs have."""
    (tmp_path / "tree" / "subvolume" / "a").mkdir(parents=True)
    real = os.fstat
    inode = (tmp_path / "tree" / "subvolume").stat().st_ino

    def fstat(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        return (
            os.stat_result((*status[:2], status.st_dev + 1, *status[3:10]))
            if status.st_ino == inode
            else status
        )

    monkeypatch.setattr(os, "fstat", fstat)
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_without_proc_nothing_is_removed_and_the_tree_is_not_taken_for_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tree" / "a").mkdir(parents=True)
    real = os.open

    def no_proc(path: object, *arguments: object, **options: object) -> object:
        if isinstance(path, str) and path.startswith("/proc/"):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        return real(path, *arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", no_proc)
        with pytest.raises(OSError, match="/proc is not mounted"):
            remove_tree(tmp_path / "tree")
    assert (tmp_path / "tree" / "a").is_dir()
