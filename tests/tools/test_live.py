"""The live lines on a terminal emulator: painted in place, below what was printed, also after a resize."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import termios
import threading
from collections.abc import Iterator
from typing import TextIO

import pyte
import pytest
from rich.console import Console
from rich.text import Text

from altai_build.model.task_view import Line
from altai_build.tools.live import LiveDisplay


class Terminal:
    """A pseudo terminal, and what a person sees on it."""

    def __init__(self) -> None:
        self._main, self._other = os.openpty()
        os.set_blocking(self._main, False)
        self.stream: TextIO = os.fdopen(self._other, "w", encoding="utf-8")
        self.written = b""
        self.resize(60, 12)

    def resize(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        fcntl.ioctl(self._other, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self) -> bytes:
        """What was written since the last call."""
        data = b""
        try:
            while part := os.read(self._main, 1 << 16):
                data += part
        except OSError as error:
            assert error.errno == errno.EAGAIN
        self.written += data
        return data

    def look(self) -> list[str]:
        """The lines on a screen of the size that the terminal has now, without those that are empty.

        A terminal that became narrower wraps what is on it, as if it had been written there.
        """
        self.read()
        screen = pyte.Screen(self.columns, self.lines)
        pyte.ByteStream(screen).feed(self.written)
        return [line.rstrip() for line in screen.display if line.strip()]

    def close(self) -> None:
        self.stream.close()
        os.close(self._main)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


def make_display(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> LiveDisplay:
    # The test paints, and not the display's own thread, which looks every quarter of a second.
    monkeypatch.setattr(LiveDisplay, "_refresh", lambda self, stop: None)
    return LiveDisplay(Console(file=terminal.stream, force_terminal=True, color_system="standard"))


def test_lines_are_painted_in_place_and_gone_at_the_end(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    display = make_display(terminal, monkeypatch)
    lines: list[Line] = [(("packages", "bold"), (" 0 of 2", "")), (("  nova", "green"),)]
    with display.show(lambda width, height: lines):
        display.paint()
        display.print_above(Text("built glance"))
        assert terminal.look() == ["built glance", "packages 0 of 2", "  nova"]
        display.paint()
        assert terminal.read() == b"", "nothing has changed"
        lines[:] = [(("packages 1 of 2", ""),)]
        display.paint()
        painted = terminal.read()
        assert painted.count(b"\x1b[?2026h") == painted.count(b"\x1b[?2026l") == 1
        assert b"\x1b[2K" not in painted and not painted.startswith(b"\x1b[J"), (
            "overwritten, not erased first"
        )
        assert terminal.look() == ["built glance", "packages 1 of 2"]
        display.print_above(Text("a long line " * 10), one_row=True)
        assert terminal.look()[1:] == [
            "a long line a long line a long line a long line a long line…"[:60],
            "packages 1 of 2",
        ]
    assert terminal.look()[-1].startswith("a long line")
    display.print_above(Text("the end"))
    assert terminal.look()[-1] == "the end"


@pytest.mark.parametrize("columns", [40, 23, 80, 200])
def test_a_resize_leaves_no_old_lines(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    display = make_display(terminal, monkeypatch)
    rows = [f"{number} {'x' * 200}" for number in range(3)]
    with display.show(lambda width, height: [((row, ""),) for row in rows]):
        display.print_above(Text("above"))
        display.paint()
        assert terminal.look() == ["above", *(f"{row[:56]}…" for row in rows)]
        terminal.resize(columns, 12)
        display.paint()
        assert terminal.look() == ["above", *(f"{row[: columns - 4]}…" for row in rows)]
        display.print_above(Text("more"))
        assert [line[:5] for line in terminal.look()] == ["above", "more", "0 xxx", "1 xxx", "2 xxx"]


def test_a_low_terminal_keeps_a_line_for_what_was_printed(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    display = make_display(terminal, monkeypatch)
    asked: list[int] = []

    def describe(width: int, height: int) -> list[Line]:
        asked.append(height)
        return [((f"line {number}", ""),) for number in range(height)]

    terminal.resize(60, 4)
    with display.show(describe), display.show(describe):
        display.print_above(Text("built"))
        display.paint()
        assert terminal.look() == ["built", "line 0", "line 1", "line 2"]
    assert asked[0] == 3


def test_what_is_printed_cannot_control_the_terminal(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    display = make_display(terminal, monkeypatch)
    with display.show(lambda width, height: [(("\x1b[2J\n\rname[bold]\u202e", ""),)]):
        display.paint()
        assert terminal.look() == ["\\x1b[2J\\n\\rname[bold]\\u202e"]


def test_several_threads_show_and_print(terminal: Terminal) -> None:
    display = LiveDisplay(Console(file=terminal.stream, force_terminal=True))

    def work(number: int) -> None:
        with display.show(lambda width, height: [((f"runs {number}", ""),)]):
            display.paint()
            display.print_above(Text(f"done {number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(terminal.look()) == [f"done {number}" for number in range(5)]
