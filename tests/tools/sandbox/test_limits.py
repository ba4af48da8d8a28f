"""Limits apply to a command and everything it starts; of several builds, the one that fills the disk is stopped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from altai_build.model.limits import Limits
from altai_build.tools import process
from altai_build.tools.sandbox import limits as limits_module
from altai_build.tools.sandbox.limits import limit_command, make_resource_watch, run_with_log
from tests.conftest import ROOT, Require

WIDE = Limits(seconds=None, processes=None, memory=None, file=None, log=None, free=None)


def test_a_command_and_its_children_are_limited() -> None:
    limits = Limits(processes=500, memory=300 << 20, file=5 << 20)
    shown = process.run(
        [*limit_command(limits), "bash", "-c", "bash -c 'ulimit -u -d -f -c; cat /proc/self/oom_score_adj'"]
    ).text
    numbers = [line.split()[-1] for line in shown.splitlines()]
    assert numbers == ["500", str(300 << 10), str(5 << 10), "0", "1000"]


def test_without_limits_only_core_files_are_refused() -> None:
    def shown(prefix: list[str]) -> str:
        return process.run([*prefix, "bash", "-c", "ulimit -u -d -f"]).text

    assert shown(limit_command(WIDE)) == shown([])


def test_a_limit_is_never_higher_than_the_one_that_is_in_force() -> None:
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "from altai_build.model.limits import Limits; from altai_build.tools.sandbox.limits import limit_command\n"
        "print(*limit_command(Limits(file=1 << 40)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"--fsize={1 << 20}:{1 << 20}" in shown.stdout


@pytest.fixture
def small_disk(tmp_path: Path, require: Require) -> Iterator[Path]:
    require(os.geteuid() == 0, "mounting a small disk needs root")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_a_build_that_fills_the_disk_is_stopped_and_others_are_not(small_disk: Path) -> None:
    hog, other = small_disk / "hog", small_disk / "other"
    for place in (hog, other):
        (place / "deep").mkdir(parents=True)
    log = small_disk / "log"
    log.write_text("")
    limits = Limits(free=6 << 20)
    (other / "deep/x").write_bytes(bytes(1 << 20))
    ask = make_resource_watch(limits, log, [hog]).find_reason
    assert ask() == ""
    (hog / "deep/x").write_bytes(bytes(11 << 20))
    assert re.fullmatch(
        r"stopped: it fills the disk: it uses 11\.\d MB and leaves 4\.\d MB free, "
        r"less than build\.limits\.free \(6\.3 MB\)",
        ask(),
    )
    assert make_resource_watch(limits, log, [other]).find_reason() == ""
    assert make_resource_watch(WIDE, log, [hog]).find_reason() == ""


def test_endless_output_is_stopped(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with open(log, "wb") as stream:
        done = process.run(
            ["yes"],
            stdout=stream,
            ok=process.ANY_END,
            watch=make_resource_watch(Limits(log=1 << 20), log, [tmp_path]),
        )
    assert (
        done.returncode < 0
        and done.error_text == "stopped: it printed more than build.limits.log allows (1.0 MB)"
    )


def test_a_very_deep_tree_is_counted(small_disk: Path) -> None:
    script = "import os\nfor _ in range(1500):\n    os.mkdir('f'); os.chdir('f')\nopen('x', 'wb').write(bytes(9437184))"
    subprocess.run([sys.executable, "-c", script], cwd=small_disk, check=True)
    watch = make_resource_watch(Limits(free=8 << 20), None, [small_disk])
    assert "it uses 9." in watch.find_reason()


def test_a_tree_that_cannot_be_counted_in_time_is_no_empty_one(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = small_disk / "bin" / "du"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(slow.parent), prepend=":")
    monkeypatch.setattr(limits_module, "_COUNT_TIMEOUT", 0.2)
    watch = make_resource_watch(Limits(free=1 << 30), None, [small_disk])
    assert "it uses more than can be counted" in watch.find_reason()


def test_the_less_space_is_left_the_sooner_a_build_is_looked_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk takes a gigabyte in a fraction of a second; a look once in a second would come too late."""
    log, gigabyte = tmp_path / "log", 1 << 30
    log.write_bytes(bytes(1 << 20))
    watch = make_resource_watch(Limits(free=2 * gigabyte), None, [tmp_path])

    def get_pause(free: int) -> float:
        disk = SimpleNamespace(f_bavail=free // 4096, f_frsize=4096)
        monkeypatch.setattr(os, "statvfs", lambda _path: disk)
        return watch.get_pause()

    spaces = (100 * gigabyte, 4 * gigabyte, 2 * gigabyte + 4096, 2 * gigabyte, 0)
    assert [get_pause(free) for free in spaces] == [24.5, 0.5, 0.02, 1.0, 1.0]
    assert make_resource_watch(WIDE, None, [tmp_path]).get_pause() == 1.0
    assert make_resource_watch(Limits(free=None, log=2 << 20), log, [tmp_path]).get_pause() == 0.02
    assert make_resource_watch(Limits(free=None, log=1 << 20), log, [tmp_path]).get_pause() == 1.0


@pytest.mark.parametrize("status", [0, 3])
def test_too_much_output_of_a_command_that_ends_at_once_is_an_excess(tmp_path: Path, status: int) -> None:
    """It has ended before the watch looks for the first time."""
    log = tmp_path / "log"
    script = f"head -c 3000000 /dev/zero; echo the end; exit {status}"
    done = run_with_log(["sh", "-c", script], Limits(log=1 << 20), log, [tmp_path])
    why = "stopped: it printed more than build.limits.log allows (1.0 MB)"
    assert (done.returncode != 0, done.error_text) == (True, why)
    assert log.read_bytes() == bytes(1 << 20) + f"\n{why}".encode()
    assert run_with_log(["echo", "all"], Limits(log=1 << 20), log, [tmp_path]).returncode == 0
    assert log.read_text() == "all\n"


def test_a_build_that_makes_too_many_files_is_stopped_and_others_are_not(
    tmp_path: Path, require: Require
) -> None:
    require(os.geteuid() == 0, "mounting a small disk needs root")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=2000", "tmpfs", tmp_path], check=True)
    try:
        hog, other = tmp_path / "hog", tmp_path / "other"
        for place, count in ((hog, 1780), (other, 100)):
            place.mkdir()
            for number in range(count):
                (place / str(number)).touch()
        why = make_resource_watch(Limits(free=1), None, [hog]).find_reason()
        assert re.fullmatch(r"stopped: it has made 1781 files, and the disk has space for \d+ more", why)
        assert make_resource_watch(Limits(free=1), None, [other]).find_reason() == ""
        assert make_resource_watch(WIDE, None, [hog]).find_reason() == ""
    finally:
        subprocess.run(["umount", "--lazy", tmp_path], check=True)
