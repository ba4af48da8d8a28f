"""Progress output on stderr: live on a terminal, plain lines otherwise."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
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
    "fetched": "green",
    "skipped": "dim",
    "blocked": "yellow",
    "failed": "bold red",
    "warning": "yellow",
}


# Items that are done, and those that run with the seconds since each began → how long the rest takes.
TimeLeft = Callable[[Collection[str], Mapping[str, float]], str]

# Of more items than this a brief reporter prints lines only for those that went wrong.
_MOST_LINES = 12
_BAD_STATUSES = ("failed", "blocked", "not run")

# Seconds between two lines that say how long the rest takes, where nothing is animated.
_LINE_INTERVAL = 60.0


def _may_animate() -> bool:
    """True on a terminal that a person looks at: not into a pipe or file, whatever colors are asked for, nor in CI."""
    is_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    return sys.stderr.isatty() and not is_ci and os.environ.get("TERM") != "dumb"


def _open_console() -> Console | None:
    """The console of a terminal; None for other output, which does not need rich (importing it takes 20 ms)."""
    if not sys.stderr.isatty() and "FORCE_COLOR" not in os.environ:
        return None
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


class ProgressReporter:
    """The progress output of a run; `quiet` prints only warnings. `log` gets every line, quiet or not."""

    def __init__(self, *, quiet: bool = False, log: Callable[[str], None] | None = None) -> None:
        self.quiet = quiet
        # Lines begin with the time of day: for logs in which nothing else tells it.
        self.timestamps = False
        # A run without failures prints about as much for many items as for few.
        self.brief = False
        self.log = log or (lambda text: None)
        self.console = _open_console()

    def print_line(self, *pieces: tuple[str, str]) -> None:
        """Print a line of texts with their styles, quiet or not; control characters and markup are printed as text."""
        now = [(time.strftime("%H:%M:%S "), "dim")] if self.timestamps else []
        line = [*now, *((escape_control_characters(text), style) for text, style in pieces)]
        if self.console is None:
            sys.stderr.write("".join(text for text, _ in line) + "\n")
            return
        from rich.text import Text

        self.console.print(Text.assemble(*line))

    def info(self, text: str) -> None:
        """Print a line of progress."""
        self.log(text)
        if not self.quiet:
            self.print_line((text, ""))

    def warn(self, text: str) -> None:
        """Print a warning, quiet or not."""
        self.log(f"warning: {text}")
        self.print_line(("warning:", "yellow"), (f" {text}", ""))

    @contextmanager
    def run_step(self, title: str) -> Iterator[None]:
        """A step of the run; prints its title, and its time in seconds at the end."""
        started = time.monotonic()
        self.info(f"{title} …")
        yield
        self.info(f"{title}: done in {time.monotonic() - started:.1f} s")

    def track(
        self, title: str, total: int, *, counted: str = "", left: TimeLeft | None = None
    ) -> TaskProgress:
        """The progress of items that are processed in parallel; use it as a context manager.

        Items that end with the status `counted` are only counted, for long lists in which little is new. `left`
        describes how long the rest takes.
        """
        return TaskProgress(self, title, total, counted, left or (lambda done, running: ""))


class TaskProgress:
    """Items in progress: on a terminal a bar with those that are running; one line for each finished item."""

    def __init__(
        self, reporter: ProgressReporter, title: str, total: int, counted: str, left: TimeLeft
    ) -> None:
        self._reporter = reporter
        self._title = title
        self._total = total
        self._counted = counted
        self._is_brief = reporter.brief and total > _MOST_LINES
        self._interval = _LINE_INTERVAL
        self._counts: dict[str, int] = {}
        self._left = left
        self._running: dict[str, float] = {}
        self._done: set[str] = set()
        # What the display reads, in a thread that must not wait for the lock.
        self._snapshot: tuple[frozenset[str], dict[str, float]] = (frozenset(), {})
        self._told = time.monotonic()
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        if reporter.console is not None and _may_animate() and not reporter.quiet:
            self._bar = _make_progress_bar(reporter.console, self.describe_time_left)

    def __enter__(self) -> TaskProgress:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=self._total, running="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._counts:
            counts = ", ".join(f"{count} {status}" for status, count in self._counts.items())
            self._reporter.info(f"{self._title}: {counts}")

    def start(self, item: str) -> None:
        """Record that the work on an item starts."""
        with self._lock:
            self._running[item] = time.monotonic()
            self._refresh()

    def finish(self, item: str, status: str, detail: str = "") -> None:
        """Print that an item is finished; `status` is a status of the results.

        An item may finish twice: a later check can refuse what was made or downloaded before.
        """
        with self._lock:
            started = self._running.pop(item, None)
            seconds = f" {time.monotonic() - started:5.1f} s" if started is not None else "        "
            self._reporter.log(f"{status} {item}{seconds.rstrip()}" + (f": {detail}" if detail else ""))
            if status == self._counted or (self._is_brief and status not in _BAD_STATUSES):
                self._counts[status] = self._counts.get(status, 0) + 1
            elif not self._reporter.quiet:
                mark = (f"  {status:<8}", _STATUS_STYLES.get(status, ""))
                self._reporter.print_line(
                    mark, (f"{seconds}  {item}", ""), (f"  {detail}" if detail else "", "")
                )
            if self._bar is not None and item not in self._done:
                self._bar.advance(self._task)
            self._done.add(item)
            self._refresh()
            if self._bar is None and time.monotonic() - self._told >= self._interval:
                self._told = time.monotonic()
                if self._is_brief:
                    self._interval *= 2
                if left := self.describe_time_left():
                    self._reporter.info(f"{self._title}: {len(self._done)} of {self._total}, {left}")

    def describe_time_left(self) -> str:
        """How long the rest takes, "" where that is not known."""
        done, running = self._snapshot
        now = time.monotonic()
        return self._left(done, {item: now - started for item, started in running.items()})

    def _refresh(self) -> None:
        self._snapshot = (frozenset(self._done), dict(self._running))
        if self._bar is not None:
            self._bar.update(self._task, running=escape_control_characters(", ".join(sorted(self._running))))


def _make_progress_bar(console: Console, describe_time_left: Callable[[], str]) -> Progress:
    """A bar with a count, the time, how long the rest takes, and the running items."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.text import Text

    class TimeLeftColumn(ProgressColumn):
        max_refresh = 1.0

        def render(self, _task: Task) -> Text:
            return Text(describe_time_left())

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeLeftColumn(),
        TextColumn("{task.fields[running]}", style="dim", markup=False),
        console=console,
        transient=True,
    )
