"""The end of a run that builds: what failed and why, counts, and what to type next."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from altai_build.cli.app import App
from altai_build.errors import quote_path
from altai_build.model.build import BuildResult
from altai_build.model.run_summary import describe_failures, describe_rest, list_failed
from altai_build.pipeline.run import Run


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


def count_free_lines(run: Run, rows: Sequence[BuildResult]) -> int | None:
    """The lines of a terminal that the end of a run leaves free; None where no line of a component was shown live."""
    if run.reporter.live is None:
        return None
    texts = (*describe_failures(rows, brief=True), *describe_rest(rows, 0.0))
    # The lines about what to type next, and the prompt of the shell.
    return shutil.get_terminal_size().lines - sum(len(text.splitlines()) for text in texts) - 3


def print_end(app: App, run: Run, rows: Sequence[BuildResult], seconds: float) -> None:
    """Print it on stderr; on a terminal no more than a screen has lines for."""
    if not rows:
        return
    failed = list_failed(rows)
    for text in describe_failures(rows, brief=run.reporter.live is not None):
        run.reporter.warn(text)
    for line in describe_rest(rows, seconds):
        run.reporter.info(line)
    logged = next((row for row in failed if row.log is not None), None)
    if logged is not None:
        run.reporter.info(f"next: `{format_command(app, 'log', logged.component)}` shows the log")
    if failed:
        run.reporter.info("next: fix it, commit, and rerun the command; finished builds are reused")
