"""What one build may use of the machine, so that an endless or hostile one does no harm."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of a build, enough for the largest known packages; None: no limit."""

    # As in Fedora's build system.
    seconds: float | None = 24 * 3600.0
    # And threads.
    processes: int | None = 8192
    # Bytes of data of one process; without a default, because sanitizers reserve more than any machine has.
    memory: int | None = None
    # Bytes of one file.
    file: int | None = 32 << 30
    # Bytes of what a build prints.
    log: int | None = 1 << 30
    # Bytes: with less left on the disk, a build that uses more than that is stopped.
    free: int | None = 2 << 30
