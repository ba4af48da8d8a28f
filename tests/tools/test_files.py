"""Files are written whole or not at all; any tree can be removed; links share the inode."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import multiprocessing
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.files import (
    file_lock,
    keep_latest,
    link_if_identical_else_write,
    link_or_copy,
    make_directory,
    make_tree_public,
    move_out,
    remove_tree,
    scratch_directory,
    sha256_file,
    sync_tree,
    write_atomically,
)
from altai_build.tools.tree import walk_tree

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that an unprivileged user owns and reaches (tmp_path is root's alone)."""
    place = Path(tempfile.mkdtemp(prefix="altai-test."))
    if os.geteuid() == 0:
        os.chown(place, NOBODY, NOBODY)
    yield place
    shutil.rmtree(place)


def as_ordinary_user(work: Callable[[], None]) -> None:
    """Run `work` in a child without root's rights, to which no permission would matter."""

    def inner() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    child = multiprocessing.get_context("fork").Process(target=inner)
    child.start()
    child.join(60)
    assert child.exitcode == 0


def test_write_atomically_makes_parents_and_sets_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_atomically(path, b"one")
    assert (path.read_bytes(), mode(path)) == (b"one", 0o644)
    write_atomically(path, b"two", mode=0o600)
    assert (path.read_bytes(), mode(path)) == (b"two", 0o600)
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_write_atomically_gives_the_name_to_a_new_inode(tmp_path: Path) -> None:
    """A second name of the old bytes, in a published release, keeps them."""
    write_atomically(tmp_path / "now", b"old")
    os.link(tmp_path / "now", tmp_path / "released")
    write_atomically(tmp_path / "now", b"new")
    assert (tmp_path / "released").read_bytes() == b"old"


def test_write_atomically_leaves_nothing_behind_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "name" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="name"):
        write_atomically(tmp_path / "name", b"data")
    assert [entry.name for entry in tmp_path.iterdir()] == ["name"]


def test_only_an_identical_earlier_file_is_linked(tmp_path: Path) -> None:
    earlier = tmp_path / "earlier"
    write_atomically(earlier, b"bytes")
    link_if_identical_else_write(tmp_path / "new" / "same", b"bytes", earlier)
    assert os.path.samefile(tmp_path / "new" / "same", earlier)
    (tmp_path / "link").symlink_to(earlier)
    closed = tmp_path / "closed"
    write_atomically(closed, b"bytes", mode=0o600)
    for number, other in enumerate((None, tmp_path / "gone", tmp_path / "link", closed, tmp_path)):
        link_if_identical_else_write(tmp_path / str(number), b"bytes", other)
    link_if_identical_else_write(tmp_path / "longer", b"bytes!", earlier)
    link_if_identical_else_write(tmp_path / "other", b"BYTES", earlier)
    for name in (*"01234", "longer", "other"):
        path = tmp_path / name
        assert (path.read_bytes().lower()[:5], mode(path), path.lstat().st_nlink) == (b"bytes", 0o644, 1), (
            name
        )
    assert (tmp_path / "other").read_bytes() == b"BYTES"
    assert earlier.read_bytes() == b"bytes"


def test_readers_see_old_or_new_bytes_but_no_mixture(tmp_path: Path) -> None:
    path = tmp_path / "file"
    states = (b"a" * 100_000, b"b" * 120_000)
    write_atomically(path, states[0])
    done = threading.Event()
    strange: list[int] = []

    def read() -> None:
        while not done.is_set():
            seen = path.read_bytes()
            if seen not in states:
                strange.append(len(seen))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(100):
        write_atomically(path, states[number % 2])
    done.set()
    reader.join()
    assert strange == []


def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    program = (
        "import sys; from pathlib import Path; from altai_build.tools.files import write_atomically\n"
        "while True:\n"
        "    for byte in b'ab': write_atomically(Path(sys.argv[1]), bytes([byte]) * 3_000_000)\n"
    )
    for delay in (0.0, 0.01, 0.03, 0.07):
        path.unlink(missing_ok=True)
        writer = subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            env={"PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        assert path.read_bytes() in (b"a" * 3_000_000, b"b" * 3_000_000)


def test_a_path_that_cannot_be_written_is_an_input_error(tmp_path: Path, open_place: Path) -> None:
    (tmp_path / "file").touch()
    for attempt in (
        lambda: write_atomically(tmp_path / "file" / "below", b""),
        lambda: make_directory(tmp_path / "file" / "below"),
    ):
        with pytest.raises(InputError, match="cannot write to"):
            attempt()
    with pytest.raises(InputError, match="cannot write to"), file_lock(tmp_path):
        pass
    closed = open_place / "closed"
    closed.mkdir(mode=0o555)

    def work() -> None:
        for attempt in (
            lambda: write_atomically(closed / "file", b""),
            lambda: make_directory(closed / "folder"),
            lambda: file_lock(closed / "lock").__enter__(),
            lambda: scratch_directory(closed, "x").__enter__(),
        ):
            with pytest.raises(InputError, match=f"cannot write to {closed}"):
                attempt()

    as_ordinary_user(work)


def test_sync_tree_syncs_every_file_and_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "tree"
    for number in range(30):
        write_atomically(tree / f"d{number % 3}" / "deep" / str(number), b"x", durable=False)
    synced = set()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    sync_tree(tree)
    assert synced == {path.stat().st_ino for path in (tree, *tree.rglob("*"))}


def test_sync_tree_skips_what_is_no_regular_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("x")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    sync_tree(tmp_path)


def test_scratch_directory_is_private_and_goes_away(tmp_path: Path) -> None:
    with pytest.raises(KeyError), scratch_directory(tmp_path / "new", "build") as place:
        assert (place.parent, mode(place)) == (tmp_path / "new", 0o700)
        assert place.name.startswith("build.")
        (place / "file").write_text("x")
        raise KeyError
    assert list((tmp_path / "new").iterdir()) == []


def test_remove_tree_of_nothing(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")


def test_remove_tree_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "tree")
    assert (tmp_path / "kept" / "file").exists()
    assert not (tmp_path / "tree").exists()


@pytest.mark.parametrize("closed", [0o555, 0o111, 0o333, 0o000])
def test_remove_tree_removes_read_only_directories_and_keeps_hard_links(
    open_place: Path, closed: int
) -> None:
    """Real source trees hold read-only directories; files in them may be hard links of released ones."""

    def work() -> None:
        kept = open_place / "released"
        kept.write_text("x")
        kept.chmod(0o444)
        inner = open_place / "tree" / "inner"
        (inner / "deep" / "er").mkdir(parents=True)
        for folder in (inner / "deep" / "er", inner / "deep", inner):
            os.link(kept, folder / "linked")
            (folder / "link").symlink_to(kept)
            folder.chmod(closed)
        open_place.joinpath("tree", "only").mkdir()
        os.link(kept, open_place / "tree" / "only" / "linked")
        open_place.joinpath("tree", "only").chmod(closed)
        open_place.joinpath("tree").chmod(closed)
        open_place.chmod(0o1777)
        remove_tree(open_place / "tree")
        assert not (open_place / "tree").exists()
        assert mode(open_place) == 0o1777
        assert (mode(kept), kept.stat().st_nlink) == (0o444, 1)

    as_ordinary_user(work)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_sha256_file(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    assert sha256_file(tmp_path / "file") == hashlib.sha256(data).hexdigest()


def test_link_shares_the_inode(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("x")
    link_or_copy(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "one").samefile(tmp_path / "two")
    with pytest.raises(FileExistsError):
        link_or_copy(tmp_path / "one", tmp_path / "two")


def test_a_copy_where_hard_links_are_not_possible(
    tmp_path: Path, require: Callable[[bool, str], None]
) -> None:
    require(
        os.path.isdir("/dev/shm") and os.stat("/dev/shm").st_dev != tmp_path.stat().st_dev,
        "there is no second file system at /dev/shm",
    )
    source = tmp_path / "one"
    source.write_text("x")
    os.utime(source, (1_000_000, 1_000_000))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        link_or_copy(source, Path(other, "two"))
        assert [entry.name for entry in Path(other).iterdir()] == ["two"]
        copy = Path(other, "two")
        assert (copy.read_text(), copy.stat().st_mtime) == ("x", 1_000_000)


def test_lock_keeps_another_process_out_until_its_holder_ends(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from altai_build.tools.files import file_lock\n"
        "with file_lock(Path(sys.argv[1])) as held: print(held, flush=True); time.sleep(600)\n"
    )
    lock = tmp_path / "place" / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(lock)],
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        with file_lock(lock, blocking=False) as held:
            assert held is False
        holder.kill()
    with file_lock(lock) as held:
        assert held is True
    with file_lock(lock, blocking=False) as held:
        assert held is True


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def hold() -> None:
        with file_lock(tmp_path / "lock"):
            inside.set()
            time.sleep(0.2)
            order.append("holder leaves")

    holder = threading.Thread(target=hold)
    holder.start()
    assert inside.wait(30)
    with file_lock(tmp_path / "lock") as held:
        order.append("waiter enters")
        assert held
    holder.join()
    assert order == ["holder leaves", "waiter enters"]


def test_files_are_moved_out_of_a_tree_but_not_through_links(tmp_path: Path) -> None:
    ours, tree, out = tmp_path / "ours", tmp_path / "tree", tmp_path / "out"
    for folder in (ours, tree / "deep", out):
        folder.mkdir(parents=True)
    (ours / "ours.rpm").write_text("ours")
    (tree / "deep/a.rpm").write_text("a")
    (tree / "deep/a.rpm").chmod(0o4000)
    (tree / "b.rpm").symlink_to(ours / "ours.rpm")
    (tree / "notes").write_text("no package")
    (tree / "folder.rpm").mkdir()
    (tree / "linked").symlink_to(ours)
    os.mkfifo(tree / "pipe.rpm")
    assert move_out(tree, out, ".rpm") == [out / "a.rpm"]
    assert {path.name: (path.read_text(), path.stat().st_mode & 0o7777) for path in out.iterdir()} == {
        "a.rpm": ("a", 0o644)
    }
    assert move_out(tree / "linked", out, ".rpm") == move_out(tree / "absent", out, ".rpm") == []
    assert (ours / "ours.rpm").read_text() == "ours"


def test_two_processes_can_remove_the_same_tree(tmp_path: Path) -> None:
    for folder in range(20):
        (tmp_path / f"tree/{folder}").mkdir(parents=True)
        for name in range(100):
            (tmp_path / f"tree/{folder}/{name}").touch()
    faults = []

    def remove() -> None:
        try:
            remove_tree(tmp_path / "tree")
        except OSError as error:
            faults.append(error)

    threads = [threading.Thread(target=remove) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (faults, (tmp_path / "tree").exists()) == ([], False)


@pytest.mark.parametrize("umask", [0o077, 0o027, 0o000])
def test_a_public_tree_has_the_same_modes_whatever_the_umask_is(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        (tmp_path / "tree" / "inner").mkdir(parents=True)
        (tmp_path / "tree" / "inner" / "own").write_text("own")
        (tmp_path / "earlier").write_text("earlier")
    finally:
        os.umask(before)
    (tmp_path / "tree" / "inner" / "script").write_text("")
    (tmp_path / "tree" / "inner" / "script").chmod(0o4755)
    (tmp_path / "tree" / "inner" / "link").symlink_to("own")
    (tmp_path / "tree" / "inner").chmod(0o2700)
    os.link(tmp_path / "earlier", tmp_path / "tree" / "linked")
    mode = (tmp_path / "earlier").stat().st_mode
    make_tree_public(tmp_path / "tree")
    modes = {entry.path: entry.stat().st_mode & 0o7777 for entry in walk_tree(tmp_path / "tree")}
    assert modes == {
        "linked": 0o644,
        "inner": 0o2755,
        "inner/own": 0o644,
        "inner/script": 0o644,
        "inner/link": 0o777,
    }
    assert (tmp_path / "tree").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "tree" / "linked").read_text() == "earlier"
    # A published file keeps its mode: it is replaced here by a copy.
    assert (tmp_path / "earlier").stat().st_mode == mode


def test_files_of_a_public_tree_that_have_the_right_mode_stay_hard_links(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "earlier").write_text("earlier")
    (tmp_path / "earlier").chmod(0o644)
    os.link(tmp_path / "earlier", tmp_path / "tree" / "linked")
    make_tree_public(tmp_path / "tree")
    assert (tmp_path / "earlier").stat().st_ino == (tmp_path / "tree" / "linked").stat().st_ino


def test_a_file_is_copied_whatever_keeps_it_from_being_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").write_text("bytes")
    for number in (errno.ENOSYS, errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.EACCES):

        def refuse(*_names: object, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(os, "link", refuse)
            link_or_copy(tmp_path / "source", tmp_path / f"copy{number}")
        assert (tmp_path / f"copy{number}").read_text() == "bytes"
    with pytest.raises(FileExistsError):
        link_or_copy(tmp_path / "source", tmp_path / f"copy{errno.EXDEV}")
    with pytest.raises(FileNotFoundError):
        link_or_copy(tmp_path / "gone", tmp_path / "copy")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_folder_that_takes_no_files_is_an_error_at_once() -> None:
    """/proc says of a new file that it does not exist."""
    with pytest.raises(InputError, match="cannot write to /proc/self"):
        write_atomically(Path("/proc/self/new"), b"x")


def test_an_interruption_right_after_the_rename_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def replace_and_interrupt(source: Path, destination: Path) -> None:
        replace(source, destination)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", replace_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(OSError, match="cannot lock: Operation not supported") as caught,
        file_lock(tmp_path / "x"),
    ):
        pass
    assert (caught.value.filename, caught.value.errno) == (str(tmp_path / "x"), errno.EOPNOTSUPP)


def test_the_files_that_were_used_last_are_kept(tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (number, number))
    # One has gone meanwhile.
    keep_latest([tmp_path / name for name in "abcd"], 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c"]
