"""Control groups count all processes of a command together, and say when the kernel ended it for memory."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from altai_build.model.limits import Limits
from altai_build.tools import process
from altai_build.tools.sandbox import cgroup
from altai_build.tools.sandbox.bubblewrap import HostSandbox
from altai_build.tools.sandbox.cgroup import ControlGroup, open_group
from altai_build.tools.sandbox.limits import limit_command, run_script, run_with_log, run_with_output

LIMITS = Limits(memory=100 << 20, processes=40)
WHY = "stopped: it used more memory than build.limits allows (104.9 MB)"
# Four processes with 40 MB each: none has more than the limit.
HOGS = "for i in 1 2 3 4; do /usr/bin/python3 -c 'import time; b = bytearray(40 << 20); time.sleep(60)' & done; wait"

FORKS = """
import os, sys, time
for count in range(60):
    try:
        if os.fork() == 0:
            os.closerange(0, 3)
            time.sleep(60)
    except BlockingIOError:
        sys.exit(f"{count} children")
"""


def test_processes_that_use_too_much_memory_together_are_ended(control_groups: Path, tmp_path: Path) -> None:
    done = run_with_log(["bash", "-c", f"echo begins; {HOGS}"], LIMITS, tmp_path / "log", [tmp_path])
    assert (done.returncode, done.stopped) == (-signal.SIGKILL, WHY)
    assert (tmp_path / "log").read_text() == f"begins\n\n{WHY}"
    assert not list(control_groups.glob("altai-build.*"))


def test_a_spec_that_uses_too_much_memory_is_ended(control_groups: Path, tmp_path: Path) -> None:
    done = run_with_output(HostSandbox(writable=tmp_path, now=1), ["bash", "-c", HOGS], LIMITS)
    assert done.returncode != 0 and done.error_text.endswith(WHY)


def test_a_scriptlet_as_root_cannot_start_processes_without_end(control_groups: Path) -> None:
    """The kernel's own limit does not count those of root."""
    with pytest.raises(process.ProgramFailed) as caught:
        run_script(["/usr/bin/python3", "-c", FORKS], LIMITS, input=b"", timeout=60)
    # And one for the program itself.
    assert caught.value.result.error_text == "39 children"


def test_what_a_command_leaves_behind_is_killed(control_groups: Path, tmp_path: Path) -> None:
    script = "setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $! > pid"
    with open_group(LIMITS) as group:
        process.run([*group.prefix, "bash", "-c", script], cwd=tmp_path)
    pid = int((tmp_path / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists() or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plain folder in place of the kernel's, for what is written to it and read from it."""
    monkeypatch.setattr(cgroup, "_find_parent", lambda: tmp_path)
    return tmp_path


def test_the_group_of_a_command_has_its_limits(stand_in: Path) -> None:
    with open_group(LIMITS) as group:
        assert group.directory is not None and group.directory.parent == stand_in
        files = {file.name: file.read_text() for file in group.directory.iterdir()}
        assert files == {"memory.oom.group": "1", "memory.max": str(100 << 20), "pids.max": "40"}
        process.run([*group.prefix, "true"])
        assert (group.directory / "cgroup.procs").read_text() == "0\n"
    with open_group(Limits(memory=None, processes=7), kills_all=False) as group:
        assert group.directory is not None
        files = {file.name: file.read_text() for file in group.directory.iterdir()}
        assert files == {"memory.oom.group": "0", "pids.max": "7"}


@pytest.mark.parametrize(
    ("events", "memory", "why"),
    [
        ("low 0\nmax 9\noom 0\noom_kill 0\n", 100 << 20, ""),
        ("max 9\noom 1\noom_kill 3\n", 100 << 20, WHY),
        ("max 0\noom 0\noom_kill 1\n", 100 << 20, cgroup.MACHINE_FULL),
        ("max 0\noom 0\noom_kill 1\n", None, cgroup.MACHINE_FULL),
    ],
)
def test_the_kernels_counters_say_why_a_command_was_ended(
    tmp_path: Path, events: str, memory: int | None, why: str
) -> None:
    (tmp_path / "memory.events").write_text(events)
    assert ControlGroup(tmp_path, Limits(memory=memory)).describe_end() == why


def test_a_command_whose_child_the_kernel_killed_has_not_succeeded(stand_in: Path, tmp_path: Path) -> None:
    script = f"cd {stand_in}/altai-build.* && printf 'oom 1\\noom_kill 1\\n' > memory.events"
    with pytest.raises(process.ProgramFailed) as caught:
        run_script(["sh", "-c", script], LIMITS, input=b"", timeout=60)
    assert caught.value.result.error_text.endswith(WHY)


def test_without_groups_the_kernel_limits_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "_find_parent", lambda: None)
    with open_group(LIMITS) as group:
        assert (group.prefix, group.describe_end()) == ((), "")
        assert f"--data={100 << 20}:{100 << 20}" in limit_command(LIMITS, group)
    assert not any("--data" in word for word in limit_command(LIMITS, ControlGroup(Path("/"), LIMITS)))


MOUNTS = [
    "22 1 254:0 / / rw - ext4 /dev/vda rw",
    "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw",
]
CONTAINER = ["31 22 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw"]


@pytest.mark.parametrize(
    ("groups", "mounts", "place"),
    [
        (["0::/user.slice/a.scope"], MOUNTS, "/sys/fs/cgroup/user.slice/a.scope"),
        (["0::/"], MOUNTS, "/sys/fs/cgroup"),
        (["4:memory:/x", "0::/y"], MOUNTS, "/sys/fs/cgroup/y"),
        (["4:memory:/x"], MOUNTS, None),
        (["0::/y"], MOUNTS[:1], None),
        (["0::/docker/abc/altai-build"], CONTAINER, "/sys/fs/cgroup/altai-build"),
        # Of another container: outside what is mounted here.
        (["0::/docker/def"], CONTAINER, None),
        (["0::/../../user.slice"], MOUNTS, None),
    ],
)
def test_the_group_of_a_process_is_found_where_it_is_mounted(
    tmp_path: Path, groups: list[str], mounts: list[str], place: str | None
) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text("\n".join(mounts))
    assert cgroup._locate_group("\n".join(groups), mountinfo) == (Path(place) if place else None)
