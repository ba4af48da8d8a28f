"""What the kernel does with a running child: limits its memory, tells of its end."""

from __future__ import annotations

import os
import resource
import select
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

_LONGEST_PAUSE = 1.0  # seconds


class Watch(NamedTuple):
    """Looks after a running child: `find_reason` returns why it must be ended, or "".

    `get_pause` says after how many seconds it is to be called again, at the latest after one.
    """

    find_reason: Callable[[], str]
    get_pause: Callable[[], float] = lambda: _LONGEST_PAUSE

    def get_next_look(self) -> float:
        """The time of the next call, by `time.monotonic`."""
        return time.monotonic() + min(self.get_pause(), _LONGEST_PAUSE)


def limit_memory(pid: int, memory: int | None) -> None:
    """Limit the bytes of data of a child that has just begun, and of each of its children; None: no limit.

    A program that did it first would be one process more for each.
    """
    if memory is None:
        return
    # It may be gone, and one that has become another user is not ours to limit.
    with suppress(ProcessLookupError, PermissionError):
        highest = resource.prlimit(pid, resource.RLIMIT_DATA)[1]
        given = memory if highest == resource.RLIM_INFINITY else min(memory, highest)
        resource.prlimit(pid, resource.RLIMIT_DATA, (given, given))


def wait_with_timeout(pid: int, seconds: float) -> bool:
    """Wait for the end of a child, so many seconds at most; False, at once, where the kernel has no pidfd_open(2).

    With a time limit and no pipe to read, Popen looks only every 50 ms whether its child still runs.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):  # Linux before 5.3, or the child is gone
        return False
    try:
        ending = select.poll()
        ending.register(descriptor, select.POLLIN)
        ending.poll(seconds * 1000)
    finally:
        os.close(descriptor)
    return True
