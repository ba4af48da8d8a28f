"""The order of builds keeps every need, contains every component, and names cycles by their whole path."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altai_build.model.order import DEFAULT_BUILD_SECONDS, Order, OrderedComponent, compute_order


def node(
    name: str,
    build: Sequence[str] = (),
    *,
    run: Sequence[str] = (),
    provides: Sequence[str] | None = None,
    seconds: float | None = 1.0,
) -> OrderedComponent:
    return OrderedComponent(
        name=name,
        provides=frozenset([name] if provides is None else provides),
        build_requires=tuple(build),
        requires=tuple(run),
        seconds=seconds,
    )


NAMES = st.sampled_from("abcdefgh")


@st.composite
def graphs(draw: st.DrawFn) -> list[OrderedComponent]:
    names = draw(st.lists(NAMES, unique=True, max_size=8))
    needs = st.lists(NAMES, max_size=3)
    times = st.one_of(st.none(), st.floats(min_value=0, max_value=100))
    return [node(name, draw(needs), run=draw(needs), seconds=draw(times)) for name in names]


def test_nothing_to_build() -> None:
    order = compute_order([])
    assert (order.waves, order.cycles, order.critical_path, order.critical_path_seconds) == ((), (), (), 0.0)


def test_waves_follow_build_requirements() -> None:
    order = compute_order([node("c", ["b"]), node("b", ["a", "gcc"]), node("a"), node("z")])
    assert order.waves == (("a", "z"), ("b",), ("c",))
    assert order.needs == {"a": (), "b": ("a",), "c": ("a", "b"), "z": ()}
    assert order.reasons["b"]["a"] == "a"


def test_packages_that_a_build_requirement_requires_come_first() -> None:
    order = compute_order(
        [node("app", ["lib"]), node("lib", run=["base"]), node("base", run=["data"]), node("data")]
    )
    assert order.needs["app"] == ("base", "data", "lib")
    assert order.waves == (("base", "data", "lib"), ("app",))


def test_all_providers_of_a_capability_come_first() -> None:
    order = compute_order(
        [node("x", ["mta"]), node("one", provides=["mta"]), node("two", provides=["mta", "two"])]
    )
    assert order.needs["x"] == ("one", "two")
    assert order.reasons["x"] == {"one": "mta", "two": "mta"}


def test_a_component_does_not_wait_for_what_it_provides_itself() -> None:
    assert compute_order([node("a", ["a", "a-libs"], provides=["a", "a-libs"])]).waves == (("a",),)


def test_a_cycle_has_its_whole_path_and_what_needs_it_is_in_no_wave() -> None:
    nodes = [node("a", ["b"]), node("b", ["c"]), node("c", ["a"]), node("after", ["c"]), node("free")]
    order = compute_order(nodes)
    assert order.waves == (("free",),)
    (cycle,) = order.cycles
    assert cycle == ("a", "b", "c", "a")


def test_a_cycle_through_a_requirement_of_a_package_names_that_package() -> None:
    nodes = [node("a", ["b"]), node("b", run=["c"]), node("c", run=["d"]), node("d", ["a"])]
    order = compute_order(nodes)
    assert order.cycles == (("a", "d", "a"),) and order.waves == (("b", "c"),)
    assert order.describe_cycle(order.cycles[0]) == "a → d (required by b → c) → a"
    direct = compute_order([node("x", ["y"]), node("y", ["x"])])
    assert direct.describe_cycle(direct.cycles[0]) == "x → y → x"


def test_each_separate_cycle_is_reported() -> None:
    order = compute_order([node("a", ["b"]), node("b", ["a"]), node("x", ["y"]), node("y", ["x", "a"])])
    assert set(order.cycles) == {("a", "b", "a"), ("x", "y", "x")}


def test_a_cycle_of_runtime_requirements_alone_is_no_obstacle() -> None:
    order = compute_order([node("a", run=["b"]), node("b", run=["a"]), node("user", ["a"])])
    assert order.cycles == () and order.waves == (("a", "b"), ("user",))


def test_a_package_that_requires_what_is_built_with_it_is_no_cycle() -> None:
    # To build `a` one installs `b`, which requires an older `a`.
    order = compute_order([node("a", ["b"]), node("b", run=["a"])])
    assert order.needs["a"] == ("b",) and order.cycles == ()
    assert order.waves == (("b",), ("a",))


def test_the_longest_chain_by_measured_times() -> None:
    nodes = [
        node("quick", seconds=1.0),
        node("slow", seconds=100.0),
        node("mid", ["quick"], seconds=10.0),
        node("end", ["mid", "slow"], seconds=5.0),
        node("new", seconds=None),
    ]
    order = compute_order(nodes)
    assert order.remaining_seconds == {
        "quick": 16.0,
        "slow": 105.0,
        "mid": 15.0,
        "end": 5.0,
        "new": DEFAULT_BUILD_SECONDS,
    }
    assert (order.critical_path, order.critical_path_seconds) == (("slow", "end"), 105.0)
    left = order.without({"slow", "unheard-of"})
    assert left.waves == (("new", "quick"), ("mid",))
    assert (left.critical_path, left.critical_path_seconds) == (("new",), DEFAULT_BUILD_SECONDS)
    assert left.estimate_duration(1) == 11.0 + DEFAULT_BUILD_SECONDS


def test_how_long_everything_takes_with_some_builds_side_by_side() -> None:
    nodes = [node("long", seconds=10.0), node("a", seconds=4.0), node("b", ["a"], seconds=4.0)]
    nodes += [node("x", ["y"]), node("y", ["x"])]  # a cycle takes no time: it is not built
    order = compute_order(nodes)
    assert [order.estimate_duration(jobs) for jobs in (1, 2, 3)] == [18.0, 10.0, 10.0]
    assert compute_order([]).estimate_duration(2) == 0.0


@given(graphs(), st.integers(1, 4))
def test_more_builds_side_by_side_never_beat_the_critical_path(
    nodes: list[OrderedComponent], jobs: int
) -> None:
    order = compute_order(nodes)
    total = sum(order.seconds[name] for name in order.remaining_seconds)
    found = order.estimate_duration(jobs)
    assert found >= max(order.critical_path_seconds, total / jobs) - 1e-6 and found <= total + 1e-6
    assert order.estimate_duration(1) == pytest.approx(total)
    assert order.estimate_duration(len(nodes) + 1) == pytest.approx(order.critical_path_seconds)


def test_a_long_chain_and_a_wide_one() -> None:
    chain = [node("n0000"), *(node(f"n{n:04}", [f"n{n - 1:04}"]) for n in range(1, 1500))]
    order = compute_order(chain)
    assert len(order.waves) == 1500 and len(order.critical_path) == 1500
    wide = [node("root"), *(node(f"leaf{n}", ["root"]) for n in range(2000))]
    assert [len(wave) for wave in compute_order(wide).waves] == [1, 2000]


def test_a_large_superproject_is_ordered_in_seconds() -> None:
    """Ten thousand components in ten layers; an algorithm that is quadratic in them takes half a minute."""
    layer = 1000
    large = [
        node(
            f"c{number}",
            [f"c{number - layer}", f"c{(number * 7) % layer + (number // layer - 1) * layer}"]
            if number >= layer
            else [],
            run=[f"c{(number * 3) % layer + (number // layer - 1) * layer}"] if number >= layer else [],
        )
        for number in range(10 * layer)
    ]
    started = time.process_time()
    order = compute_order(large)
    assert order.estimate_duration(8) >= order.critical_path_seconds == 10.0
    assert time.process_time() - started < 5
    assert [len(wave) for wave in order.waves] == [layer] * 10


@given(graphs())
def test_each_component_is_in_one_wave_or_blocked_and_waves_respect_needs(
    nodes: list[OrderedComponent],
) -> None:
    order = compute_order(nodes)
    placed = [name for wave in order.waves for name in wave]
    assert len(placed) == len(set(placed))
    when = {name: number for number, wave in enumerate(order.waves) for name in wave}
    circular = {name for cycle in order.cycles for name in cycle}
    names = {one.name for one in nodes}
    blocked_by_cycle = names - set(placed)
    assert circular <= blocked_by_cycle
    for name in names:
        waits = set(order.needs[name])
        assert name not in waits and waits <= names
        assert (name in blocked_by_cycle) == (name in circular or bool(waits & circular))
        if name in when:
            assert all(when[needed] < when[name] for needed in waits)
    for one in nodes:
        for requirement in one.build_requires:
            if requirement in names and requirement != one.name:
                assert requirement in order.needs[one.name]


@given(graphs())
def test_cycles_are_closed_paths_along_needs(nodes: list[OrderedComponent]) -> None:
    order = compute_order(nodes)
    for cycle in order.cycles:
        assert cycle[0] == cycle[-1] and len(set(cycle)) == len(cycle) - 1 >= 2
        for name, following in zip(cycle, cycle[1:]):
            assert following in order.needs[name]


@given(graphs())
def test_the_critical_path_is_a_longest_one(nodes: list[OrderedComponent]) -> None:
    order = compute_order(nodes)
    own = {one.name: DEFAULT_BUILD_SECONDS if one.seconds is None else one.seconds for one in nodes}
    assert set(order.remaining_seconds) == {name for wave in order.waves for name in wave}
    if order.critical_path:
        assert sum(own[name] for name in order.critical_path) == pytest.approx(order.critical_path_seconds)
        for name, following in zip(order.critical_path, order.critical_path[1:]):
            assert name in order.needs[following]


@given(graphs(), st.randoms())
def test_the_order_does_not_depend_on_how_components_are_listed(
    nodes: list[OrderedComponent], random: object
) -> None:
    shuffled = list(nodes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, two = compute_order(nodes), compute_order(shuffled)
    assert parts(one) == parts(two)


def parts(order: Order) -> tuple[object, ...]:
    return (order.needs, order.waves, set(order.cycles), order.remaining_seconds, order.critical_path)
