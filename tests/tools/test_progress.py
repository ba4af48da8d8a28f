"""Progress output: plain lines in a log, quiet on request, and no control characters from names."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Collection, Mapping

import pytest
from rich.console import Console

from altai_build.model.task_view import TaskForecast
from altai_build.tools import progress
from altai_build.tools.progress import ProgressReporter


def test_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = ProgressReporter()
    reporter.info("one [bold]line[/bold]")
    reporter.warn("mind the [gap]")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "one [bold]line[/bold]\nwarning: mind the [gap]\n")


def test_a_log_needs_no_library_for_terminals() -> None:
    program = (
        "import sys; from altai_build.tools.progress import ProgressReporter as P; reporter = P()\n"
        "reporter.info('a [b]')\n"
        "with reporter.track('c', 1) as work: work.finish('d', 'built')\n"
        "assert 'rich' not in sys.modules"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert result.stderr.split() == ["a", "[b]", "built", "d"]


def test_quiet_keeps_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = ProgressReporter(quiet=True)
    reporter.info("one")
    with reporter.run_step("two"), reporter.track("three", 1) as work:
        work.start("item")
        work.finish("item", "built")
    reporter.warn("four")
    assert capsys.readouterr().err == "warning: four\n"


def test_one_line_for_each_finished_item(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressReporter().track("packages", 3) as work:
        work.start("a[b]")
        work.finish("a[b]", "built", "x[/]")
        work.finish("never started", "blocked", "it needs a[b], which failed")
        work.start("unknown")
        work.finish("unknown", "odd")
    lines = [" ".join(line.split()) for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "built 0.0 s a[b] x[/]",
        "blocked never started it needs a[b], which failed",
        "odd 0.0 s unknown",
    ]


def test_what_a_later_check_refuses_is_counted_once_and_its_last_line_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ProgressReporter().track("packages", 2) as work:
        work.finish("a", "built")
        work.finish("a", "failed", "b makes it too")
        assert set(work._view.done) == {"a"}
    assert [line.split()[:2] for line in capsys.readouterr().err.splitlines()] == [
        ["built", "a"],
        ["failed", "a"],
    ]


def test_a_brief_reporter_counts_many_items_and_names_those_that_went_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_LINE_INTERVAL", 0.0)
    reporter = ProgressReporter()
    reporter.brief = True
    with reporter.track("packages", 200) as work:
        for number in range(200):
            work.finish(
                str(number), {7: "failed", 8: "blocked"}.get(number, "built" if number % 2 else "reused")
            )
    assert [line.split()[:2] for line in capsys.readouterr().err.splitlines()] == [
        ["failed", "7"],
        ["blocked", "8"],
        ["packages:", "99"],
    ]
    with reporter.track("packages", 2) as work:
        work.finish("few", "built")
    assert capsys.readouterr().err.split() == ["built", "few"]


def test_a_step_ends_with_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressReporter().run_step("base root"):
        pass
    assert capsys.readouterr().err == "base root …\nbase root: done in 0.0 s\n"


def test_long_lines_are_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    ProgressReporter().info("/a/long/path" * 50)
    assert capsys.readouterr().err == "/a/long/path" * 50 + "\n"


def test_names_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = ProgressReporter()
    reporter.info("a\x1b[2Jb\rcd\udcffé\nnext line")
    reporter.warn("\x07")
    with reporter.track("x", 1) as work:
        work.finish("\x1b[31mred", "failed", "\u202edetail")
    err = capsys.readouterr().err
    assert err.splitlines()[:3] == ["a\\x1b[2Jb\\rcd\\xffé", "next line", "warning: \\x07"]
    assert "\\x1b[31mred" in err and "\\u202edetail" in err
    assert not [char for char in err if not char.isprintable() and char != "\n"]


def test_the_live_display_shows_any_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with ProgressReporter().track("packages", 1) as work:
        for name in ("[/]", "[bold", "[/x]\x1b[2J"):
            work.start(name)
            work.finish(name, "failed", name)
    assert "[/x]\\x1b[2J" in capsys.readouterr().err


def test_threads_print_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressReporter().track("packages", 400) as work:

        def run(number: int) -> None:
            for item in range(50):
                work.start(f"{number}-{item}")
                work.finish(f"{number}-{item}", "reused")

        threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = capsys.readouterr().err.splitlines()
    assert sorted(line.split()[-1] for line in lines) == sorted(
        f"{n}-{i}" for n in range(8) for i in range(50)
    )


def test_a_log_gets_everything_also_what_quiet_and_counted_leave_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log: list[str] = []
    reporter = ProgressReporter(quiet=True, log=log.append)
    reporter.info("one")
    reporter.warn("two")
    with reporter.track("packages", 2, counted="reused") as work:
        work.finish("nova", "reused")
        work.finish("glance", "failed", "exit 1")
    assert log == [
        "one",
        "warning: two",
        "reused nova",
        "failed glance: exit 1",
        "packages: 1 reused",
    ]
    assert capsys.readouterr().err == "warning: two\n"


@pytest.mark.parametrize(
    ("on_terminal", "variables", "animates"),
    [
        (True, {}, True),
        (True, {"CI": "1"}, False),
        (True, {"CI": "false"}, True),
        (True, {"TERM": "dumb"}, False),
        (False, {"FORCE_COLOR": "1"}, False),
    ],
)
def test_only_a_terminal_that_a_person_looks_at_is_animated(
    on_terminal: bool, variables: dict[str, str], animates: bool
) -> None:
    """By a process with a terminal or a pipe as stderr: what is animated is painted in synchronized updates."""
    program = (
        "from altai_build.tools.progress import ProgressReporter as P\n"
        "with P().track('c', 1) as work: work.start('d'); work._reporter.live and work._reporter.live.paint(); "
        "work.finish('d', 'built')"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "FORCE_COLOR")}
    reading, writing = os.openpty() if on_terminal else os.pipe()
    subprocess.run(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        stderr=writing,
        env={**environment, "TERM": "xterm", **variables},
        check=True,
    )
    shown = os.read(reading, 100_000)
    os.close(reading)
    os.close(writing)
    assert b"built" in shown
    assert (b"\x1b[?2026h" in shown) == animates


def test_how_long_the_rest_takes_is_told_in_a_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[set[str], set[str]]] = []

    def describe(done: Collection[str], running: Mapping[str, float]) -> str:
        asked.append((set(done), set(running)))
        return f"about {3 - len(done)}:00 left" if len(done) < 3 else ""

    monkeypatch.setattr(progress, "_LINE_INTERVAL", 0.0)
    with ProgressReporter().track("packages", 3, forecast=TaskForecast(describe_left=describe)) as work:
        for item in "abc":
            work.start(item)
        for item in "abc":
            work.finish(item, "built")
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("packages")]
    assert lines == [
        "packages: 1 of 3, about 2:00 left; running: b (0:00), c (0:00)",
        "packages: 2 of 3, about 1:00 left; running: c (0:00)",
    ]
    assert asked == [({"a"}, {"b", "c"}), ({"a", "b"}, {"c"}), ({"a", "b", "c"}, set())]


class _Terminal(io.StringIO):
    """Where a live display writes in these tests."""


def _open_live(monkeypatch: pytest.MonkeyPatch, *, width: int = 60) -> tuple[ProgressReporter, _Terminal]:
    monkeypatch.setattr(sys, "stderr", terminal := _Terminal())
    monkeypatch.setattr(progress, "may_animate", lambda: True)
    monkeypatch.setattr(
        progress, "_open_console", lambda: Console(file=terminal, force_terminal=True, width=width, height=24)
    )
    return ProgressReporter(), terminal


def test_the_live_display_has_the_phase_of_what_runs_and_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    reporter, terminal = _open_live(monkeypatch)
    assert reporter.live is not None
    with reporter.track("packages", 1, forecast=TaskForecast(("item",), {"item": 125})) as work:
        work.start("item")
        work.set_phase("item", lambda: "%build")
        reporter.live.paint()
        assert "%build" in terminal.getvalue() and "0:00 of 2:05" in terminal.getvalue()
    with reporter.run_step("signatures"):
        reporter.live.paint()
    assert "signatures" in terminal.getvalue() and "signatures …" not in terminal.getvalue()
    assert "signatures: done in 0.0 s\n" in terminal.getvalue()


def test_on_a_terminal_a_good_result_takes_one_line_and_a_failure_its_whole_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reporter, terminal = _open_live(monkeypatch, width=40)
    with reporter.track("packages", 2) as work:
        work.finish("one", "built", "x" * 80)
        work.finish("two", "failed", "y" * 80)
    assert "x" * 9 in terminal.getvalue() and "x" * 30 not in terminal.getvalue()
    assert "y" * 80 in terminal.getvalue()


def test_a_quiet_reporter_and_one_that_may_not_animate_have_no_display(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _open_live(monkeypatch)
    assert ProgressReporter(quiet=True).live is None
    assert ProgressReporter(animate=False).live is None
