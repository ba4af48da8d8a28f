"""Where the log of a component's build is: of one that runs, of the last one in the workspace, or why there is none."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from altai_build.errors import InputError, quote_path
from altai_build.ledger import ComponentOutcome, read_outcomes
from altai_build.model.build import BUILD_LOG
from altai_build.model.component_status import ComponentStatus
from altai_build.model.suggestion import suggest
from altai_build.pipeline.build.journal import RunState, read_running
from altai_build.regular_files import open_regular_file
from altai_build.tools.buildlog.display import LogCleaner, read_clean
from altai_build.workspace import Workspace

RUNNING = "running"
# The reason of a component that is blocked by another.
_BLOCKED = re.compile(r"needs (.+), which failed$")
_POLL_SECONDS = 0.2
_CHUNK = 1 << 16


@dataclass(frozen=True)
class WorkspaceLog:
    """The log of a component's build in the workspace."""

    component: str
    status: str  # of the last run, or RUNNING
    reason: str
    path: Path


def find_log(workspace: Workspace, component: str) -> WorkspaceLog:
    """The log of the build that runs, else of the last one. Raises InputError with the reason why there is none."""
    running = read_running(workspace)
    if running is not None and component in running.logs:
        end = running.ended.get(component)
        if end is None:
            return WorkspaceLog(component, RUNNING, "", running.logs[component])
        if end.log is not None:
            return WorkspaceLog(component, end.status, end.reason, end.log)
    outcome = read_outcomes(workspace.outcomes).get(component)
    if outcome is None:
        is_planned = running is not None and component in running.planned
        raise _unknown_component_error(workspace, component, is_planned=is_planned)
    path = _locate(workspace, outcome)
    if path is None or not path.is_file():
        raise _no_log_error(outcome, path)
    return WorkspaceLog(component, outcome.status, outcome.reason, path)


def _locate(workspace: Workspace, outcome: ComponentOutcome) -> Path | None:
    """Where the log of an outcome was kept; None where no build of its own has one."""
    if outcome.log:
        return workspace.root / outcome.log
    if outcome.status in (ComponentStatus.BUILT.value, ComponentStatus.REUSED.value) and outcome.key:
        return workspace.builds / outcome.key / BUILD_LOG
    return None


def _unknown_component_error(workspace: Workspace, component: str, *, is_planned: bool) -> InputError:
    if is_planned:
        return InputError(
            f"the build of {component} has not begun",
            why="a run is at work in this workspace and builds other components first",
            todo="wait for it with --follow",
        )
    known = read_outcomes(workspace.outcomes)
    if not known:
        return InputError(
            f"there is no log of {component}: nothing was built in the workspace {workspace.root}",
            todo=f"build it with `altai-build build {quote_path(component)}`, or name a release: `altai-build log "
            f"{quote_path(component)} VERSION`",
        )
    return InputError(
        f"there is no log of {component}: it was not built in the workspace {workspace.root}",
        why=suggest(component, known),
        todo="`altai-build plan` lists the components; a component without a source package has no build log, and "
        "`altai-build srpm` says what is wrong with it",
    )


def _no_log_error(outcome: ComponentOutcome, path: Path | None) -> InputError:
    name = quote_path(outcome.component)
    if path is not None:
        return InputError(
            f"the log of {outcome.component} was removed",
            why=f"{path} does not exist; the last run ended with: {outcome.status}: {outcome.reason}",
            todo=f"build it again with `altai-build build {name}`, or name a release that has it: "
            f"`altai-build log {name} latest`",
        )
    todo = "the reason says everything that is known"
    if blocker := _BLOCKED.match(outcome.reason):
        todo = f"see the log of what it needs: `altai-build log {quote_path(blocker[1])}`"
    elif outcome.status == ComponentStatus.REUSED.value:
        todo = f"see the log in that release: `altai-build log {name} VERSION`"
    return InputError(
        f"the last run did not build {outcome.component}, so that there is no log",
        why=f"{outcome.status}: {outcome.reason}",
        todo=todo,
    )


def follow_log(
    workspace: Workspace, component: str, *, is_wanted: Callable[[], bool] = lambda: True
) -> Iterator[str]:
    """The log of a component's build while it grows, until the build has ended: all its jobs, one after another.

    A build that has not begun is waited for, as long as the run that plans it is at work; after a build that was over
    already nothing comes. `is_wanted` is asked several times a second whether to go on.
    """
    stream: BinaryIO | None = None
    opened: Path | None = None
    has_run = False
    before = read_outcomes(workspace.outcomes).get(component)
    state: RunState | None = None
    cleaner = LogCleaner()
    try:
        while is_wanted():
            state = read_running(workspace)
            has_run = has_run or (state is not None and component in state.logs)
            log = state.logs.get(component) if state is not None else None
            if stream is None or log != opened:
                if stream is not None:
                    yield _drain(stream, cleaner) + cleaner.finish()
                    stream.close()
                stream, opened = _try_to_open(log), log
            if stream is not None:
                yield _drain(stream, cleaner)
            if state is None or component in state.ended or component not in state.planned:
                break
            time.sleep(_POLL_SECONDS)
        if stream is not None:
            # What was written between the last look and the end; the file may have another name now.
            yield _drain(stream, cleaner) + cleaner.finish()
        is_known = state is not None or read_outcomes(workspace.outcomes).get(component) != before
        # A run that was killed said nothing about the build.
        if has_run and is_known:
            yield from _read_missed(workspace, component, stream)
    finally:
        if stream is not None:
            stream.close()


def _read_missed(workspace: Workspace, component: str, seen: BinaryIO | None) -> Iterator[str]:
    """The log of a last job that began and ended between two looks."""
    try:
        found = find_log(workspace, component)
        with open_regular_file(found.path) as stream:
            if seen is None or not os.path.samestat(os.fstat(stream.fileno()), os.fstat(seen.fileno())):
                yield from read_clean(stream)
    except (InputError, OSError):
        # There is none: what there was is printed.
        return


def _try_to_open(log: Path | None) -> BinaryIO | None:
    try:
        return open_regular_file(log) if log is not None else None
    except OSError:
        # Not yet, or no longer.
        return None


def _drain(stream: BinaryIO, cleaner: LogCleaner) -> str:
    """What a log gained. A look at a quick build must end too, so that it is bounded."""
    gained = os.fstat(stream.fileno()).st_size - stream.tell()
    texts = []
    while gained > 0 and (data := stream.read(min(_CHUNK, gained))):
        gained -= len(data)
        texts.append(cleaner.feed(data))
    return "".join(texts)
