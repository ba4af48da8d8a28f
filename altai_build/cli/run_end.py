"""The end of a run on one screen: what failed and why, where the logs are, counts, and what to type next."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from altai_build.errors import quote_path
from altai_build.model.build import FailureKind
from altai_build.model.run_summary import (
    Failure,
    describe_failures,
    describe_rest,
    list_failed,
    list_failures,
)

if TYPE_CHECKING:
    from altai_build.cli.app import App
    from altai_build.model.build import BuildResult
    from altai_build.pipeline.run import Run
    from altai_build.tools.progress import ProgressReporter

_Row = TypeVar("_Row")


def format_command(app: App, *words: str) -> str:
    """A command that does the same wherever this one was typed: with its -C, --config and --workspace."""
    options: list[str] = []
    if os.path.realpath(os.environ.get("PWD") or app.directory) != os.path.realpath(app.directory):
        options += ["-C", app.directory]
    if app.config_file is not None:
        options += ["--config", app.config_file]
    if app.workspace_dir is not None:
        options += ["--workspace", app.workspace_dir]
    return " ".join(map(quote_path, ("altai-build", *options, *words)))


def count_lines_left(reporter: ProgressReporter, texts: Sequence[str]) -> int | None:
    """The lines of a terminal that these texts leave free; None where no line of a component was shown live."""
    if reporter.live is None:
        return None
    # The lines about what to type next, and the prompt of the shell.
    return shutil.get_terminal_size().lines - sum(len(text.splitlines()) for text in texts) - 3


def count_free_lines(run: Run, rows: Sequence[BuildResult]) -> int | None:
    """The lines that the end of a run of builds leaves free, as `count_lines_left`."""
    texts = (*describe_failures(list_failures(rows), brief=True), *describe_rest(rows, 0.0))
    return count_lines_left(run.reporter, texts)


def choose_shown(rows: Sequence[_Row], is_wrong: Callable[[_Row], bool], most: int) -> list[_Row]:
    """The rows of a table of about `most` lines: all that went wrong, and the first others as far as there is room."""
    room = most - sum(is_wrong(row) for row in rows)
    shown = []
    for row in rows:
        if is_wrong(row):
            shown.append(row)
        elif room > 0:
            shown.append(row)
            room -= 1
    return shown


def print_failures(reporter: ProgressReporter, failures: Sequence[Failure]) -> None:
    """Print why what failed did, and the logs; on a terminal no more than a screen has lines for."""
    for text in describe_failures(failures, brief=reporter.live is not None):
        reporter.warn(text)


def print_fix(reporter: ProgressReporter, *, is_worktree: bool, kept: str, how: str = "") -> None:
    """Print how to go on after a failure; `kept` is what is not done again, `how` a hint to what fixes it."""
    commit = "" if is_worktree else ", commit,"
    reporter.info(f"next: fix it{f' ({how})' if how else ''}{commit} and rerun the command; {kept}")


def describe_fix(rows: Sequence[BuildResult]) -> str:
    """A hint to what fixes the failures, where all of them are of a kind for which the log says little."""
    if all(row.failure is FailureKind.DEPENDENCIES and row.log is None for row in list_failed(rows)):
        provider = "a component, or a repository in the mock configuration"
        return f"BuildRequires of the spec, or add what provides it: {provider}"
    return ""


def print_end(
    app: App, run: Run, rows: Sequence[BuildResult], seconds: float, *, is_worktree: bool = False
) -> None:
    """Print it on stderr; on a terminal no more than a screen has lines for."""
    if not rows:
        return
    print_failures(run.reporter, list_failures(rows))
    for line in describe_rest(rows, seconds):
        run.reporter.info(line)
    print_log_command(app, run.reporter, rows)
    if list_failed(rows):
        print_fix(
            run.reporter, is_worktree=is_worktree, kept="finished builds are reused", how=describe_fix(rows)
        )


def print_log_command(app: App, reporter: ProgressReporter, rows: Sequence[BuildResult]) -> None:
    """Print the command that shows the first log of a component that failed, where there is one."""
    logged = next((row for row in list_failed(rows) if row.log is not None), None)
    if logged is not None:
        reporter.info(f"next: `{format_command(app, 'log', logged.component)}` shows the log")
