"""Each sandbox has all processes that its limit allows, whatever others of the same user have started."""

from __future__ import annotations

import os
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from altai_build.model.limits import Limits
from altai_build.tools import process
from altai_build.tools.sandbox import process_count
from altai_build.tools.sandbox.bubblewrap import BUILD_UID, BuildrootSandbox, HostSandbox
from altai_build.tools.sandbox.limits import run_with_log, run_with_output
from tests.conftest import Require

LIMITS = Limits(processes=20)
# Starts so many processes, and waits as long as somebody else has the file open.
_CROWD = """
import os, sys, time
children = []
for count in range(int(sys.argv[1])):
    try:
        child = os.fork()
    except BlockingIOError:
        print("cannot fork after", count, flush=True)
        break
    if child == 0:
        time.sleep(600)
    children.append(child)
if sys.argv[2:]:
    open("/builddir/wait").read()
print(len(children))
for child in children:
    os.kill(child, 9)
"""


@pytest.fixture
def counts_apart(require: Require) -> None:
    require(os.geteuid() == 0, "the processes of other users are counted by their namespaces")
    release = tuple(int(part) for part in os.uname().release.split(".")[:2])
    require(release >= (5, 14), "the kernel counts processes by user")
    require(bool(process_count.count_apart_command()[0]), "user namespaces cannot be made")


def _open_if_read(fifo: Path) -> int | None:
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


@pytest.mark.parametrize("kind", ["spec", "build"])
def test_a_fork_bomb_leaves_others_their_processes(counts_apart: None, tmp_path: Path, kind: str) -> None:
    tmp_path.chmod(0o755)
    bomb, other = tmp_path / "bomb", tmp_path / "other"
    for place in (bomb, other):
        place.mkdir()
        os.chown(place, BUILD_UID, BUILD_UID)

    def run(place: Path, *words: str) -> str:
        argv = ["/usr/bin/python3", "-I", "-c", _CROWD, *words]
        if kind == "spec":
            return run_with_output(HostSandbox(writable=place, now=1), argv, LIMITS).text
        log = place.with_suffix(".log")
        run_with_log(BuildrootSandbox(root="/", build_dir=place).command(argv), LIMITS, log, [place])
        return log.read_text()

    with ThreadPoolExecutor() as threads:
        # It ends when the other one has ended.
        os.mkfifo(bomb / "wait")
        os.chown(bomb / "wait", BUILD_UID, BUILD_UID)
        bombing = threads.submit(run, bomb, "1000", "wait")
        while (writer := _open_if_read(bomb / "wait")) is None and not bombing.done():
            time.sleep(0.01)
        assert writer is not None, bombing.result()
        with os.fdopen(writer, "w"):
            assert threads.submit(run, other, "12").result() == "12\n"
        # Of its 20, some are the sandbox itself.
        assert bombing.result() in ("cannot fork after 18\n18\n", "cannot fork after 19\n19\n")


def test_users_are_those_of_the_host(counts_apart: None, tmp_path: Path) -> None:
    sandbox = HostSandbox(writable=tmp_path, now=1)
    shown = run_with_output(
        sandbox, ["sh", "-c", "stat -c %u /usr /builddir; ls /proc/self/fd; id -u"], LIMITS
    )
    assert shown.text.split() == ["0", str(BUILD_UID), "0", "1", "2", "3", str(BUILD_UID)]


def test_without_namespaces_sandboxes_start_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_count, "_of_thread", SimpleNamespace())
    monkeypatch.setattr(process_count, "_entered", [])
    monkeypatch.setattr(process_count, "_can_enter", lambda _: False)
    assert process_count.count_apart_command() == ({}, [], [])
    assert process.run(HostSandbox(writable=tmp_path, now=1).command(["echo", "started"])).text == "started\n"


def test_a_lower_limit_of_roots_processes_is_not_shared_by_all_sandboxes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process_count, "_of_thread", SimpleNamespace())
    monkeypatch.setattr(resource, "getrlimit", lambda _: (500, 500))
    assert process_count.count_apart_command() == ({}, [], [])
