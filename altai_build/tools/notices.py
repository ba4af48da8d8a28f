"""What tools have to say while they work: a cache that was damaged and is made again. Neither a result nor an error."""

from __future__ import annotations

from collections.abc import Callable

_listeners: list[Callable[[str], None]] = []


def on_notice(listener: Callable[[str], None]) -> None:
    """Call the listener with every notice, one sentence; from any thread."""
    _listeners.append(listener)


def notify(text: str) -> None:
    """Say something to the user."""
    for listener in _listeners:
        listener(text)
