"""The queue of builds: the most urgent first, prepared ahead, and no slot idle for what is not prepared."""

from __future__ import annotations

from typing import Any

from altai_build.pipeline.build.build_queue import BuildQueue, PreparedBuild

NOTHING: Any = None


def make_queue(**remaining: float) -> BuildQueue:
    """A queue of components that each are a chain of their own."""
    queue = BuildQueue(remaining, remaining)
    for name in remaining:
        queue.add(name)
    return queue


def take(queue: BuildQueue, slots: int, building: int) -> str:
    """What comes next: `name` to prepare, `build name` to start, "" for nothing."""
    following = queue.take(slots, building)
    if isinstance(following, PreparedBuild):
        return f"build {following.name}"
    return following or ""


def test_the_most_urgent_is_prepared_and_started_before_others() -> None:
    queue = make_queue(a=1.0, b=3.0, c=2.0)
    assert take(queue, 1, 0) == "b"
    queue.put_prepared("b", NOTHING, NOTHING)
    # The slot is free: it is not idle until another one is prepared.
    assert take(queue, 1, 0) == "build b"
    assert [take(queue, 1, 1), take(queue, 1, 1)] == ["c", ""]
    queue.put_prepared("c", NOTHING, NOTHING)
    assert [take(queue, 1, 1), take(queue, 1, 0)] == ["", "build c"]


def test_as_many_are_prepared_as_there_are_slots() -> None:
    for building in (0, 2):
        queue = make_queue(**{f"c{number}": 1.0 for number in range(9)})
        assert [take(queue, 2, building) for _ in range(4)] == ["c0", "c1", "", ""]


def test_there_is_always_room_for_what_is_more_urgent() -> None:
    queue = make_queue(a=1.0, b=1.0, c=1.0)
    assert [take(queue, 1, 1), take(queue, 1, 1)] == ["a", ""]
    queue = BuildQueue({"a": 1.0, "urgent": 2.0}, {"a": 1.0, "urgent": 2.0})
    queue.add("a")
    assert take(queue, 1, 1) == "a"
    queue.put_prepared("a", NOTHING, NOTHING)
    queue.add("urgent")
    assert take(queue, 1, 1) == "urgent"
    queue.put_prepared("urgent", NOTHING, NOTHING)
    assert [take(queue, 1, 0), take(queue, 1, 1)] == ["build urgent", ""]


def test_a_slot_is_kept_for_a_build_whose_chain_is_as_long_as_the_run() -> None:
    for remaining, seconds, following in ((30.0, 10.0, ""), (30.0, 60.0, "build a")):
        # `first` begins a chain of 30 seconds, and there are 11 or 61 seconds of work for two slots.
        queue = BuildQueue({"a": 1.0, "first": remaining}, {"a": 1.0, "first": seconds})
        queue.add("a")
        assert take(queue, 2, 1) == "a"
        queue.put_prepared("a", NOTHING, NOTHING)
        queue.add("first")
        assert [take(queue, 2, 1), take(queue, 2, 1)] == ["first", following]
    # What failed keeps no slot.
    queue = BuildQueue({"a": 1.0, "first": 30.0}, {"a": 1.0, "first": 10.0})
    queue.add("a")
    queue.add("first")
    assert [take(queue, 2, 1), take(queue, 2, 1)] == ["first", "a"]
    queue.put_prepared("a", NOTHING, NOTHING)
    assert take(queue, 2, 1) == ""
    queue.settle("first")
    assert take(queue, 2, 1) == "build a"


def test_a_better_order_counts_from_the_first_build_on() -> None:
    slots: list[int] = []

    def search(number: int) -> dict[str, float]:
        slots.append(number)
        return {"a": 1.0, "b": 3.0, "c": 2.0}

    remaining = {"a": 9.0, "b": 2.0, "c": 1.0}
    queue = BuildQueue(remaining, remaining, search)
    for name in remaining:
        queue.add(name)
    assert [take(queue, 2, 0), take(queue, 2, 0), take(queue, 2, 0)] == ["a", "b", ""] and not slots
    for name in ("a", "b"):
        queue.put_prepared(name, NOTHING, NOTHING)
    assert [take(queue, 2, 0), take(queue, 2, 1)] == ["build b", "c"]
    queue.put_prepared("c", NOTHING, NOTHING)
    assert [take(queue, 2, 1), slots] == ["build c", [2]]


def test_what_is_prepared_is_closed_at_the_end() -> None:
    queue = make_queue(a=1.0)
    assert take(queue, 1, 1) == "a"
    queue.put_prepared("a", NOTHING, NOTHING)
    assert list(queue.close()) == [None] and take(queue, 1, 0) == ""
