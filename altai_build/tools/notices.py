"""What tools have to say while they work: a cache that was damaged and is made again. Neither a result nor an error."""

from __future__ import annotations

from collections.abc import Callable

_listeners: list[Callable[[str], None]] = []
_information_listeners: list[Callable[[str], None]] = []


def on_notice(listener: Callable[[str], None], on_information: Callable[[str], None]) -> None:
    """Call the listeners with every notice, one sentence; from any thread."""
    _listeners.append(listener)
    _information_listeners.append(on_information)


def notify(text: str) -> None:
    """Say something to the user that is not as it should be."""
    for listener in _listeners:
        listener(text)


def inform(text: str) -> None:
    """Say something to the user that is as it should be, but takes time."""
    for listener in _information_listeners:
        listener(text)
