"""The story told on standard error: live on a terminal, plain lines in a log."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from altai_build.errors import escape_control_characters

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_STATUS_STYLES = {
    "built": "green",
    "reused": "cyan",
    "skipped": "dim",
    "blocked": "yellow",
    "failed": "bold red",
    "ok": "green",
    "warning": "yellow",
}


def _open_console() -> Console | None:
    """The console for a terminal; None for a log, which has no use for it: loading rich takes 20 ms."""
    if not sys.stderr.isatty() and "FORCE_COLOR" not in os.environ:
        return None
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


class ProgressReporter:
    """Everything a run says while it works; `quiet` keeps only warnings. `log` gets everything, quiet or not."""

    def __init__(self, *, quiet: bool = False, log: Callable[[str], None] | None = None) -> None:
        self.quiet = quiet
        self.log = log or (lambda text: None)
        self.console = _open_console()

    def print_line(self, *pieces: tuple[str, str]) -> None:
        """A line of pieces, each with its style, quiet or not; text means nothing to the terminal but itself."""
        line = [(escape_control_characters(text), style) for text, style in pieces]
        if self.console is None:
            sys.stderr.write("".join(text for text, _ in line) + "\n")
            return
        from rich.text import Text

        self.console.print(Text.assemble(*line))

    def info(self, text: str) -> None:
        """One line of the story."""
        self.log(text)
        if not self.quiet:
            self.print_line((text, ""))

    def warn(self, text: str) -> None:
        """A line that is not to be missed, quiet or not."""
        self.log(f"warning: {text}")
        self.print_line(("warning:", "yellow"), (f" {text}", ""))

    @contextmanager
    def run_step(self, title: str) -> Iterator[None]:
        """A stretch of work with its time in seconds told at the end."""
        started = time.monotonic()
        self.info(f"{title} …")
        yield
        self.info(f"{title}: done in {time.monotonic() - started:.1f} s")

    def track(self, title: str, total: int, *, counted: str = "") -> TaskProgress:
        """A table of items worked on side by side; use as a context manager.

        Items that end with the status `counted` are only counted: for long lists in which little is new.
        """
        return TaskProgress(self, title, total, counted)


class TaskProgress:
    """Items under way: a bar with what is running on a terminal, one line per finished item everywhere."""

    def __init__(self, story: ProgressReporter, title: str, total: int, counted: str) -> None:
        self._story = story
        self._title = title
        self._total = total
        self._counted = counted
        self._count = 0
        self._running: dict[str, float] = {}
        self._lock = threading.Lock()
        self._make_progress_bar: Progress | None = None
        if story.console is not None and story.console.is_terminal and not story.quiet:
            self._make_progress_bar = _make_progress_bar(story.console)

    def __enter__(self) -> TaskProgress:
        if self._make_progress_bar is not None:
            self._make_progress_bar.start()
            self._task = self._make_progress_bar.add_task(self._title, total=self._total, running="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._make_progress_bar is not None:
            self._make_progress_bar.stop()
        if self._count:
            self._story.info(f"{self._title}: {self._count} {self._counted}")

    def start(self, item: str) -> None:
        """An item is being worked on now."""
        with self._lock:
            self._running[item] = time.monotonic()
            self._refresh()

    def finish(self, item: str, status: str, detail: str = "") -> None:
        """An item is finished; `status` is one of the answer's words."""
        with self._lock:
            started = self._running.pop(item, None)
            seconds = f" {time.monotonic() - started:5.1f} s" if started is not None else "        "
            self._story.log(f"{status} {item}{seconds.rstrip()}" + (f": {detail}" if detail else ""))
            if status == self._counted:
                self._count += 1
            elif not self._story.quiet:
                mark = (f"  {status:<8}", _STATUS_STYLES.get(status, ""))
                self._story.print_line(
                    mark, (f"{seconds}  {item}", ""), (f"  {detail}" if detail else "", "")
                )
            if self._make_progress_bar is not None:
                self._make_progress_bar.advance(self._task)
            self._refresh()

    def _refresh(self) -> None:
        if self._make_progress_bar is not None:
            self._make_progress_bar.update(
                self._task, running=escape_control_characters(", ".join(sorted(self._running)))
            )


def _make_progress_bar(console: Console) -> Progress:
    """A bar with a count, the time, and what is running."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[running]}", style="dim", markup=False),
        console=console,
        transient=True,
    )
