"""Transfers that are too slow are broken off: a server that sends a byte now and then would hold a run for ever."""

from __future__ import annotations

import socket
import threading
from collections import deque
from contextlib import suppress
from types import TracebackType

from altai_build.tools import process

# Bytes a second, and for how many seconds a transfer may stay below it: dnf's `minrate` and `timeout`. The time until
# the first byte counts, so the headers of an answer must arrive within it.
LEAST_RATE = 1000
WINDOW = 30.0
# Whoever sends only a little more than that all the time could hold a run for days: after these seconds a transfer must
# have been so many times as fast on average. So it lasts at most PATIENCE, and what its bytes take at that rate.
PATIENCE = 600.0
_AVERAGE = 10
# How many times within the window the rate is looked at.
_LOOKS = 30


class LeastRate:
    """Watches the connections of one transfer, and breaks them off when it is too slow or the run is stopped.

    Whoever reads from a broken connection finds its end, or gets an error; `reason` then says why, and is "" for
    connections that end by themselves.
    """

    def __init__(self, rate: int | None = None, window: int | None = None) -> None:
        """`rate` is in bytes a second, 0 for none; `window` in seconds."""
        self.reason = ""
        self._rate = LEAST_RATE if rate is None else rate
        self._window = WINDOW if window is None else window
        self._received = 0
        self._connections: list[socket.socket] = []
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="least-rate", daemon=True)

    def __enter__(self) -> LeastRate:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        for connection in self._connections:
            connection.close()

    def add(self, connection: socket.socket) -> None:
        """Watch a connection too. It may be closed, or wrapped for TLS, by whoever opened it."""
        with self._lock:
            self._connections.append(connection.dup())
            if self.reason:
                self._break_connections()

    def count(self, size: int) -> None:
        """Count bytes that have arrived."""
        self._received += size

    def end(self) -> None:
        """All has arrived: what follows may take its time."""
        self._done.set()

    def _watch(self) -> None:
        counts = deque([0], maxlen=_LOOKS)
        average = _AVERAGE * self._rate
        # Not by the clock: a machine that is suspended is no slow server.
        watched = 0.0
        while not self._done.wait(pause := self._window / _LOOKS):
            received = self._received
            watched += pause
            try:
                process.end_stopped_thread()
            except KeyboardInterrupt:
                self._stop("the run was interrupted")
                return
            if len(counts) == _LOOKS and received - counts[0] < self._rate * self._window:
                self._stop(
                    f"the server sent less than {self._rate} bytes a second for {self._window:g} seconds"
                )
                return
            if received < average * (watched - PATIENCE):
                self._stop(
                    f"the server sent less than {average} bytes a second on average, after {watched:g} seconds"
                )
                return
            counts.append(received)

    def _stop(self, reason: str) -> None:
        with self._lock:
            self.reason = reason
            self._break_connections()

    def _break_connections(self) -> None:
        for connection in self._connections:
            # It may have ended meanwhile.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
