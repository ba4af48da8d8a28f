"""How long the rest of a run's builds takes, from what earlier builds took."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from altai_build.model.order import Order


@dataclass(frozen=True)
class RemainingTime:
    """The time that is left while builds run, `jobs` at the same time."""

    order: Order
    jobs: int
    # Components that were never built in this workspace: their time is assumed.
    unmeasured: frozenset[str]

    def estimate_seconds(self, done: Collection[str], running: Mapping[str, float]) -> float:
        """Seconds until all builds are done; `running` is component → seconds since its build started.

        The longest chain that is left, or all that is left in so many jobs: whichever takes longer.
        """
        left = [name for name in self.order.seconds if name not in done]
        over = {name: min(running.get(name, 0.0), self.order.seconds[name]) for name in left}
        chain = max((self.order.remaining_seconds.get(name, 0.0) - over[name] for name in left), default=0.0)
        work = sum(self.order.seconds[name] - over[name] for name in left)
        return max(chain, work / max(1, self.jobs))

    def describe(self, done: Collection[str], running: Mapping[str, float]) -> str:
        """`about 2:05 left`, and how many components make that uncertain; "" when nothing is left."""
        if all(name in done for name in self.order.seconds):
            return ""
        minutes, seconds = divmod(round(self.estimate_seconds(done, running)), 60)
        unmeasured = len(self.unmeasured.difference(done))
        return f"about {minutes}:{seconds:02} left" + (f", {unmeasured} never built" if unmeasured else "")
