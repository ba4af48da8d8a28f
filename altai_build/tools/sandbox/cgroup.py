"""Control groups (cgroup v2): the memory and the processes of a command, and of all that it starts, counted together.

A group can be made where this process is in a delegated one (a container, `systemd-run --scope -p Delegate=yes`), where
no systemd runs, or where systemd gives one. Elsewhere, and with cgroup v1, only setrlimit(2) limits a command.
Source of the rules: https://docs.kernel.org/admin-guide/cgroup-v2.html and https://systemd.io/CGROUP_DELEGATION
"""

from __future__ import annotations

import atexit
import errno
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from altai_build.errors import AltaiError
from altai_build.model.limits import Limits
from altai_build.model.quantity import format_size
from altai_build.tools import commands, process
from altai_build.tools.pipes import Pipes

MACHINE_FULL = "stopped: the machine has run out of memory, and the kernel ended it"
_CONTROLLERS = ("memory", "pids")
# Groups with subgroups may have no processes of their own: this process moves into a subgroup of this name.
_OWN_GROUP = "altai-build"
# Attributes by which systemd marks what it delegates.
_DELEGATED = ("user.delegate", "trusted.delegate")
_SYSTEMD = Path("/run/systemd/system")
_START_TIMEOUT = 20.0  # seconds
# Seconds in which the kernel ends killed processes; a group with processes cannot be removed.
_END_TIMEOUT = 10.0
# How often new processes are looked for that others started meanwhile.
_MAX_MOVES = 10
_making = threading.Lock()


@dataclass(frozen=True)
class ControlGroup:
    """The group of one command; without a directory there is none, and nothing is limited by it."""

    directory: Path | None
    limits: Limits

    @property
    def prefix(self) -> tuple[str, ...]:
        """The prefix of a command that runs it in the group."""
        if self.directory is None:
            return ()
        return ("sh", "-c", 'echo 0 >"$0" && exec "$@"', str(self.directory / "cgroup.procs"))

    def describe_end(self) -> str:
        """Why the kernel ended the command for memory; "" when it did not."""
        if self.directory is None:
            return ""
        events = _read_events(self.directory / "memory.events")
        if not events.get("oom_kill"):
            return ""
        if events.get("oom") and self.limits.memory is not None:
            return (
                f"stopped: it used more memory than build.limits allows ({format_size(self.limits.memory)})"
            )
        return MACHINE_FULL


@contextmanager
def open_group(limits: Limits, *, kills_all: bool = True) -> Iterator[ControlGroup]:
    """A group with these limits for one command; at the end whatever is left in it is killed.

    When its memory is used up the kernel kills all of it: half a build would go on with wrong results. Without
    `kills_all` it kills one process, for a command that must clean up.
    """
    parent = None if limits.memory is None and limits.processes is None else find_parent()
    if parent is None:
        yield ControlGroup(None, limits)
        return
    directory = Path(tempfile.mkdtemp(prefix=f"{_OWN_GROUP}.", dir=parent))
    try:
        settings = {
            "memory.oom.group": int(kills_all),
            "pids.max": limits.processes,
            "memory.max": limits.memory,
        }
        if limits.memory is not None:
            settings["memory.swap.max"] = 0
        for name, value in settings.items():
            file = directory / name
            # There is no memory.swap.max without swap.
            if value is not None and (name != "memory.swap.max" or file.exists()):
                file.write_text(str(value))
        yield ControlGroup(directory, limits)
    finally:
        _remove(directory)


def find_parent() -> Path | None:
    """The group in which others can be made; None when there is none on this machine."""
    with _making:
        return _find_parent()


@cache
def _find_parent() -> Path | None:
    try:
        own = _find_own_group()
        if own is None or not set(_CONTROLLERS) <= set((own / "cgroup.controllers").read_text().split()):
            return None
        if own.name == _OWN_GROUP:
            # Of an earlier run in the same container.
            own = own.parent
        if _is_delegated(own):
            _enable_controllers(own)
            return own
        return _ask_systemd()
    except (OSError, AltaiError):
        return None


def _find_own_group() -> Path | None:
    """The directory of the group that this process is in; None where cgroup v2 is not mounted."""
    return _locate_group(Path("/proc/self/cgroup").read_text())


def _locate_group(groups: str, mountinfo: Path = Path("/proc/self/mountinfo")) -> Path | None:
    """The directory of a group by the text of /proc/PID/cgroup (cgroups(7)) and the mounts of this process."""
    path = next((line.removeprefix("0::") for line in groups.splitlines() if line.startswith("0::")), None)
    # "/..": outside the namespace of this process.
    if path is None or path.startswith("/.."):
        return None
    for line in mountinfo.read_text().splitlines():
        words, _, source = line.partition(" - ")
        if source.split(" ")[0] != "cgroup2":
            continue
        root, place = words.split(" ")[3:5]
        # The mount may show a part of the tree, as of a container's.
        inner = os.path.relpath(path, root)
        if not inner.startswith(".."):
            return Path(os.path.normpath(os.path.join(place, inner)))
    return None


def _is_delegated(group: Path) -> bool:
    """Whether groups may be made below this one by others than systemd."""
    for name in _DELEGATED:
        with suppress(OSError):
            if os.getxattr(group, name) == b"1":
                return True
    # The topmost group that is seen: of a container, or of a machine without systemd.
    return not (group.parent / "cgroup.controllers").exists() and not _SYSTEMD.exists()


def _enable_controllers(group: Path) -> None:
    """Let groups below this one have limits. Raises OSError when this user may not."""
    control = group / "cgroup.subtree_control"
    if set(_CONTROLLERS) <= set(control.read_text().split()):
        return
    # That of the whole machine may have processes and subgroups.
    if (group / "cgroup.type").exists():
        own = group / _OWN_GROUP
        own.mkdir(exist_ok=True)
        for _ in range(_MAX_MOVES):
            pids = (group / "cgroup.procs").read_text().split()
            if not pids:
                break
            for pid in pids:
                # It may have ended.
                with suppress(ProcessLookupError):
                    (own / "cgroup.procs").write_text(pid)
    control.write_text(" ".join(f"+{name}" for name in _CONTROLLERS))


def _ask_systemd() -> Path | None:
    """A group that systemd delegates to this process, as long as that runs; None when it does not."""
    if not _SYSTEMD.exists() or commands.find_program("systemd-run") is None:
        return None
    argv = ["systemd-run", "--scope", "--collect", "--quiet", "--property=Delegate=yes"]
    argv += [] if os.geteuid() == 0 else ["--user"]
    with ExitStack() as stack:
        # cat(1) ends when this process closes its standard input, however that ends.
        words = [*argv, "--", "sh", "-c", "cat /proc/self/cgroup; echo; exec cat"]
        child = stack.enter_context(process.start_child(words, input=b""))
        with Pipes(None, child.stdout, None, b"") as pipes:
            deadline = time.monotonic() + _START_TIMEOUT
            while not (shown := pipes.read(child.stdout)).endswith(b"\n\n"):
                if not pipes.transfer(deadline):
                    return None
        group = _locate_group(shown.decode())
        if group is not None:
            # It moves that cat.
            _enable_controllers(group)
            atexit.register(stack.pop_all().close)
        return group


def _remove(group: Path) -> None:
    """Kill what is left in a group, and remove it."""
    with suppress(OSError):
        (group / "cgroup.kill").write_text("1")
    deadline = time.monotonic() + _END_TIMEOUT
    while True:
        try:
            group.rmdir()
        except OSError as error:
            if error.errno == errno.EBUSY and time.monotonic() < deadline:
                time.sleep(0.005)
                continue
        return


def _read_events(file: Path) -> dict[str, int]:
    """The counters in a file of flat keys."""
    rows = (line.split() for line in file.read_text().splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2}
