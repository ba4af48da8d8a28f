"""Orders of builds that end earlier than "the longest remaining chain first": tried before anything is built."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from altai_build.model.order import Order

# An order whose time is so near to the lower limit is not improved.
_NEAR_ENOUGH = 1.02
# Builds of all orders that are tried at random, and how many orders at most: 0.1 ms of processor time for 20 builds.
_MOST_TRIED_BUILDS = 20_000
_MOST_TRIALS = 100
# By which part priorities are changed at random, in turn.
_SPREADS = (0.02, 0.05, 0.1, 0.3)
_MOST_EXCHANGES = 200
# Of them for one.
_MOST_COMPARED = 3000
_STARTS = 5


def search_priorities(order: Order, slots: int) -> Mapping[str, float]:
    """Priorities of the builds of an order, the highest first, for so many slots.

    Those of `remaining_seconds`, unless others end earlier by the durations that are expected.
    """
    found = order.remaining_seconds
    limit = max(sum(order.seconds[name] for name in found) / slots, order.critical_path_seconds)
    if len(found) <= slots:
        return found
    best = order.estimate_duration(slots)
    chance = random.Random(0)  # noqa: S311
    for tried in _list_candidates(order, slots, chance):
        if best <= limit * _NEAR_ENOUGH:
            break
        priorities = tried if isinstance(tried, dict) else _shake(found, tried, chance)
        seconds = replace(order, remaining_seconds=priorities).estimate_duration(slots)
        if seconds < best:
            best, found = seconds, priorities
    return found


def _list_candidates(order: Order, slots: int, chance: random.Random) -> Iterator[dict[str, float] | float]:
    """Priorities to try; or by which part to change the best that were found."""
    packed = dict(order.remaining_seconds)
    for stage in find_stages(order):
        if len(stage) > slots and not any(
            order.needs.includes(one, other) for one in stage for other in stage
        ):
            starts = pack({name: order.seconds[name] for name in stage}, slots, chance)
            packed.update({name: -start for name, start in starts.items()})
    yield packed
    for number in range(min(_MOST_TRIALS, _MOST_TRIED_BUILDS // len(packed))):
        yield _SPREADS[number % len(_SPREADS)]


def _shake(priorities: Mapping[str, float], spread: float, chance: random.Random) -> dict[str, float]:
    return {name: value * chance.uniform(1 - spread, 1 + spread) for name, value in priorities.items()}


def find_stages(order: Order) -> list[list[str]]:
    """The builds before, between and after those that all others wait for or are needed by, as a toolchain is."""
    stages: list[list[str]] = [[]]
    waves = order.waves
    after = [name for wave in waves for name in wave]
    before: list[str] = []
    for wave in waves:
        del after[: len(wave)]
        if len(wave) == 1 and _is_bottleneck(order, wave[0], stages[-1], after):
            stages.append([])
        else:
            stages[-1] += wave
        before += wave
    return [stage for stage in stages if stage]


def _is_bottleneck(order: Order, name: str, before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether a build needs all of those before it, and all of those after it need it."""
    needs = order.needs
    return all(needs.includes(name, one) for one in before) and all(
        needs.includes(one, name) for one in after
    )


def pack(seconds: Mapping[str, float], slots: int, chance: random.Random) -> dict[str, float]:
    """When each of some builds that do not need one another starts, so that the last one ends early."""
    limit = max(sum(seconds.values()) / slots, *seconds.values())
    best: list[list[str]] = []
    shortest = float("inf")
    for number in range(_STARTS):
        spread = 0.1 * number
        size = {name: value * chance.uniform(1 - spread, 1 + spread) for name, value in seconds.items()}
        plan = _spread_longest_first(seconds, size, slots)
        longest = _exchange(plan, seconds, limit)
        if longest < shortest:
            best, shortest = plan, longest
        if shortest <= limit * _NEAR_ENOUGH:
            break
    starts: dict[str, float] = {}
    for slot in best:
        now = 0.0
        for name in sorted(slot, key=lambda one: -seconds[one]):
            starts[name] = now
            now += seconds[name]
    return starts


def _spread_longest_first(
    seconds: Mapping[str, float], size: Mapping[str, float], slots: int
) -> list[list[str]]:
    """The builds of each slot, where each slot that is free takes the build with the largest size."""
    plan: list[list[str]] = [[] for _ in range(slots)]
    ends = [(0.0, slot) for slot in range(slots)]
    for name in sorted(seconds, key=lambda one: (-size[one], one)):
        end, slot = ends[0]
        plan[slot].append(name)
        heapq.heapreplace(ends, (end + seconds[name], slot))
    return plan


def _exchange(plan: list[list[str]], seconds: Mapping[str, float], limit: float) -> float:
    """Exchange builds between the fullest slot and others while that makes it shorter; returns its seconds."""
    loads = [sum(seconds[name] for name in slot) for slot in plan]
    for _ in range(_MOST_EXCHANGES):
        fullest = max(range(len(plan)), key=loads.__getitem__)
        if loads[fullest] <= limit * (1 + (_NEAR_ENOUGH - 1) / 2):
            break
        move = _find_exchange(plan, seconds, loads, fullest)
        if move is None:
            break
        other, given, taken = move
        plan[fullest] = [*(name for name in plan[fullest] if name not in given), *taken]
        plan[other] = [*(name for name in plan[other] if name not in taken), *given]
        for slot in (fullest, other):
            loads[slot] = sum(seconds[name] for name in plan[slot])
    return max(loads)


def _find_exchange(
    plan: Sequence[Sequence[str]], seconds: Mapping[str, float], loads: Sequence[float], fullest: int
) -> tuple[int, tuple[str, ...], tuple[str, ...]] | None:
    """Another slot, what the fullest gives to it and takes from it; those with the least work are asked first."""
    best, move = loads[fullest] * (1 - 1e-9), None
    gifts = [(given, sum(seconds[name] for name in given)) for given in _choose(plan[fullest])]
    compared = 0
    for other in sorted(range(len(plan)), key=loads.__getitem__):
        for taken in ((), *_choose(plan[other])):
            less = sum(seconds[name] for name in taken)
            for given, more in gifts:
                longer = max(loads[fullest] + less - more, loads[other] + more - less)
                if longer < best:
                    best, move = longer, (other, given, taken)
            compared += len(gifts)
        if compared > _MOST_COMPARED:
            break
    return move


def _choose(names: Sequence[str]) -> list[tuple[str, ...]]:
    """One or two of the builds of a slot, of which there may be very many."""
    few = sorted(names)[:12]
    return [*combinations(few, 1), *combinations(few, 2)]
