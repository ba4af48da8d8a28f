"""The picture of dependencies: columns by what is needed, lines only where nothing else implies them."""

from __future__ import annotations

import re

from altai_build.model.dependency_graph import DependencyGraph, lay_out_graph


def columns(graph: DependencyGraph) -> list[list[str]]:
    """The components of each column, from left to right and from top to bottom."""
    places = sorted({node.x for node in graph.nodes})
    return [
        [node.name for node in sorted(graph.nodes, key=lambda node: node.y) if node.x == x] for x in places
    ]


def lines(graph: DependencyGraph) -> set[tuple[str, str]]:
    return {(edge.needed, edge.by) for edge in graph.edges}


def test_what_is_needed_stands_to_the_left_and_what_nobody_needs_below() -> None:
    graph = lay_out_graph({"nova": ("keystone", "oslo"), "oslo": (), "keystone": ("oslo",), "bottle": ()})
    assert columns(graph) == [["oslo", "bottle"], ["keystone"], ["nova"]]


def test_a_need_that_another_brings_along_has_no_line() -> None:
    graph = lay_out_graph({"nova": ("keystone", "oslo"), "oslo": (), "keystone": ("oslo",)})
    assert lines(graph) == {("oslo", "keystone"), ("keystone", "nova")}


def test_components_stand_near_those_they_need() -> None:
    graph = lay_out_graph({"a": (), "b": (), "needs b": ("b",), "also a": ("a",)})
    left, right = columns(graph)
    assert [left.index("a") < left.index("b"), right.index("also a") < right.index("needs b")] in (
        [True, True],
        [False, False],
    )
    heights = {node.name: node.y for node in graph.nodes}
    assert heights["a"] == heights["also a"] and heights["b"] == heights["needs b"]


def test_what_needs_nothing_stands_beside_what_needs_it() -> None:
    graph = lay_out_graph({"a": (), "b": ("a",), "c": ("b", "late"), "late": ()})
    assert columns(graph)[1] in (["b", "late"], ["late", "b"])


def test_a_cycle_is_drawn_too() -> None:
    graph = lay_out_graph({"a": ("b",), "b": ("a",), "c": (), "d": ("a",), "itself": ("itself",)})
    assert lines(graph) == {("a", "b"), ("b", "a"), ("a", "d")}
    assert len(columns(graph)) >= 2
    back = [edge for edge in graph.edges if "S" in edge.path]
    assert len(back) == 1


def test_a_line_passes_between_the_boxes_of_a_column() -> None:
    needs = {"a": (), "b": ("a",), "b2": ("a",), "c": ("b", "b2"), "d": ("c",), "e": ("d", "x"), "x": ("a",)}
    graph = lay_out_graph(needs)
    (edge,) = [edge for edge in graph.edges if (edge.needed, edge.by) == ("x", "e")]
    passed = {int(height) for height in re.findall(r" (\d+)H", edge.path)}
    assert passed
    for node in graph.nodes:
        assert not any(node.y < height < node.y + graph.box_height for height in passed) or node.name in "aex"


def test_names_that_are_no_components_are_left_out() -> None:
    graph = lay_out_graph({"a": ("gone",)})
    assert columns(graph) == [["a"]]
    assert graph.edges == ()


def test_boxes_lie_inside_the_picture_and_never_upon_one_another() -> None:
    needs = {f"c{n}": [f"c{m}" for m in range(n) if (n * 7 + m * 3) % 11 == 0] for n in range(120)}
    graph = lay_out_graph(needs | {"a-very-long-name-that-is-cut-somewhere": ("c1",)})
    for node in graph.nodes:
        assert 0 <= node.x <= graph.width - graph.box_width
        assert 0 <= node.y <= graph.height - graph.box_height
    by_column: dict[int, list[int]] = {}
    for node in graph.nodes:
        by_column.setdefault(node.x, []).append(node.y)
    for heights in map(sorted, by_column.values()):
        assert all(below - above >= graph.box_height for above, below in zip(heights, heights[1:]))
    assert [node.label for node in graph.nodes if "…" in node.label] == ["a-very-long-name-that-is-cu…"]
    assert lay_out_graph({}).nodes == ()


def test_the_order_of_the_input_changes_nothing() -> None:
    needs = {"a": ("b", "c"), "b": ("c",), "c": (), "d": ("c",)}
    assert lay_out_graph(needs) == lay_out_graph({name: needs[name][::-1] for name in reversed(needs)})
