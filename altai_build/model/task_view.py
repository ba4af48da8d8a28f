"""What the items of a task are doing, as lines for a terminal: events in, lines out, without a clock or a terminal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

# A line as texts, each with its style.
Line = tuple[tuple[str, str], ...]
# Items that are done, and those that run with the seconds since each began → how long the rest takes.
TimeLeft = Callable[[Collection[str], Mapping[str, float]], str]

_BAD_STATUSES = ("failed", "blocked", "not run")
# Lines about items that wait; the terminal is also for what was printed before.
_MOST_WAITING = 6
# Names in one line.
_MOST_NAMES = 2
_BAR_WIDTH = 24
# Columns below which a line has no bar, and below which phases are left out.
_ROOM_FOR_BAR, _ROOM_FOR_PHASE = 72, 56
_PHASE_WIDTH, _TIME_WIDTH = 12, 12


def format_elapsed(seconds: float) -> str:
    """Seconds as a clock shows them: `0:07`, `12:30`, `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@dataclass(frozen=True)
class TaskForecast:
    """What is known of a task's items before it begins."""

    items: Collection[str] = ()
    # Item → the seconds that its last run took; an item that was never measured is missing.
    seconds: Mapping[str, float] = field(default_factory=dict)
    # The items that must be done before one can start.
    needs: Callable[[str], Collection[str]] = lambda item: ()
    describe_left: TimeLeft = lambda done, running: ""


@dataclass
class _Running:
    started: float
    phase: str = ""


class TaskView:
    """The items of a task. Times are seconds of any clock; the caller sees to it that one thread at a time calls it."""

    def __init__(self, title: str, total: int, started: float, forecast: TaskForecast | None = None) -> None:
        self._title = title
        self._total = total
        self._started = started
        self._forecast = forecast or TaskForecast()
        self._running: dict[str, _Running] = {}
        self._done: dict[str, str] = {}  # item → its last status
        self._waiting: list[Line] | None = None  # until another item starts or ends

    @property
    def done(self) -> Collection[str]:
        """The items that have ended at least once."""
        return self._done.keys()

    def start(self, item: str, now: float) -> None:
        """The work on an item starts."""
        self._running[item] = _Running(now)
        self._waiting = None

    def set_phase(self, item: str, phase: str) -> None:
        """Say what is being done with an item that runs; nothing happens for one that does not."""
        if item in self._running:
            self._running[item].phase = phase

    def finish(self, item: str, status: str, now: float) -> float | None:
        """An item ends; returns the seconds since it started, None for one that never did."""
        self._done[item] = status
        self._waiting = None
        running = self._running.pop(item, None)
        return None if running is None else now - running.started

    def describe_left(self, now: float) -> str:
        """How long the rest takes, "" where that is not known."""
        running = {item: now - one.started for item, one in self._running.items()}
        return self._forecast.describe_left(self._done.keys(), running)

    def describe_running(self, now: float) -> str:
        """The items that run, in one line, the longest-running first; "" where none runs."""
        return ", ".join(
            f"{item} ({', '.join(filter(None, (one.phase, format_elapsed(now - one.started))))})"
            for item, one in self._list_running()
        )

    def list_lines(self, now: float, width: int, height: int) -> list[Line]:
        """What a terminal of this size shows: at most `height` lines, which the caller cuts at its width."""
        lines = [self._describe_task(now, width)]
        phases = max([_PHASE_WIDTH, *(len(one.phase) for one in self._running.values())])
        phases = min(phases, max(_PHASE_WIDTH, width // 2)) if width >= _ROOM_FOR_PHASE else 0
        running = [self._describe_item(item, one, now, phases) for item, one in self._list_running()]
        room = max(height - 1, 0)
        if len(running) > room:
            more = len(running) - room + 1
            running = [*running[: max(room - 1, 0)], ((f"  and {more} more run", "dim"),)]
        lines += running
        if self._waiting is None:
            self._waiting = self._list_waiting()
        waiting = self._waiting[: max(0, height - len(lines))]
        return [*lines, *waiting][: max(1, height)]

    def _list_running(self) -> list[tuple[str, _Running]]:
        return sorted(self._running.items(), key=lambda pair: (pair[1].started, pair[0]))

    def _describe_task(self, now: float, width: int) -> Line:
        done = min(len(self._done), self._total)
        parts: list[tuple[str, str]] = [(self._title, "bold"), (f"  {done} of {self._total}", "")]
        if width >= _ROOM_FOR_BAR and self._total:
            full = _BAR_WIDTH * done // self._total
            parts += [("  ", ""), ("━" * full, "green"), ("─" * (_BAR_WIDTH - full), "dim")]
        parts.append((f"  {format_elapsed(now - self._started)}", ""))
        statuses = list(self._done.values())
        bad = [f"{statuses.count(status)} {status}" for status in _BAD_STATUSES if status in statuses]
        if bad:
            parts.append((f", {', '.join(bad)}", "bold red"))
        if left := self.describe_left(now):
            parts.append((f", {left}", ""))
        return tuple(parts)

    def _describe_item(self, item: str, one: _Running, now: float, phase_width: int) -> Line:
        elapsed = now - one.started
        expected = self._forecast.seconds.get(item)
        times = format_elapsed(elapsed) + (
            f" of {format_elapsed(max(1.0, expected))}" if expected is not None else ""
        )
        is_late = expected is not None and elapsed > max(1.0, expected)
        parts: list[tuple[str, str]] = [(f"  {times:<{_TIME_WIDTH}}", "yellow" if is_late else "")]
        if phase_width:
            # Of a worker with a long name, what it does is at the end.
            phase = one.phase if len(one.phase) <= phase_width else f"…{one.phase[1 - phase_width :]}"
            parts.append((f"  {phase:<{phase_width}}", "cyan"))
        parts.append((f"  {item}", "bold"))
        return tuple(parts)

    def _list_waiting(self) -> list[Line]:
        """Who waits for whom; items that the fewest others hold up come first."""
        pending = [
            item for item in self._forecast.items if item not in self._done and item not in self._running
        ]
        ready: list[str] = []
        held: dict[tuple[str, ...], list[str]] = {}
        for item in pending:
            blockers = [needed for needed in self._forecast.needs(item) if needed not in self._done]
            if blockers:
                blockers.sort(key=lambda name: (name not in self._running, name))
                held.setdefault(tuple(blockers), []).append(item)
            else:
                ready.append(item)
        lines: list[Line] = []
        if ready:
            lines.append(((f"  {'ready':<{_TIME_WIDTH}}  {name_some(sorted(ready))}", "dim"),))
        groups = sorted(held.items(), key=lambda pair: (len(pair[0]), pair))
        room = _MOST_WAITING - len(lines)
        shown = groups if len(groups) <= room else groups[: room - 1]
        for blocked_by, names in shown:
            text = f"{name_some(sorted(names))} for {name_some(blocked_by)}"
            lines.append(((f"  {'wait':<{_TIME_WIDTH}}  {text}", "dim"),))
        more = sum(len(names) for _, names in groups[len(shown) :])
        if more:
            lines.append(((f"  {'':<{_TIME_WIDTH}}  and {more} more", "dim"),))
        return lines


def name_some(names: Sequence[str], *, most: int = _MOST_NAMES) -> str:
    """`a, b and 3 more`: so many of the names, and how many there are besides."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
