"""The jobs whose files a run serves, and the attempts of workers to do them: what arrived, and whether it is all."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from altai_build.tools.dask.messages import FileReference

# A result cannot have such a name.
OUTCOME = ".outcome"
# Seconds after which an attempt that was silent is not waited for: its worker is gone.
_LOST = 10.0


@dataclass
class Attempt:
    """One try of a job on a worker; another one of the same job has other files."""

    worker: str
    folder: Path
    started: float  # by the monotonic clock
    arrived: dict[str, tuple[str, int]] = field(default_factory=dict)  # name → SHA-256 and size
    outcome: str = ""  # the digest of the last one, which is in `folder` as OUTCOME
    taken: int = 0  # bytes
    last_seen: float = field(default_factory=time.monotonic)
    is_told: bool = False  # that it is to stop


@dataclass
class ServedJob:
    """What the workers that have a job's token may ask for and send."""

    token: str
    # Digest → a function that finds the file, which may have to be fetched first.
    files: Mapping[str, Callable[[], Path]]
    incoming: Path  # the folder for what attempts send
    live_log: Path  # what the build of the newest attempt prints, while it runs
    most_bytes: int  # that one attempt may send
    keep_free: int = 0  # bytes: with less left on the disk, one that sent more than that may send nothing
    attempts: dict[str, Attempt] = field(default_factory=dict)
    is_over: bool = False  # ended or cancelled: who still works for it is told to stop
    is_read: bool = False  # a result is being read: no attempt adds to the log
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While the result of an attempt is moved to where the log is that others may still add to."""
        with self.lock:
            self.is_read = True
        try:
            yield
        finally:
            self.is_read = False

    def end(self) -> None:
        """Nothing is given or taken any more, and what was kept for it is forgotten."""
        with self.lock:
            self.is_over = True
            self.files = {}
            for attempt in self.attempts.values():
                attempt.arrived = {}

    def list_workers(self) -> list[str]:
        """Those that began it, in this order."""
        with self.lock:
            return [attempt.worker for attempt in self.attempts.values()]

    def count_bytes(self) -> int:
        """Of the files of all attempts, those included that are being sent."""
        with self.lock:
            return sum(attempt.taken for attempt in self.attempts.values())

    def is_stopping(self) -> bool:
        """Whether a worker that was heard of a moment ago builds it and does not know that it is over."""
        recently = time.monotonic() - _LOST
        with self.lock:
            return any(
                not attempt.is_told and not attempt.outcome and attempt.last_seen > recently
                for attempt in self.attempts.values()
            )


def make_token() -> str:
    """A word that cannot be guessed."""
    return secrets.token_urlsafe(24)


def check_arrived(attempt: Attempt, files: tuple[FileReference, ...]) -> list[str]:
    """What is wrong with the files of an attempt, compared with those that its outcome names."""
    named = {reference.name: (reference.sha256, reference.size) for reference in files}
    missing = sorted(name for name, content in named.items() if attempt.arrived.get(name) != content)
    other = sorted(attempt.arrived.keys() - named.keys())
    return [
        *(f"{name} has not arrived as announced" for name in missing),
        *(f"{name} was not announced" for name in other),
    ]
