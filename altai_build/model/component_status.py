"""What became of a component: a module of its own, because commands that make nothing new need no more."""

from __future__ import annotations

from enum import Enum


class ComponentStatus(str, Enum):
    """What happened to a component in one step; the words of the command line's `status`."""

    BUILT = "built"
    REUSED = "reused"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    FAILED = "failed"
