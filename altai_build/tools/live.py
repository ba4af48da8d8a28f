"""Lines at the bottom of a terminal that are painted again while they change; what is printed goes above them.

rich's own Live counts the lines that it printed, not those that the terminal made of them after a resize, and erases
each line before it writes it, which flickers. So only its styles are used here: each line is overwritten in place, in
one write, and only when it has changed. No mode of the terminal is changed, so a killed run leaves none behind.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from altai_build.errors import escape_control_characters
from altai_build.model.task_view import Line

# The lines of something that is going on, for a terminal of a width and a height.
Describe = Callable[[int, int], list[Line]]

_INTERVAL = 0.25  # seconds between two looks at what changed
# Columns at the right that stay free: a full line would wrap, and the terminal prints ^C behind the last one.
_MARGIN = 3
# A synchronized update: a terminal that knows it shows all of a write at once, others ignore it.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_ERASE_LINE, _ERASE_BELOW = "\x1b[K", "\x1b[J"
_ASCII = str.maketrans({"━": "#", "─": "-", "…": "."})


def assemble(line: Line, *, keep: str = "") -> Text:
    """A line with its styles; control characters in it are escaped, and markup is text."""
    return Text.assemble(*((escape_control_characters(text, keep=keep), style) for text, style in line))


class LiveDisplay:
    """The lines of everything that is going on. Methods may be called from any thread."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.RLock()
        self._shown: list[Describe] = []
        self._painted: list[Text] = []
        self._columns = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def show(self, describe: Describe) -> Iterator[None]:
        """Show lines during a block; they are gone at its end."""
        with self._lock:
            self._shown.append(describe)
            if self._thread is None:
                self._stop.clear()
                self._thread = threading.Thread(target=self._refresh, args=(self._stop,), daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            self._hide(describe)

    def _hide(self, describe: Describe) -> None:
        with self._lock:
            self._shown.remove(describe)
            if self._shown:
                self.paint()
                return
            self._stop.set()
            self._stop = threading.Event()
            self._thread = None
            if self._painted:
                self._write(self._go_to_top(self._columns) + _ERASE_BELOW)
                self._painted = []

    def print_above(self, text: Text, *, one_row: bool = False) -> None:
        """Print lines above; they stay. With `one_row` a line is cut at the width of the terminal."""
        with self._lock:
            if one_row:
                text.truncate(max(1, self._measure()[0]), overflow="ellipsis")
            above = self._render(text)
            if not self._painted:
                self._write(f"{above}\n")
                return
            erase = self._go_to_top(self._measure()[0]) + _ERASE_BELOW
            lines = "\n".join(map(self._render, self._painted))
            self._write(f"{_BEGIN}{erase}{above}\n{lines}{_END}")

    def paint(self) -> None:
        """Paint the lines if they, or the size of the terminal, have changed."""
        with self._lock:
            width, height = self._measure()
            lines: list[Text] = []
            for describe in self._shown:
                # One line of the terminal stays for what was printed last.
                room = height - 1 - len(lines)
                lines += map(assemble, describe(width, room) if room > 0 else ())
            for line in lines:
                line.truncate(max(1, width - _MARGIN), overflow="ellipsis")
            if lines == self._painted and width == self._columns:
                return
            top = self._go_to_top(width)
            body = "\n".join(f"{self._render(line)}{_ERASE_LINE}" for line in lines)
            self._painted, self._columns = lines, width
            self._write(f"{_BEGIN}{top}{body}{_ERASE_BELOW}{_END}")

    def _refresh(self, stop: threading.Event) -> None:
        while not stop.wait(_INTERVAL):
            with self._lock:
                if not stop.is_set():
                    self.paint()

    def _go_to_top(self, width: int) -> str:
        """To the beginning of the first painted line: a terminal that became narrower has wrapped them."""
        rows = sum(max(1, -(-line.cell_len // max(1, width))) for line in self._painted)
        return "\r" + (f"\x1b[{rows - 1}A" if rows > 1 else "")

    def _measure(self) -> tuple[int, int]:
        """Columns and lines of the terminal now; variables of the environment do not follow a resize."""
        try:
            size = os.get_terminal_size(self._console.file.fileno())
        except (OSError, ValueError):
            return self._console.size
        return size.columns or 80, size.lines or 24

    def _render(self, text: Text) -> str:
        with self._console.capture() as capture:
            self._console.print(text, end="", soft_wrap=True)
        return capture.get()

    def _write(self, text: str) -> None:
        stream = self._console.file
        if not self._console.encoding.startswith("utf"):
            text = text.translate(_ASCII)
        stream.write(text)
        stream.flush()
