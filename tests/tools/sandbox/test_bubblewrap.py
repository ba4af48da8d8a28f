"""Hostile commands in each sandbox: they reach no kernel setting, device or other process, and do not outlive it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from altai_build.tools import process
from altai_build.tools.sandbox import bubblewrap
from altai_build.tools.sandbox.bubblewrap import BUILD_UID, BuildrootSandbox, HostSandbox, InstallSandbox
from tests.conftest import ROOT, Require
from tests.kit.processes import is_running, wait_until_gone

Shell = Callable[[str], process.ProcessResult]


@pytest.fixture(params=["host", "install", "root"])
def shell(request: pytest.FixtureRequest, tmp_path: Path, require: Require) -> Shell:
    """Runs a script in a sandbox and returns the result."""
    place = tmp_path / "place"
    place.mkdir()
    packages = tmp_path / "packages"
    packages.mkdir()
    if request.param != "host":
        require(os.geteuid() == 0, "the views of the chroot builder need root")
        os.chown(place, BUILD_UID, BUILD_UID)
    views: dict[str, HostSandbox | InstallSandbox | BuildrootSandbox] = {
        "host": HostSandbox(writable=place, now=1),
        "install": InstallSandbox(root=str(place), packages=packages, scratch=tmp_path / "scratch"),
        "root": BuildrootSandbox(root="/", build_dir=place),
    }
    if request.param == "install":
        for name in ("dev", "proc"):
            (place / name).mkdir()
    view = views[request.param]
    return lambda script: process.run(view.command(["sh", "-c", script]), ok=process.ANY_END)


def test_the_kernels_settings_cannot_be_written(shell: Shell) -> None:
    # The kernel runs what core_pattern names as root of the host, outside of every sandbox.
    before = Path("/proc/sys/kernel/core_pattern").read_text()
    tried = shell("cat /proc/sys/kernel/core_pattern; echo '|/evil' > /proc/sys/kernel/core_pattern")
    after = Path("/proc/sys/kernel/core_pattern").read_text()
    if after != before:
        Path("/proc/sys/kernel/core_pattern").write_text(before)
    assert (after, tried.text) == (before, before)
    assert tried.returncode != 0


def test_a_file_that_only_root_may_read_is_not_read(shell: Shell, tmp_path: Path) -> None:
    tried = shell("cat /etc/shadow /root/.profile")
    assert (tried.text, tried.returncode != 0) == ("", True)


def test_nothing_can_be_mounted_and_no_device_opened(shell: Shell) -> None:
    where = "d=/builddir; test -d /target && d=/target; "
    assert shell(f"{where} mount -t tmpfs none $d").returncode != 0
    opened = shell(f"{where} mknod $d/zero c 1 5 && head -c 1 $d/zero")
    assert (opened.stdout, opened.returncode != 0) == (b"", True)


_WRITE_EVERYWHERE = """
for folder in / /dev /dev/shm /tmp /var/tmp /builddir /target /target/dev /target/dev/shm; do
    touch $folder/written 2> /dev/null && stat -c '%n %d' $folder/written && rm $folder/written
done
exit 0
"""


def test_what_is_written_is_never_in_memory(shell: Shell, tmp_path: Path) -> None:
    check_where_it_writes(shell(_WRITE_EVERYWHERE), tmp_path)


def check_where_it_writes(result: process.ProcessResult, tmp_path: Path) -> None:
    disks = {os.stat(place).st_dev for place in (tmp_path, "/", "/tmp", "/var/tmp")}
    written = dict(line.split() for line in result.text.splitlines())
    assert written
    assert {place for place, device in written.items() if int(device) not in disks} == set()
    assert {"/written", "/dev/written"} & written.keys() == set()


def test_what_an_ordinary_user_writes_is_never_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the build user owns the directories that bubblewrap makes."""
    monkeypatch.setattr(bubblewrap, "may_become_build_user", lambda: False)
    view = HostSandbox(writable=tmp_path, now=1)
    check_where_it_writes(process.run(view.command(["sh", "-c", _WRITE_EVERYWHERE])), tmp_path)


def test_devices_and_links_to_streams_work(shell: Shell) -> None:
    script = "d=/dev; test -d /target && d=/target/dev; cd $d; head -c 3 zero | tr '\\0' x; echo > null; "
    assert shell(script + "test -L stdout && echo y; head -c 2 urandom | wc -c").text == "xxxy\n2\n"


def test_no_privilege_is_left_that_installing_does_not_need(shell: Shell) -> None:
    status = shell("cat /proc/self/status").text
    held = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapPrm:")), 16)
    sys_admin, sys_module, sys_rawio, sys_ptrace, bpf = 21, 16, 17, 19, 39
    assert [
        number for number in (sys_admin, sys_module, sys_rawio, sys_ptrace, bpf) if held >> number & 1
    ] == []


def test_no_network_and_the_processes_are_its_own(shell: Shell) -> None:
    assert shell("cat /proc/net/dev").text.count(":") == 1  # the loopback device
    assert shell(f"kill -0 {os.getpid()}").returncode != 0
    assert shell("cat /proc/1/environ; env").text.count("pytest") == 0


def test_system_objects_and_the_host_name_are_its_own(shell: Shell) -> None:
    names = ("ipc", "uts", "net", "pid")
    inside = shell(f"cd /proc/self/ns && readlink {' '.join(names)}").text.split()
    assert len(inside) == len(names)
    assert not {os.readlink(f"/proc/self/ns/{name}") for name in names}.intersection(inside)


def test_no_variable_of_the_caller_is_inherited(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Every other child has it.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert "TMPDIR" not in shell("env").text


@pytest.mark.parametrize("kind", ["host", "root"])
def test_no_group_of_the_caller_is_inherited(tmp_path: Path, require: Require, kind: str) -> None:
    require(os.geteuid() == 0, "giving a process groups needs root")
    os.chown(tmp_path, BUILD_UID, BUILD_UID)
    place = tmp_path / "place"
    place.mkdir()
    os.chown(place, BUILD_UID, BUILD_UID)
    view = (
        HostSandbox(writable=place, now=1) if kind == "host" else BuildrootSandbox(root="/", build_dir=place)
    )
    command = view.command(["grep", "Groups:", "/proc/self/status"])
    shown = process.run(["setpriv", "--groups=0,4", "--", *command]).text.split()
    assert set(shown[1:]) <= {str(BUILD_UID)}


def test_background_processes_end_with_the_command(shell: Shell, tmp_path: Path) -> None:
    where = "d=/builddir; test -d /target && d=/target; "
    shell(f"{where} (setsid sh -c 'while :; do echo x >> $0/log; done' $d &) ; sleep 0.1")
    log = tmp_path / "place/log"
    size = log.stat().st_size
    time.sleep(0.1)
    assert (size > 0, log.stat().st_size) == (True, size)


@pytest.mark.parametrize(
    "view", ["HostSandbox(writable=place, now=1)", "BuildrootSandbox(root='/', build_dir=place)"]
)
def test_everything_ends_when_the_caller_is_killed(view: str, tmp_path: Path, require: Require) -> None:
    require(os.geteuid() == 0 or view.startswith("Host"), "the views of the chroot builder need root")
    program = (
        "import sys; from pathlib import Path; from altai_build.tools import process; "
        "from altai_build.tools.sandbox.bubblewrap import *; place = Path(sys.argv[1]); "
        f"process.run({view}.command(['sh', '-c', 'touch /builddir/begun; exec sleep 86399']))"
    )
    tmp_path.chmod(0o777)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as parent:
        deadline = time.monotonic() + 30
        while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        began = [pid for pid in _descendants(parent.pid) if is_running(pid)]
        parent.kill()
    assert began
    assert [pid for pid in began if not wait_until_gone(pid)] == []


def _descendants(pid: int) -> list[int]:
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").glob("*/children")
        for child in task.read_text().split()
    ]
    return [*children, *(grandchild for child in children for grandchild in _descendants(child))]


def test_the_build_user_can_use_shared_memory(tmp_path: Path, require: Require) -> None:
    require(os.geteuid() == 0, "the views of the chroot builder need root")
    view = BuildrootSandbox(root="/", build_dir=tmp_path)
    program = "import multiprocessing, pty; multiprocessing.Lock().acquire(); pty.openpty(); "
    program += "print(open('/dev/shm/x', 'w').name)"
    assert process.run(view.command(["/usr/bin/python3", "-c", program])).text == "/dev/shm/x\n"
    assert not Path("/dev/shm/x").exists()
    process.run(view.command(["sh", "-c", "echo x > /dev/shm/semaphore"]))
    assert not Path("/dev/shm/semaphore").exists()


def test_files_of_the_hosts_root_belong_to_nobody_for_specs(tmp_path: Path) -> None:
    answer = process.run(
        HostSandbox(writable=tmp_path, now=1).command(["sh", "-c", "touch mine /tmp/a /var/tmp/b; id -un"])
    )
    assert answer.text == "mockbuild\n"
    expected = BUILD_UID if os.geteuid() == 0 else os.geteuid()
    assert (tmp_path / "mine").stat().st_uid == expected


def test_a_sandbox_starts_where_process_ids_are_scarce(tmp_path: Path, require: Require) -> None:
    require(os.geteuid() == 0, "process namespaces need root")
    place = tmp_path / "place"
    place.mkdir()
    # As in a container: number 2 is used up and gone before the view is opened, whose own second process has it.
    crowd = ["unshare", "--pid", "--fork", "--", "sh", "-c", '/bin/true; exec "$@"', "sh"]
    assert (
        process.run([*crowd, *HostSandbox(writable=place, now=1).command(["echo", "open"])]).text == "open\n"
    )


def test_a_root_that_knows_no_other_user_makes_the_sandbox_as_an_ordinary_user_does(
    require: Require,
) -> None:
    require(os.geteuid() == 0, "becoming another user needs root")
    program = (
        "import tempfile; from pathlib import Path; from altai_build.tools.sandbox import bubblewrap as b; "
        "from altai_build.tools import process\n"
        "assert not b.may_become_build_user()\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    process.run(b.HostSandbox(writable=Path(folder), now=1).command(['/bin/true']))"
    )
    unshare = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "unshare", "-Urm"]
    root = str(Path(__file__).resolve().parents[3])
    done = subprocess.run(
        [*unshare, sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": root},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    require("unshare failed" not in done.stderr, "this machine has no unprivileged user namespaces")
    assert done.returncode == 0, done.stderr
