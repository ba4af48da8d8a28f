"""Other orders of builds: builds between bottlenecks are packed into the slots, and no order is worse than before."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from altai_build.model.order import Order, OrderedComponent, compute_order
from altai_build.model.order_search import find_stages, pack, search_priorities


def order_of(needs: dict[str, list[str]], seconds: dict[str, float]) -> Order:
    return compute_order(
        [
            OrderedComponent(name, frozenset([name]), tuple(needed), (), seconds[name])
            for name, needed in needs.items()
        ]
    )


def measure(order: Order, slots: int) -> float:
    priorities = search_priorities(order, slots)
    assert priorities.keys() == order.remaining_seconds.keys()
    return replace(order, remaining_seconds=priorities).estimate_duration(slots)


def test_builds_around_a_toolchain_are_packed() -> None:
    """The longest first gives 7 + 1 + 7 seconds here; 3 + 3 and 2 + 2 + 2 fit into 6."""
    lengths = [3.0, 3.0, 2.0, 2.0, 2.0]
    first = {f"a{number}": seconds for number, seconds in enumerate(lengths)}
    last = {f"b{number}": seconds for number, seconds in enumerate(lengths)}
    needs: dict[str, list[str]] = {name: [] for name in first}
    needs["gcc"] = list(first)
    needs.update({name: ["gcc"] for name in last})
    order = order_of(needs, {**first, "gcc": 1.0, **last})
    assert find_stages(order) == [sorted(first), sorted(last)]
    assert (order.estimate_duration(2), measure(order, 2)) == (15.0, 13.0)


def test_a_bottleneck_is_needed_by_all_or_needs_all() -> None:
    seconds = dict.fromkeys("abcde", 1.0)
    needs = {"a": [], "b": ["a"], "c": ["b"], "d": ["b"], "e": []}
    # Nobody needs `e`, which needs nothing: it can be built at any time.
    assert find_stages(order_of(needs, seconds)) == [["a", "e", "b", "c", "d"]]
    assert find_stages(order_of({**needs, "e": ["c", "d"]}, seconds)) == [["c", "d"]]
    assert find_stages(order_of({}, {})) == []


def test_no_order_is_worse_than_the_longest_chain_first() -> None:
    for seed in range(5):
        chance = Random(seed)
        names = [f"c{number}" for number in range(30)]
        needs = {
            name: chance.sample(names[:number], min(number, chance.randint(0, 2)))
            for number, name in enumerate(names)
        }
        order = order_of(needs, {name: chance.uniform(1, 20) for name in names})
        for slots in (1, 3, 8, 64):
            assert measure(order, slots) <= order.estimate_duration(slots)
        assert search_priorities(order, 3) == search_priorities(order, 3)


def test_each_build_has_a_place_of_its_own() -> None:
    seconds = {f"c{number}": 1.0 + number % 7 for number in range(40)}
    starts = pack(seconds, 6, Random(0))
    assert starts.keys() == seconds.keys()
    for name, start in starts.items():
        running = [other for other in starts if starts[other] <= start < starts[other] + seconds[other]]
        assert name in running and len(running) <= 6
    assert max(starts[name] + seconds[name] for name in starts) <= 1.02 * sum(seconds.values()) / 6
