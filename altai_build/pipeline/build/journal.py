"""What a run that builds does now, for other processes: which components it builds, and where their logs are.

Lines of JSON in a temporary folder of the workspace that the run keeps locked: so a killed run leaves nothing that
could be taken for a run, and the next one removes it. A run continues without it where it cannot be written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from altai_build.model.build import BuildResult
from altai_build.regular_files import read_regular_file
from altai_build.tools.files import scratch_directory
from altai_build.tools.leftovers import list_abandoned
from altai_build.workspace import Workspace

_PREFIX = "run"
_FILE = "journal"
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class RunState:
    """What a run said until now. Names are those of components."""

    planned: Collection[str]
    logs: Mapping[str, Path]  # component → the log of what it does now, or did last
    ended: Mapping[str, EndedBuild]


@dataclass(frozen=True)
class EndedBuild:
    """What became of a component in a run that goes on with others."""

    status: str
    reason: str
    log: Path | None


class RunJournal:
    """Writes what a run does; a journal without a descriptor writes nothing."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor

    def start(self, component: str, log: Path) -> None:
        """A job of a component's build starts, which writes this log."""
        self.write({"component": component, "log": str(log)})

    def end(self, result: BuildResult) -> None:
        """A component's build has ended."""
        event = {"component": result.component, "status": result.status.value, "reason": result.reason}
        self.write({**event, "log": str(result.log) if result.log is not None else None})

    def write(self, event: Mapping[str, object]) -> None:
        """Write an event."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, json.dumps(event).encode() + b"\n")
        except OSError:
            self._descriptor = None


@contextmanager
def open_journal(workspace: Workspace, components: Collection[str]) -> Iterator[RunJournal]:
    """The journal of a run that builds these; the caller holds the workspace."""
    with scratch_directory(workspace.scratch, _PREFIX) as folder:
        # Those who look may be other users.
        folder.chmod(0o755)
        path = folder / _FILE
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            journal = RunJournal(descriptor)
            journal.write({"planned": list(components)})
            yield journal
        finally:
            os.close(descriptor)


def read_running(workspace: Workspace) -> RunState | None:
    """What the run that builds in this workspace said; None when none does."""
    pattern = f"{_PREFIX}.*"
    abandoned = set(list_abandoned(workspace.scratch, pattern))
    for folder in sorted(workspace.scratch.glob(pattern)):
        if folder in abandoned:
            continue
        try:
            text = read_regular_file(folder / _FILE, limit=_MOST_BYTES)
        except OSError:
            # It has ended meanwhile.
            continue
        return _parse(text)
    return None


def _parse(text: bytes) -> RunState:
    planned: list[str] = []
    logs: dict[str, Path] = {}
    ended: dict[str, EndedBuild] = {}
    # After the last line break there is half a line, or nothing.
    for line in text.split(b"\n")[:-1]:
        event: dict[str, Any] = json.loads(line)
        if "planned" in event:
            planned = event["planned"]
        elif "status" in event:
            log = Path(event["log"]) if event["log"] is not None else None
            ended[event["component"]] = EndedBuild(event["status"], event["reason"], log)
        else:
            logs[event["component"]] = Path(event["log"])
            ended.pop(event["component"], None)
    return RunState(planned=planned, logs=logs, ended=ended)
