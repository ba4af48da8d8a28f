"""What one build may use of the machine, so that one that does not end or does not mean well takes nothing down."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of a build, wide enough for the largest known packages; None: as much as it likes."""

    seconds: float | None = 24 * 3600.0  # what Fedora's build system allows
    processes: int | None = 8192  # and threads, of all builds at once: the kernel counts them by user
    memory: int | None = None  # bytes of data of one process; sanitizers reserve more than any machine has
    file: int | None = 32 << 30  # bytes of one file
    log: int | None = 1 << 30  # bytes of what it prints
    free: int | None = (
        2 << 30
    )  # bytes: with less left on the disk, a build that holds more than that is stopped
