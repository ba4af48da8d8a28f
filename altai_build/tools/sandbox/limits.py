"""Limits of foreign code: control groups where there are, setrlimit(2), and a watch over log and disk."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from altai_build.model.limits import Limits
from altai_build.model.quantity import format_size
from altai_build.tools import commands, process
from altai_build.tools.sandbox.bubblewrap import HostSandbox
from altai_build.tools.sandbox.cgroup import ControlGroup, open_group

# Of whatever runs in a sandbox, so that modes in buildroots and packages do not depend on the user's.
SANDBOX_UMASK = 0o022
_COUNT_TIMEOUT = 30.0  # seconds
# Bytes a second that a build may write: how long no one looks depends on the space that is left.
_FASTEST = 4 << 30
_SHORTEST_PAUSE = 0.02  # seconds
# Files for which the disk must keep space, or a tenth of all that it can have.
_KEPT_INODES = 100_000


def limit_command(limits: Limits, group: ControlGroup | None = None) -> list[str]:
    """The prefix of a command that limits it and everything it starts, and makes them the first out-of-memory victims.

    The kernel does not limit the number of root's processes; it counts those of the user that the command becomes, in
    the user namespace of the sandbox. The `group` that the command runs in limits its memory better: these limits count
    what a process reserves, too.
    """
    # Everybody may raise the value; choom(1) is in util-linux since 2018.
    first_victim = ("choom", "--adjust", "1000", "--") if commands.find_program("choom") else ()
    return [*first_victim, *_limit_resources_command(limits, group)]


def _limit_resources_command(limits: Limits, group: ControlGroup | None) -> list[str]:
    words = ["prlimit", "--core=0:0"]
    for name, limit, kind in (
        ("nproc", limits.processes, resource.RLIMIT_NPROC),
        ("data", None if group is not None and group.directory else limits.memory, resource.RLIMIT_DATA),
        ("fsize", limits.file, resource.RLIMIT_FSIZE),
    ):
        if limit is not None:
            # Raising the hard limit needs a privilege.
            highest = resource.getrlimit(kind)[1]
            given = limit if highest == resource.RLIM_INFINITY else min(limit, highest)
            words.append(f"--{name}={given}:{given}")
    return words


def run_with_output(sandbox: HostSandbox, argv: Sequence[str], limits: Limits) -> process.ProcessResult:
    """Run foreign code in a sandbox with the host's programs, within its limits; what it prints is in the result.

    The limits are laid on inside, where the kernel does not count the other processes of the user who calls. All of
    the sandbox is among the first out-of-memory victims.
    """
    with open_group(limits) as group:
        done = process.run(
            [*group.prefix, *sandbox.command([*_limit_resources_command(limits, group), *argv])],
            ok=process.ANY_END,
            timeout=limits.seconds,
            limit=limits.log,
            watch=make_resource_watch(limits, None, [sandbox.writable]),
            umask=SANDBOX_UMASK,
        )
        return _with_reason(done, group)


def run_script(argv: Sequence[str], limits: Limits, *, input: bytes, timeout: float) -> process.ProcessResult:
    """Run foreign code that reads an `input` and writes little, within its limits. Raises ProgramFailed."""
    with open_group(limits) as group:
        done = process.run(
            [*group.prefix, *limit_command(limits, group), *argv],
            input=input,
            ok=process.ANY_END,
            timeout=timeout,
            umask=SANDBOX_UMASK,
        )
        done = _with_reason(done, group)
    if done.returncode != 0:
        raise process.ProgramFailed(done)
    return done


def _with_reason(done: process.ProcessResult, group: ControlGroup) -> process.ProcessResult:
    """The result of a command, with the reason if the kernel ended it for memory; then it has not succeeded."""
    why = "" if done.stopped else group.describe_end()
    if not why:
        return done
    return done._replace(
        returncode=done.returncode or -signal.SIGKILL,
        stderr=done.stderr + f"\n{why}".encode(),
        stopped=why,
    )


def run_with_log(
    argv: Sequence[str], limits: Limits, log: Path, places: Sequence[Path]
) -> process.ProcessResult:
    """Run foreign code that prints to a log and writes to `places`, within its limits.

    The log ends with the reason when a limit ended the code; that is also the result's standard error. Code that has
    printed too much and ended before it was noticed has exceeded the limit too: the log is cut there.
    """
    with open(log, "wb") as stream, open_group(limits) as group:
        done = process.run(
            [*group.prefix, *limit_command(limits, group), *argv],
            stdout=stream,
            merge_stderr=True,
            ok=process.ANY_END,
            timeout=limits.seconds,
            watch=make_resource_watch(limits, log, places),
            umask=SANDBOX_UMASK,
        )
        done = _with_reason(done, group)
        if limits.log is not None and os.fstat(stream.fileno()).st_size > limits.log:
            stream.truncate(limits.log)
            why = f"\n{_describe_log_excess(limits.log)}".encode()
            done = done._replace(returncode=done.returncode or -signal.SIGKILL, stderr=done.stderr or why)
        stream.seek(0, os.SEEK_END)
        stream.write(done.stderr)
    return done


def _describe_log_excess(limit: int) -> str:
    return f"stopped: it printed more than build.limits.log allows ({format_size(limit)})"


def make_log_watch(limits: Limits, list_logs: Callable[[], Sequence[Path]]) -> process.Watch:
    """A watch where a program writes several logs: all together have the limit of one."""

    def find_excess() -> str:
        if limits.log is None or sum(path.stat().st_size for path in list_logs()) <= limits.log:
            return ""
        return _describe_log_excess(limits.log)

    return process.Watch(find_excess)


def make_resource_watch(limits: Limits, log: Path | None, places: Sequence[Path]) -> process.Watch:
    """A watch over a build.

    The build prints to `log`, if that is given, and writes to `places`, all of one file system. The less space is left,
    the sooner it is looked after again.
    """

    def get_pause() -> float:
        pause = get_disk_pause(limits, places[0])
        if log is None or limits.log is None:
            return pause
        return min(pause, _get_pause(limits.log - log.stat().st_size))

    def find_excess() -> str:
        if log is not None and limits.log is not None and log.stat().st_size > limits.log:
            return _describe_log_excess(limits.log)
        return find_disk_excess(limits, places)

    return process.Watch(find_excess, get_pause)


def find_disk_excess(limits: Limits, places: Sequence[Path]) -> str:
    """A reason to stop a build that writes to `places`, all of one file system, or "".

    While that has space, a call takes two system calls. With less than `limits.free` left, the build is stopped only
    if it uses more than that itself; so with the number of files.
    """
    if limits.free is None:
        return ""
    disk = os.statvfs(places[0])
    free = disk.f_bavail * disk.f_frsize
    if free < limits.free:
        used = _measure_use(places, "--block-size=1")
        if used is None or used > limits.free:
            uses = "more than can be counted" if used is None else format_size(used)
            return (
                f"stopped: it fills the disk: it uses {uses} and leaves {format_size(free)} free, "
                f"less than build.limits.free ({format_size(limits.free)})"
            )
    # Some file systems have no fixed number of inodes, and give 0.
    kept = min(_KEPT_INODES, disk.f_files // 10)
    if disk.f_favail < kept:
        files = _measure_use(places, "--inodes")
        if files is None or files > kept:
            count = "more than can be counted" if files is None else str(files)
            return f"stopped: it has made {count} files, and the disk has space for {disk.f_favail} more"
    return ""


def get_disk_pause(limits: Limits, place: Path) -> float:
    """The seconds in which a build cannot fill a file system beyond the limit."""
    if limits.free is None:
        return _get_pause(0)
    disk = os.statvfs(place)
    return _get_pause(disk.f_bavail * disk.f_frsize - limits.free)


def _get_pause(room: int) -> float:
    """How long this many bytes last. Others have taken the space when there are none: looking closer does not help."""
    return max(room / _FASTEST, _SHORTEST_PAUSE) if room > 0 else 1.0


def _measure_use(places: Sequence[Path], unit: str) -> int | None:
    """What is below directories that a build is writing to, of any depth; None when counting takes too long.

    `unit` is an option of du(1): bytes on the disk, or files.
    """
    argv = ["du", "--summarize", "--total", unit, "--one-file-system", "--", *map(str, places)]
    # It complains about what is removed meanwhile.
    done = process.run(argv, ok=process.ANY_END, timeout=_COUNT_TIMEOUT)
    words = done.text.splitlines()[-1:]
    return int(words[0].split()[0]) if words and done.returncode >= 0 else None
