"""What no process has locked was left by a killed one; what a running one has is never touched."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from altai_build.tools.files import scratch_directory, write_atomically
from altai_build.tools.leftovers import list_abandoned, remove_abandoned, temporary_directory
from tests.kit.cli import ROOT

USE = (
    "import sys, time; from altai_build.tools.leftovers import temporary_directory\n"
    "with temporary_directory('x') as folder:\n"
    "    (folder / 'file').touch(); print(folder, flush=True); time.sleep(60)"
)


def test_only_what_no_process_uses_is_abandoned(tmp_path: Path) -> None:
    (tmp_path / ".x.old").mkdir()
    (tmp_path / ".x.old" / "read-only").mkdir(mode=0o500)
    (tmp_path / ".x.link").symlink_to("/nowhere")
    (tmp_path / ".x.rpm.1.part").touch()
    (tmp_path / "visible").touch()
    with scratch_directory(tmp_path, ".x") as used:
        assert list(list_abandoned(tmp_path, ".x.*")) == [tmp_path / ".x.link", tmp_path / ".x.old"]
        remove_abandoned(tmp_path, ".x.*")
        assert {path.name for path in tmp_path.iterdir()} == {used.name, "visible", ".x.rpm.1.part"}
    remove_abandoned(tmp_path, ".*")
    assert {path.name for path in tmp_path.iterdir()} == {"visible", ".x.rpm.1.part"}


def test_there_is_nothing_in_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "none", tmp_path / "file"):
        assert list(list_abandoned(folder, "*")) == []


def test_a_directory_is_never_taken_away_from_the_one_who_makes_it(tmp_path: Path) -> None:
    """Between making and locking it another process may look: then it is made again."""
    done = threading.Event()

    def clean() -> None:
        while not done.is_set():
            remove_abandoned(tmp_path, ".s.*")

    cleaner = threading.Thread(target=clean)
    cleaner.start()
    try:
        for _ in range(300):
            with scratch_directory(tmp_path, ".s") as scratch:
                (scratch / "file").write_text("x")
                assert (scratch / "file").read_text() == "x"
    finally:
        done.set()
        cleaner.join()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_never_taken_away_from_the_one_who_writes_it(tmp_path: Path) -> None:
    """Several writers and one that cleans up: no writer fails, and each content is whole."""
    path, done = tmp_path / "file", threading.Event()
    failures: list[BaseException] = []

    def write(letter: bytes) -> None:
        try:
            for _ in range(100):
                write_atomically(path, letter * 5000, durable=False)
                assert path.read_bytes() in (b"a" * 5000, b"b" * 5000)
        except BaseException as error:
            failures.append(error)

    def clean() -> None:
        while not done.is_set():
            remove_abandoned(tmp_path, ".*.new")

    cleaner = threading.Thread(target=clean)
    writers = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b")]
    for thread in (cleaner, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    cleaner.join()
    assert failures == []
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("kind", ["file", "link", "hard link", "directory", "fifo"])
def test_whatever_has_the_name_of_a_partial_file_does_not_hinder(tmp_path: Path, kind: str) -> None:
    partial, other = tmp_path / ".name.new", tmp_path / "other"
    other.write_text("other")
    makers: dict[str, Callable[[], object]] = {
        "file": lambda: partial.write_text("half of a longer text"),
        "link": lambda: partial.symlink_to(other),
        "hard link": lambda: os.link(other, partial),
        "fifo": lambda: os.mkfifo(partial),
        "directory": partial.mkdir,
    }
    makers[kind]()
    if kind == "directory":
        with pytest.raises(Exception, match="cannot write to"):
            write_atomically(tmp_path / "name", b"text")
        return
    write_atomically(tmp_path / "name", b"text")
    assert ((tmp_path / "name").read_bytes(), other.read_text()) == (b"text", "other")
    assert sorted(os.listdir(tmp_path)) == ["name", "other"]


def test_temporary_directories_of_killed_processes_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "altai-build-bug.x.txt").touch()
    children = [
        subprocess.Popen(
            [sys.executable, "-c", USE], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    try:
        folders = []
        for child in children:
            assert child.stdout is not None
            folders.append(Path(child.stdout.readline().decode().strip()))
        os.kill(children[0].pid, signal.SIGKILL)
        children[0].wait()
        with temporary_directory("y") as own:
            assert set(tmp_path.iterdir()) == {own, folders[1], tmp_path / "altai-build-bug.x.txt"}
            assert (folders[1] / "file").exists()
    finally:
        for child in children:
            child.kill()
            child.communicate()
    assert set(tmp_path.iterdir()) == {folders[1], tmp_path / "altai-build-bug.x.txt"}


def test_where_no_temporary_file_can_be_made_the_machine_is_to_blame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An InputError would be a finding about the release that is verified."""

    def refuse(**_: object) -> str:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(tmp_path))

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(OSError, match="Input/output error"), temporary_directory("x"):
        pass
