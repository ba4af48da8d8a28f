"""How long the rest of the builds takes: the longest chain, the amount of work, what runs, what was never measured."""

from __future__ import annotations

from altai_build.model.order import DEFAULT_BUILD_SECONDS, OrderedComponent, compute_order
from altai_build.model.remaining_time import RemainingTime


def make(jobs: int, *components: tuple[str, str, float | None]) -> RemainingTime:
    """Of components (name, what it needs, seconds)."""
    order = compute_order(
        [
            OrderedComponent(
                name=name,
                provides=frozenset([name]),
                build_requires=tuple(needed.split()),
                requires=(),
                seconds=seconds,
            )
            for name, needed, seconds in components
        ]
    )
    unmeasured = frozenset(name for name, _, seconds in components if seconds is None)
    return RemainingTime(order=order, jobs=jobs, unmeasured=unmeasured)


def test_the_longest_chain_or_all_work_in_so_many_jobs_whichever_takes_longer() -> None:
    builds = (("a", "", 10.0), ("b", "a", 50.0), ("c", "", 40.0), ("d", "", 40.0))
    assert make(8, *builds).estimate_seconds((), {}) == 60.0
    assert make(2, *builds).estimate_seconds((), {}) == 70.0
    assert make(8, *builds).estimate_seconds(("a", "c"), {}) == 50.0


def test_what_runs_is_counted_by_what_is_left_of_it() -> None:
    rest = make(1, ("a", "", 100.0), ("b", "a", 20.0))
    assert rest.estimate_seconds((), {"a": 30.0}) == 90.0
    assert rest.estimate_seconds((), {"a": 1000.0}) == 20.0, (
        "it takes longer than last time: it may end at any moment"
    )
    assert rest.describe((), {"a": 30.0}) == "about 1:30 left"


def test_what_was_never_built_is_told() -> None:
    rest = make(1, ("a", "", 5.0), ("b", "", None))
    assert rest.estimate_seconds((), {}) == 5.0 + DEFAULT_BUILD_SECONDS
    assert rest.describe((), {}) == "about 0:35 left, 1 never built"
    assert rest.describe(("b",), {}) == "about 0:05 left"
    assert rest.describe(("a", "b"), {}) == ""
