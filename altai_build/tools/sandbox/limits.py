"""Limits of a build, laid on by the kernel (setrlimit(2)) and by watching the disk: no cgroups, no privileges."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from altai_build.model.limits import Limits
from altai_build.model.quantity import format_size
from altai_build.tools import process


def limit_command(limits: Limits) -> list[str]:
    """What to put before a command: it and all that it starts are limited, and the first to go when memory is short.

    The number of processes does not bind root; what has become another user by then is counted.
    """
    words = ["prlimit", "--core=0:0"]
    for name, limit, kind in (
        ("nproc", limits.processes, resource.RLIMIT_NPROC),
        ("data", limits.memory, resource.RLIMIT_DATA),
        ("fsize", limits.file, resource.RLIMIT_FSIZE),
    ):
        if limit is not None:
            highest = resource.getrlimit(kind)[1]  # raising it would take a privilege
            given = limit if highest == resource.RLIM_INFINITY else min(limit, highest)
            words.append(f"--{name}={given}:{given}")
    # Raised as far as it goes, which is always allowed; choom(1) came to util-linux in 2018.
    return [*(("choom", "--adjust", "1000", "--") if process.find_program("choom") else ()), *words]


def make_resource_watch(limits: Limits, log: Path, places: Sequence[Path]) -> Callable[[], str]:
    """A question for `process.run` to ask while a build is at work that prints to a log and writes to some places of
    one disk; the answer is a reason to stop, or "".

    While the disk has space it costs two system calls. With less than `limits.free` that build is stopped which holds
    more than so much: others on the same disk are not to blame.
    """

    def ask() -> str:
        if limits.log is not None and log.stat().st_size > limits.log:
            return f"stopped: it printed more than build.limits.log allows ({format_size(limits.log)})"
        if limits.free is None or (free := shutil.disk_usage(places[0]).free) >= limits.free:
            return ""
        held = sum(map(_used_bytes, places))
        if held <= limits.free:
            return ""
        return (
            f"stopped: it fills the disk: it uses {format_size(held)} and leaves {format_size(free)} free, "
            f"less than build.limits.free ({format_size(limits.free)})"
        )

    return ask


def _used_bytes(place: Path) -> int:
    """Bytes on the disk below a place where somebody is at work."""
    total = 0
    for folder, _, names in os.walk(place):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
            except OSError:  # gone again
                continue
    return total
