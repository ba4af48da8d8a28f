"""How many things run side by side: the one place that knows, set once from `--jobs`."""

from __future__ import annotations

import os

_limit: int | None = None


def limit_to(jobs: int | None) -> None:
    """Let at most `jobs` things run side by side; None lifts the limit. The command line calls this once."""
    global _limit
    if jobs is not None and jobs < 1:
        raise ValueError(f"{jobs} is not a number of jobs")
    _limit = jobs


def available() -> int:
    """How many threads or child processes may work at once: `--jobs` where it is given, else `installed()`."""
    return _limit if _limit is not None else installed()


def installed() -> int:
    """How many processors the operating system lets this process run on (containers and taskset allow fewer)."""
    return len(os.sched_getaffinity(0))
