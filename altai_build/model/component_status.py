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


def name_component(name: str, text: str) -> str:
    """What is said of a component, behind its name; a text that begins with the name stays as it is."""
    return text if text.startswith(f"{name}: ") else f"{name}: {text}"
