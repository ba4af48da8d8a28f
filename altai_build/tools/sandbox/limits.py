"""Limits of foreign code: setrlimit(2) for the kernel's, and a watch over log and disk. No cgroups, no privileges."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from altai_build.model.limits import Limits
from altai_build.model.quantity import format_size
from altai_build.tools import commands, process

# Of whatever runs in a sandbox, so that modes in buildroots and packages do not depend on the user's.
SANDBOX_UMASK = 0o022


def limit_command(limits: Limits) -> list[str]:
    """The prefix of a command that limits it and everything it starts, and makes them the first out-of-memory victims.

    The kernel does not limit the number of root's processes; it counts those of the user that the command becomes.
    """
    words = ["prlimit", "--core=0:0"]
    for name, limit, kind in (
        ("nproc", limits.processes, resource.RLIMIT_NPROC),
        ("data", limits.memory, resource.RLIMIT_DATA),
        ("fsize", limits.file, resource.RLIMIT_FSIZE),
    ):
        if limit is not None:
            # Raising the hard limit needs a privilege.
            highest = resource.getrlimit(kind)[1]
            given = limit if highest == resource.RLIM_INFINITY else min(limit, highest)
            words.append(f"--{name}={given}:{given}")
    # Everybody may raise the value; choom(1) is in util-linux since 2018.
    return [*(("choom", "--adjust", "1000", "--") if commands.find_program("choom") else ()), *words]


def run_with_log(
    argv: Sequence[str], limits: Limits, log: Path, places: Sequence[Path]
) -> process.ProcessResult:
    """Run foreign code that prints to a log and writes to `places`, within its limits.

    The log ends with the reason when a limit ended the code; that is also the result's standard error.
    """
    with open(log, "wb") as stream:
        done = process.run(
            [*limit_command(limits), *argv],
            stdout=stream,
            merge_stderr=True,
            ok=process.ANY_END,
            timeout=limits.seconds,
            watch=make_resource_watch(limits, log, places),
            umask=SANDBOX_UMASK,
        )
        stream.write(done.stderr)
    return done


def make_resource_watch(limits: Limits, log: Path, places: Sequence[Path]) -> Callable[[], str]:
    """A `watch` for `process.run`: returns a reason to stop a build, or "".

    The build prints to `log` and writes to `places`, all of one file system. While that has space, a call takes two
    system calls. With less than `limits.free` left, the build is stopped only if it uses more than that itself.
    """

    def find_excess() -> str:
        if limits.log is not None and log.stat().st_size > limits.log:
            return f"stopped: it printed more than build.limits.log allows ({format_size(limits.log)})"
        if limits.free is None or (free := shutil.disk_usage(places[0]).free) >= limits.free:
            return ""
        used = sum(map(_used_bytes, places))
        if used <= limits.free:
            return ""
        return (
            f"stopped: it fills the disk: it uses {format_size(used)} and leaves {format_size(free)} free, "
            f"less than build.limits.free ({format_size(limits.free)})"
        )

    return find_excess


def _used_bytes(place: Path) -> int:
    """Bytes on the disk below a directory that a build is writing to."""
    total = 0
    for folder, _, names in os.walk(place):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
            except OSError:
                # Removed meanwhile.
                continue
    return total
