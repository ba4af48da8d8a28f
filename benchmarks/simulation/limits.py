"""Seconds that no schedule of a graph can be quicker than, with a number of slots."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from altai_build.model.order import Order


@dataclass(frozen=True)
class Limits:
    """Seconds that no schedule of a graph can be quicker than, with a number of slots."""

    work: float
    chain: float
    windows: float

    @property
    def simple(self) -> float:
        """The larger of work and chain."""
        return max(self.work, self.chain)

    @property
    def all(self) -> float:
        """The largest of all."""
        return max(self.simple, self.windows)


class LimitFinder:
    """Computes the limits of one graph; `order` is that of the durations that count."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._names = list(itertools.chain.from_iterable(order.waves))
        self._needs = {name: order.needs[name] for name in self._names}
        self._needed_by: dict[str, list[str]] = {name: [] for name in self._names}
        for name, needs in self._needs.items():
            for needed in needs:
                self._needed_by[needed].append(name)

    def limits(self, slots: int) -> Limits:
        """The limits with so many slots."""
        heads = self._measure(self._names, self._needs, slots)
        tails = self._measure(self._names[::-1], self._needed_by, slots)
        return Limits(
            work=sum(self._order.seconds.values()) / slots,
            chain=self._order.critical_path_seconds,
            windows=max(self._list_windows(heads, tails, slots)),
        )

    def _measure(
        self, names: Sequence[str], needs: Mapping[str, Sequence[str]], slots: int
    ) -> dict[str, float]:
        """Seconds before which no component can start: all that it needs has to be built in the slots, one chain too.

        With the names and the needs the other way round: the seconds that pass at least after its end.
        """
        seconds = self._order.seconds
        heads: dict[str, float] = {}
        for name in names:
            needed = sorted(needs[name], key=heads.__getitem__, reverse=True)
            heads[name] = work = 0.0
            for other in needed:
                work += seconds[other]
                # those that begin at the same time or later than this one
                heads[name] = max(heads[name], heads[other] + max(work / slots, seconds[other]))
        return heads

    def _list_windows(
        self, heads: Mapping[str, float], tails: Mapping[str, float], slots: int
    ) -> Iterator[float]:
        """The limits of windows: the components between `begin` and the `tail` of the last, and what is outside."""
        by_tail = sorted(heads, key=lambda name: -tails[name])
        begins = sorted(set(heads.values()))
        # any choice of windows is sound; so many are enough
        for begin in begins[:: max(1, len(begins) // 100)]:
            work = 0.0
            for name in by_tail:
                if heads[name] >= begin:
                    work += self._order.seconds[name]
                    yield begin + work / slots + tails[name]
