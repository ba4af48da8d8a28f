"""Seconds that no schedule of a graph can be quicker than, with a number of slots."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from altai_build.model.order import Order
from altai_build.model.order_search import find_stages


@dataclass(frozen=True)
class Limits:
    """Seconds that no schedule of a graph can be quicker than, with a number of slots."""

    work: float
    chain: float
    windows: float
    whole: float

    @property
    def simple(self) -> float:
        """The larger of work and chain."""
        return max(self.work, self.chain)

    @property
    def all(self) -> float:
        """The largest of all."""
        return max(self.simple, self.windows, self.whole)


def find_packing_limit(seconds: Sequence[float], slots: int) -> float:
    """Seconds in which so many slots cannot finish these builds earlier, each of them in one slot.

    By halving: whether more slots are needed for a time (the lower bound of Martello and Toth for bin packing).
    """
    low = high = max(sum(seconds) / slots, *seconds)
    while _count_slots(seconds, high) > slots:
        low, high = high, high * 1.1
    for _ in range(30 if low < high else 0):
        middle = (low + high) / 2
        low, high = (middle, high) if _count_slots(seconds, middle) > slots else (low, middle)
    return low


def _count_slots(seconds: Sequence[float], most: float) -> int:
    """At least how many slots are needed where none may take longer than `most`.

    For any size: builds that leave less room than that in a slot have it for themselves; two of more than half do not
    fit into one; and those between the size and a half fill what is left.
    """
    found = 0
    for size in {0.0, *(one for one in seconds if one <= most / 2)}:
        alone = sum(one > most - size for one in seconds)
        large = [one for one in seconds if most / 2 < one <= most - size]
        small = sum(one for one in seconds if size <= one <= most / 2)
        room = len(large) * most - sum(large)
        found = max(found, alone + len(large) + max(0, math.ceil((small - room) / most - 1e-9)))
    return found


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
            whole=self._add_stages(slots),
        )

    def _add_stages(self, slots: int) -> float:
        """The stages between bottlenecks follow one another; in each, builds are not divided between slots."""
        seconds = self._order.seconds
        stages = find_stages(self._order)
        if len(stages) < 2:
            return 0.0
        staged = set(itertools.chain.from_iterable(stages))
        bottlenecks = sum(seconds[name] for name in self._names if name not in staged)
        return bottlenecks + sum(
            find_packing_limit([seconds[name] for name in stage], slots) for stage in stages
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
