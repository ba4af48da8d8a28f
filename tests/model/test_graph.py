"""Strong components and transitive needs, compared with their definitions on random graphs."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from altai_build.model.graph import TransitiveNeeds, find_strong_components

NODES = st.sampled_from("abcdefg")
GRAPHS = st.dictionaries(NODES, st.frozensets(NODES, max_size=3)).map(
    lambda graph: {name: needed & graph.keys() for name, needed in graph.items()}
)


def reachable(graph: Mapping[str, frozenset[str]], start: str) -> set[str]:
    """The nodes at the ends of all paths of at least one edge."""
    found: set[str] = set()
    while (more := set().union(graph[start], *(graph[name] for name in found))) - found:
        found |= more
    return found


@given(GRAPHS)
def test_groups_are_the_nodes_that_need_one_another_and_follow_what_they_need(
    graph: Mapping[str, frozenset[str]],
) -> None:
    groups = find_strong_components(graph)
    assert sorted(name for group in groups for name in group) == sorted(graph)
    number = {name: position for position, group in enumerate(groups) for name in group}
    for name in graph:
        needed = reachable(graph, name)
        mutual = {other for other in needed if name in reachable(graph, other)} | {name}
        assert set(groups[number[name]]) == mutual
        assert all(number[other] <= number[name] for other in needed)


@given(GRAPHS)
def test_transitive_needs_are_everything_reachable_but_the_node_itself(
    graph: Mapping[str, frozenset[str]],
) -> None:
    needs = TransitiveNeeds(graph, find_strong_components(graph))
    assert dict(needs) == {name: tuple(sorted(reachable(graph, name) - {name})) for name in graph}
    for name in graph:
        assert name in needs
        assert [other for other in sorted(graph) if needs.includes(name, other)] == list(needs[name])


def test_nodes_that_are_not_text_are_passed_through() -> None:
    graph: dict[object, list[object]] = {"app": [1], 1: ["lib", 2], 2: [1, "base"], "lib": [], "base": []}
    needs = TransitiveNeeds(graph, find_strong_components(graph))
    assert dict(needs) == {"app": ("base", "lib"), "lib": (), "base": ()}


def test_a_chain_longer_than_the_recursion_limit() -> None:
    graph = {number: [number + 1] if number < 5000 else [] for number in range(5001)}
    assert [group[0] for group in find_strong_components(graph)] == list(range(5000, -1, -1))
