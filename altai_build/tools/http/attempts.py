"""Attempts with pauses between them, at one server or at several that have the same files."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from altai_build.errors import InputError, UnreachableError
from altai_build.model.connection import USUAL_CONNECTION, ConnectionSettings
from altai_build.tools import process

T = TypeVar("T")

# At each server; as many as librepo makes.
MAX_ATTEMPTS = 4
# Seconds before the second attempt, doubled for each attempt that follows.
RETRY_DELAY = 0.5
_MAX_DELAY = 8.0


class WrongContentError(InputError):
    """What a server sent is not what it should be; another attempt may bring the right bytes."""


class NoServerWorked(Exception):
    """No attempt succeeded; `errors` has the last error of each server, in the order of the first attempts."""

    def __init__(self, errors: Mapping[str, InputError]) -> None:
        super().__init__()
        self.errors = errors


class Servers:
    """The URLs of servers that have the same files, the best first; one that fails is asked after the others.

    Threads may share it.
    """

    def __init__(self, urls: Iterable[str], connection: ConnectionSettings = USUAL_CONNECTION) -> None:
        self.connection = connection
        # In the order that was given, which sorting keeps for equal numbers.
        self._failures = dict.fromkeys(urls, 0)
        self._lock = threading.Lock()

    def list_best_first(self) -> list[str]:
        """The URLs; those that failed least come first."""
        with self._lock:
            return sorted(self._failures, key=self._failures.__getitem__)

    def try_each(self, action: Callable[[str], T], *, attempts: int = MAX_ATTEMPTS) -> T:
        """What `action` returns for the first URL that works.

        All are tried before one is tried again, with growing pauses, and `attempts` times in all where no server
        answers or the content is wrong. Any other InputError is final for its URL. Raises NoServerWorked.
        """
        errors: dict[str, InputError] = {}
        for number in range(attempts):
            left = [url for url in self.list_best_first() if url not in errors or _may_pass(errors[url])]
            if number and left:
                _pause(number)
            for url in left:
                try:
                    return action(url)
                except InputError as error:
                    errors[url] = error
                    with self._lock:
                        self._failures[url] += 1
        raise NoServerWorked(errors)


def _pause(number: int) -> None:
    """Wait before another attempt; a run that is interrupted meanwhile makes none."""
    # Not all clients of a server that failed shall come back at the same time.
    part = 0.5 + random.random() / 2  # noqa: S311 - no secret
    process.end_stopped_thread(wait=min(_MAX_DELAY, RETRY_DELAY * 2**number) * part)


def _may_pass(error: InputError) -> bool:
    return isinstance(error, (UnreachableError, WrongContentError))
