"""Which build comes next: the one with the longest remaining chain is prepared first, and has the next slot."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from altai_build.model.build import BuildResult
from altai_build.stages.build.jobs import BuildJob, Steps


@dataclass(order=True)
class PreparedBuild:
    """A build that lacks nothing but a slot; the most urgent one is the smallest."""

    urgency: float
    name: str
    steps: Steps[BuildResult] = field(compare=False)
    job: BuildJob = field(compare=False)

    @property
    def rank(self) -> tuple[float, str]:
        """Of two builds the one with the smaller rank is first."""
        return self.urgency, self.name


class BuildQueue:
    """Components that are ready, those that are being prepared, and builds that are prepared.

    Preparing takes no slot. As many builds are prepared ahead as there are slots, so that a slot does not stand idle
    while the next build is prepared for it. `search_priorities` is asked for a better order once, when the first build
    can start.
    """

    def __init__(
        self,
        remaining_seconds: Mapping[str, float],
        seconds: Mapping[str, float],
        search_priorities: Callable[[int], Mapping[str, float]] | None = None,
    ) -> None:
        self._remaining_seconds = remaining_seconds
        self._priorities = remaining_seconds
        self._search_priorities = search_priorities
        self._seconds = seconds
        self._ready: list[tuple[float, str]] = []  # a heap of ranks
        self._preparing: dict[str, tuple[float, str]] = {}  # component → its rank
        self._prepared: list[PreparedBuild] = []  # a heap
        self._work_left = sum(seconds[name] for name in remaining_seconds)  # of what has not ended

    def add(self, name: str) -> None:
        """A component whose needs are built."""
        heapq.heappush(self._ready, self._rank(name))

    def take(self, slots: int, building: int) -> str | PreparedBuild | None:
        """What to do next while so many builds run: a component to prepare, a build to start, or nothing now."""
        if self._prepared and self._search_priorities is not None:
            self._set_priorities(self._search_priorities(slots))
            self._search_priorities = None
        may_start = self._may_start(slots, building)
        is_ready_first = bool(self._ready) and (not self._prepared or self._ready[0] < self._prepared[0].rank)
        if self._may_prepare(slots) and (is_ready_first or not may_start):
            rank = heapq.heappop(self._ready)
            self._preparing[rank[1]] = rank
            return rank[1]
        return heapq.heappop(self._prepared) if may_start else None

    def put_prepared(self, name: str, steps: Steps[BuildResult], job: BuildJob) -> None:
        """A build lacks nothing but a slot now."""
        self.end_preparing(name)
        heapq.heappush(self._prepared, PreparedBuild(*self._rank(name), steps, job))

    def end_preparing(self, name: str) -> None:
        """A component is not prepared any more."""
        self._preparing.pop(name, None)

    def settle(self, name: str) -> None:
        """Nothing is left to do for a component."""
        self.end_preparing(name)
        self._work_left -= self._seconds[name]

    def close(self) -> Iterator[Steps[BuildResult]]:
        """Forget the builds that are prepared; gives what they belong to."""
        while self._prepared:
            yield self._prepared.pop().steps

    def _rank(self, name: str) -> tuple[float, str]:
        return -self._priorities[name], name

    def _set_priorities(self, priorities: Mapping[str, float]) -> None:
        self._priorities = priorities
        self._ready = [self._rank(name) for _, name in self._ready]
        heapq.heapify(self._ready)
        self._preparing = {name: self._rank(name) for name in self._preparing}
        self._prepared = [PreparedBuild(*self._rank(one.name), one.steps, one.job) for one in self._prepared]
        heapq.heapify(self._prepared)

    def _may_prepare(self, slots: int) -> bool:
        """For one that is more urgent than all that are prepared there is always room."""
        if not self._ready:
            return False
        ahead = len(self._preparing) + len(self._prepared)
        if ahead < slots:
            return True
        first = min((*self._preparing.values(), *(one.rank for one in self._prepared[:1])))
        return ahead < 2 * slots and self._ready[0] < first

    def _may_start(self, slots: int, building: int) -> bool:
        """Whether there is a slot for the first of the builds that are prepared.

        A more urgent one that is still being prepared has a slot kept for it where its chain is as long as the whole
        run; elsewhere the slot would stand idle for nothing.
        """
        if not self._prepared:
            return False
        kept = sum(
            self._remaining_seconds[name] * slots >= self._work_left and rank < self._prepared[0].rank
            for name, rank in self._preparing.items()
        )
        return building + kept < slots
