"""A workspace has one holder at a time; a second run names it, or waits for it; a killed run holds nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from altai_build.errors import InputError, WorkspaceLockedError
from altai_build.workspace import Workspace
from tests.kit.cli import ROOT

HOLD = (
    "import sys, time; from pathlib import Path; from altai_build.workspace import Workspace\n"
    "with Workspace(Path(sys.argv[1])).lock():\n"
    "    print('held', flush=True); time.sleep(float(sys.argv[2]))\n"
)


@contextmanager
def holder(root: Path, seconds: float = 60.0) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the workspace."""
    argv = [sys.executable, "-c", HOLD, str(root), str(seconds)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == b"held\n"
            yield child
        finally:
            child.kill()


def test_a_second_run_names_the_holder(tmp_path: Path) -> None:
    with holder(tmp_path) as child:
        with pytest.raises(WorkspaceLockedError) as caught, Workspace(tmp_path).lock():
            pass
        assert caught.value.exit_code == 9
        assert caught.value.what == f"another run holds the lock of the workspace {tmp_path}"
        assert f"process {child.pid} of " in caught.value.why and "altai-build" in caught.value.why
        assert "--wait" in caught.value.todo


def test_waiting_ends_when_the_holder_does(tmp_path: Path) -> None:
    said: list[str] = []
    with holder(tmp_path, seconds=0.6) as child:
        started = time.monotonic()
        with Workspace(tmp_path).lock(wait=30, announce=said.append):
            assert time.monotonic() - started < 10
    assert len(said) == 1 and said[0].startswith("waiting up to 30 s for another run")
    assert f"process {child.pid} of " in said[0]


def test_waiting_ends_when_its_time_is_over(tmp_path: Path) -> None:
    with holder(tmp_path):
        started = time.monotonic()
        with pytest.raises(WorkspaceLockedError), Workspace(tmp_path).lock(wait=0.5):
            pass
        assert 0.5 <= time.monotonic() - started < 5


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    with holder(tmp_path) as child:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        with Workspace(tmp_path).lock():
            pass


def test_children_of_a_killed_holder_hold_nothing(tmp_path: Path) -> None:
    script = HOLD.replace("time.sleep", "__import__('subprocess').Popen(['sleep', '30']); time.sleep")
    argv = [sys.executable, "-c", script, str(tmp_path), "60"]
    with subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
    ) as child:
        assert child.stdout is not None and child.stdout.readline() == b"held\n"
        time.sleep(0.2)
        os.kill(child.pid, signal.SIGKILL)
        try:
            with Workspace(tmp_path).lock(wait=5):
                pass
        finally:
            os.killpg(child.pid, signal.SIGKILL)


def test_one_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    with Workspace(tmp_path).lock(), pytest.raises(WorkspaceLockedError), Workspace(tmp_path).lock():
        pass
    with Workspace(tmp_path).lock():
        pass


def test_garbage_about_the_holder_is_no_obstacle(tmp_path: Path) -> None:
    with holder(tmp_path):
        for text in ("", "{", "[]", '{"pid": 1}', "\xff"):
            (tmp_path / "lock.holder").write_text(text, encoding="latin-1")
            with pytest.raises(WorkspaceLockedError) as caught, Workspace(tmp_path).lock():
                pass
            assert caught.value.why == "which process that is cannot be read from lock.holder"


def test_a_workspace_stays_out_of_git(tmp_path: Path) -> None:
    Workspace(tmp_path / "ws").prepare()
    assert (tmp_path / "ws" / ".gitignore").read_text() == "*\n"


def test_no_two_components_share_a_folder_for_logs(tmp_path: Path) -> None:
    names = ["a/b", "a_b", "a%2Fb", "a b", "a", "..", ".a", "%2Ea"]
    places = {Workspace(tmp_path).failed_build_logs(name) for name in names}
    assert len(places) == len(names) and not any(place.name.startswith(".") for place in places)
    assert {place.parent for place in places} == {tmp_path / "logs"}


LEFT = (
    "srpms/.gone.a/x", "logs/.gone.a/x",
    "builds/.new.a/x", "builds/.gone.file", "roots/.packages.a/x", "roots/base/.new.a/x", "roots/layers/.gone.a/x",
    "tmp/build.a/x", "tmp/srpms.a/x", "signed/key-v4/.signing.a/x", "packages/ab/.new.a/x", "cache/meta/k/.look.a/x",
    "cache/sources/.fetch.a/x", "cache/specs/.k.new", "git/.new.a/x.git", ".lock.holder.new", ".outcomes.json.new",
)  # fmt: skip
KEPT = (
    "builds/k/x", "roots/base/k/x", "roots/layers/k.log", "gnupg/x", "ledger.jsonl", "cache/packages/ab/.x.rpm.7.part",
    ".profile", ".notes.new", "cache/specs/k",
)  # fmt: skip


def fill(root: Path) -> None:
    """What killed runs leave, and what must stay: work, partial downloads, and other files of the user's."""
    for name in (*LEFT, *KEPT):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")


def files(root: Path) -> set[str]:
    found = {str(one.relative_to(root)) for one in root.rglob("*") if one.is_file()}
    return found - {".gitignore", "lock", "lock.holder"}


def test_leftovers_of_killed_runs_are_removed_and_nothing_else(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with workspace.lock():
        fill(tmp_path)
        workspace.remove_leftovers()
        assert files(tmp_path) == set(KEPT)
        workspace.remove_leftovers()
        assert files(tmp_path) == set(KEPT)


def test_files_of_a_verb_without_the_lock_stay_until_it_ends(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from altai_build.tools.files import scratch_directory\n"
        "with scratch_directory(Path(sys.argv[1]), 'srpms') as scratch:\n"
        "    (scratch / 'x').touch(); print('there', flush=True); time.sleep(60)"
    )
    workspace = Workspace(tmp_path)
    argv = [sys.executable, "-c", script, str(workspace.scratch)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"there\n"
        with workspace.lock():
            workspace.remove_leftovers()
            assert len(files(tmp_path)) == 1
        other.kill()
    with workspace.lock():
        workspace.remove_leftovers()
        assert files(tmp_path) == set()


def test_an_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to"), Workspace(tmp_path / "file" / "ws").lock():
        pass
