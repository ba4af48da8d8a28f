"""The story told on standard error: live on a terminal, plain lines in a log."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from altai_build.errors import shown

_STYLES = {
    "built": "green",
    "reused": "cyan",
    "skipped": "dim",
    "blocked": "yellow",
    "failed": "bold red",
    "ok": "green",
    "warning": "yellow",
}


def _plain(text: str) -> str:
    """Text that means nothing to the console but itself."""
    return escape(shown(text))


class Story:
    """Everything a run says while it works; `quiet` keeps only warnings."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

    def tell(self, text: str) -> None:
        """One line of the story."""
        if not self.quiet:
            self.console.print(_plain(text))

    def warn(self, text: str) -> None:
        """A line that is not to be missed, quiet or not."""
        self.console.print(f"[yellow]warning:[/] {_plain(text)}")

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A stretch of work with its time in seconds told at the end."""
        started = time.monotonic()
        self.tell(f"{title} …")
        yield
        self.tell(f"{title}: done in {time.monotonic() - started:.1f} s")

    def work(self, title: str, total: int, *, counted: str = "") -> Work:
        """A table of items worked on side by side; use as a context manager.

        Items that end with the status `counted` are only counted: for long lists in which little is new.
        """
        return Work(self, title, total, counted)


class Work:
    """Items under way: a bar with what is running on a terminal, one line per finished item everywhere."""

    def __init__(self, story: Story, title: str, total: int, counted: str) -> None:
        self._story = story
        self._title = title
        self._total = total
        self._counted = counted
        self._count = 0
        self._running: dict[str, float] = {}
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        if story.console.is_terminal and not story.quiet:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("[bold]{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("[dim]{task.fields[running]}"),
                console=story.console,
                transient=True,
            )

    def __enter__(self) -> Work:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=self._total, running="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._count:
            self._story.tell(f"{self._title}: {self._count} {self._counted}")

    def start(self, item: str) -> None:
        """An item is being worked on now."""
        with self._lock:
            self._running[item] = time.monotonic()
            self._refresh()

    def done(self, item: str, status: str, detail: str = "") -> None:
        """An item is finished; `status` is one of the answer's words."""
        with self._lock:
            started = self._running.pop(item, None)
            seconds = f" {time.monotonic() - started:5.1f} s" if started is not None else "        "
            style = _STYLES.get(status, "")
            mark = f"[{style}]{status:<8}[/]" if style else f"{status:<8}"
            if status == self._counted:
                self._count += 1
            elif not self._story.quiet:
                tail = f"  {_plain(detail)}" if detail else ""
                self._story.console.print(f"  {mark}{seconds}  {_plain(item)}{tail}")
            if self._bar is not None:
                self._bar.advance(self._task)
            self._refresh()

    def _refresh(self) -> None:
        if self._bar is not None:
            self._bar.update(self._task, running=_plain(", ".join(sorted(self._running))))
