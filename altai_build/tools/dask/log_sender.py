"""Sends what a build prints to its run while it works, and learns so whether the run still wants it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from altai_build.errors import AltaiError, UnreachableError
from altai_build.model.build import BUILD_LOG
from altai_build.regular_files import open_regular_file
from altai_build.tools.dask.file_client import JobIsOver

PERIOD = 0.5  # seconds
# Seconds without the run before a build ends: a network that is cut for a shorter time ends none.
PATIENCE = 60.0
_PIECE = 1 << 20  # bytes


class LogSender:
    """Works in a thread of its own inside its block; `on_end` is called when the run is over or gone."""

    def __init__(self, folder: Path, send: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._log = folder / BUILD_LOG
        self._send = send
        self._on_end = on_end
        self._position = 0
        self._stop = threading.Event()
        self._error: JobIsOver | AltaiError | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> LogSender:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def raise_if_ended(self) -> None:
        """Raise what ended the build before its time: JobIsOver, UnreachableError, or another error of the run's."""
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        last_success = time.monotonic()
        while not self._stop.wait(PERIOD):
            try:
                piece = self._read()
                self._send(piece)
                self._position += len(piece)
                last_success = time.monotonic()
            except UnreachableError as error:
                if time.monotonic() - last_success < PATIENCE:
                    continue
                self._error = error
            except (JobIsOver, AltaiError) as error:
                self._error = error
            if self._error is not None:
                self._on_end()
                return

    def _read(self) -> bytes:
        """What the log has since it was last read; nothing while there is none."""
        try:
            with open_regular_file(self._log) as stream:
                stream.seek(self._position)
                return stream.read(_PIECE)
        except OSError:
            return b""
