"""Progress output on stderr: live on a terminal, plain lines otherwise."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from altai_build.errors import escape_control_characters

if TYPE_CHECKING:
    from rich.console import Console

    from altai_build.model.task_view import Line, TaskForecast
    from altai_build.tools.live import LiveDisplay

_STATUS_STYLES = {
    "built": "green",
    "reused": "cyan",
    "fetched": "green",
    "skipped": "dim",
    "blocked": "yellow",
    "failed": "bold red",
    "warning": "yellow",
}

# Of more items than this a brief reporter prints lines only for those that went wrong.
_MOST_LINES = 12
_BAD_STATUSES = ("failed", "blocked", "not run")

# Seconds between two lines that say how long the rest takes, where nothing is animated.
_LINE_INTERVAL = 60.0


def may_animate() -> bool:
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
    """The progress output of a run; `quiet` prints only warnings. `log` gets every line, quiet or not.

    Nothing is animated where `animate` is off: other output, as that of commands, goes to the same terminal.
    """

    def __init__(
        self, *, quiet: bool = False, animate: bool = True, log: Callable[[str], None] | None = None
    ) -> None:
        self.quiet = quiet
        # Lines begin with the time of day: for logs in which nothing else tells it.
        self.timestamps = False
        # A run without failures prints about as much for many items as for few.
        self.brief = False
        self.log = log or (lambda text: None)
        self.console = _open_console()
        self.live: LiveDisplay | None = None
        if animate and not quiet and self.console is not None and may_animate():
            from altai_build.tools.live import LiveDisplay

            self.live = LiveDisplay(self.console)

    def print_line(self, *pieces: tuple[str, str], one_row: bool = False) -> None:
        """Print a line of texts with their styles, quiet or not; control characters and markup are printed as text.

        With `one_row` a live display cuts it at the width of the terminal.
        """
        now = [(time.strftime("%H:%M:%S "), "dim")] if self.timestamps else []
        line = (*now, *pieces)
        if self.console is None:
            sys.stderr.write("".join(escape_control_characters(text) for text, _ in line) + "\n")
            return
        from altai_build.tools.live import assemble

        text = assemble(line, keep="\n\t")
        if self.live is not None:
            self.live.print_above(text, one_row=one_row)
        else:
            self.console.print(text)

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
        if self.live is None or self.quiet:
            self.info(f"{title} …")
            yield
        else:
            self.log(f"{title} …")
            with self.live.show(_make_step_lines(title, started)):
                yield
        self.info(f"{title}: done in {time.monotonic() - started:.1f} s")

    def track(
        self, title: str, total: int, *, counted: str = "", forecast: TaskForecast | None = None
    ) -> TaskProgress:
        """The progress of items that are processed in parallel; use it as a context manager.

        Items that end with the status `counted` are only counted, for long lists in which little is new. `forecast`
        says what is known of them before.
        """
        return TaskProgress(self, title, total, counted, forecast)


def _make_step_lines(title: str, started: float) -> Callable[[int, int], list[Line]]:
    from altai_build.model.task_view import format_elapsed

    return lambda width, height: [((title, "bold"), (f"  {format_elapsed(time.monotonic() - started)}", ""))]


class SilentReporter(ProgressReporter):
    """Prints nothing; `warn` is called with each warning."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        super().__init__(quiet=True, animate=False)
        self._warn = warn

    def print_line(self, *pieces: tuple[str, str], one_row: bool = False) -> None:
        """Nothing."""

    def warn(self, text: str) -> None:
        """Hand the warning over."""
        self._warn(text)


class TaskProgress:
    """Items in progress: on a terminal those that run and wait; one line for each finished item."""

    def __init__(
        self,
        reporter: ProgressReporter,
        title: str,
        total: int,
        counted: str,
        forecast: TaskForecast | None,
    ) -> None:
        self._reporter = reporter
        self._title = title
        self._total = total
        self._counted = counted
        self._is_brief = reporter.brief and total > _MOST_LINES
        self._interval = _LINE_INTERVAL
        self._counts: dict[str, int] = {}
        # Most commands track nothing.
        from altai_build.model.task_view import TaskView

        self._view = TaskView(title, total, time.monotonic(), forecast)
        # Running item → what reads its phase.
        self._phases: dict[str, Callable[[], str]] = {}
        self._told = time.monotonic()
        self._last_lines: list[Line] = []
        self._lock = threading.Lock()
        self._stack = ExitStack()

    def __enter__(self) -> TaskProgress:
        if self._reporter.live is not None and not self._reporter.quiet:
            self._stack.enter_context(self._reporter.live.show(self._describe))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        if self._counts:
            counts = ", ".join(f"{count} {status}" for status, count in self._counts.items())
            self._reporter.info(f"{self._title}: {counts}")

    def start(self, item: str) -> None:
        """Record that the work on an item starts."""
        with self._lock:
            self._view.start(item, time.monotonic())

    def set_phase(self, item: str, read_phase: Callable[[], str]) -> None:
        """Say what is being done with a running item: `read_phase` is asked again and again until the next call."""
        with self._lock:
            self._phases[item] = read_phase

    def finish(self, item: str, status: str, detail: str = "") -> None:
        """Print that an item is finished; `status` is a status of the results.

        An item may finish twice: a later check can refuse what was made or downloaded before.
        """
        with self._lock:
            self._phases.pop(item, None)
            elapsed = self._view.finish(item, status, time.monotonic())
            is_bad = status in _BAD_STATUSES
            seconds = f" {elapsed:5.1f} s" if elapsed is not None else "        "
            self._reporter.log(f"{status} {item}{seconds.rstrip()}" + (f": {detail}" if detail else ""))
            if status == self._counted or (self._is_brief and not is_bad):
                self._counts[status] = self._counts.get(status, 0) + 1
            elif not self._reporter.quiet:
                mark = (f"  {status:<8}", _STATUS_STYLES.get(status, ""))
                self._reporter.print_line(
                    mark,
                    (f"{seconds}  {item}", ""),
                    (f"  {detail}" if detail else "", ""),
                    one_row=not is_bad,
                )
            is_due = time.monotonic() - self._told >= self._interval
            if self._reporter.live is None and is_due:
                self._print_where_it_stands()

    def _print_where_it_stands(self) -> None:
        self._told = now = time.monotonic()
        if self._is_brief:
            self._interval *= 2
        self._read_phases()
        if left := self._view.describe_left(now):
            running = self._view.describe_running(now)
            self._reporter.info(
                f"{self._title}: {len(self._view.done)} of {self._total}, {left}"
                + (f"; running: {running}" if running else "")
            )

    def _read_phases(self) -> None:
        for item, read_phase in self._phases.items():
            self._view.set_phase(item, read_phase())

    def _describe(self, width: int, height: int) -> list[Line]:
        """What the display shows. Its thread must not wait for one that prints a line above it."""
        if not self._lock.acquire(blocking=False):
            return self._last_lines
        try:
            self._read_phases()
            self._last_lines = self._view.list_lines(time.monotonic(), width, height)
            return self._last_lines
        finally:
            self._lock.release()
