"""The debug log of a run: every command and decision with its time, in the workspace and with --debug on stderr."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from altai_build import __version__
from altai_build.errors import escape_control_characters
from altai_build.tools import commands, process
from altai_build.workspace import RUN_LOG_PATTERN, Workspace

# when a log is opened, all but the newest so many are deleted
KEPT_LOGS = 20
# in the line that reports its end, a command has so many characters of its beginning and of its end
_COMMAND_ENDS = 36


class RunLog:
    """Records the events of a run, one per line, each with the seconds since the run started.

    Commands are quoted so that they can be pasted, without the passwords in their URLs; the environment is never
    recorded. Until a workspace is attached and exists, events are kept in memory. A workspace that cannot be written
    gets no log, and a log ends early on a full disk: neither fails the run. `echo` also writes the events to stderr.
    Methods may be called from any thread.
    """

    def __init__(self, argv: Sequence[str], *, echo: bool = False) -> None:
        self.path: Path | None = None
        self._echo = echo
        self._started = time.monotonic()
        self._workspace: Workspace | None = None
        self._descriptor: int | None = None
        self._pending: list[str] = []
        self._lock = threading.RLock()
        self.record(f"altai-build {__version__}, Python {sys.version.split()[0]}, process {os.getpid()}")
        self.record(f"{time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())}, in {os.getcwd()}")
        self.record(f"$ {commands.quote_command(('altai-build', *argv))}")
        process.on_command(self.record)
        process.on_command_end(self._record_end)

    def attach(self, workspace: Workspace) -> None:
        """Write the log to this workspace as soon as its folder exists."""
        self._workspace = workspace

    def record(self, text: str) -> None:
        """Record an event; the second and later lines of `text` are indented."""
        seconds = time.monotonic() - self._started
        first, *rest = escape_control_characters(text).splitlines() or [""]
        event = "".join((f"{seconds:9.3f}  {first}\n", *(f"{'':13}{line}\n" for line in rest)))
        with self._lock:
            if self._echo:
                sys.stderr.write(event)
            self._pending.append(event)
            if self._workspace is not None and (
                self._descriptor is not None or os.path.isdir(self._workspace.root)
            ):
                self._write_pending(self._workspace)

    def close(self, code: int, message: str = "") -> None:
        """Record the exit code, and the message of a run that failed."""
        self.record(f"exit code {code}" + (f": {message}" if message else ""))

    def _record_end(self, end: process.CommandEnd) -> None:
        command = end.command
        if len(command) > 2 * _COMMAND_ENDS:
            command = f"{command[:_COMMAND_ENDS]}…{command[-_COMMAND_ENDS:]}"
        self.record(f"{commands.describe_exit(end.returncode)} after {end.seconds:.3f} s: {command}")

    def _write_pending(self, workspace: Workspace) -> None:
        try:
            if self._descriptor is None:
                self._descriptor = self._open(workspace)
            os.write(self._descriptor, "".join(self._pending).encode("utf-8", "backslashreplace"))
        except OSError:
            self._workspace = None
        self._pending.clear()

    def _open(self, workspace: Workspace) -> int:
        name = f"run-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.log"
        workspace.logs.mkdir(mode=0o755, exist_ok=True)
        for old in sorted(workspace.logs.glob(RUN_LOG_PATTERN))[: -KEPT_LOGS + 1]:
            old.unlink(missing_ok=True)
        self.path = workspace.logs / name
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
