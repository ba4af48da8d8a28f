"""The picture of a build: columns by what is needed, lines only where nothing else implies them."""

from __future__ import annotations

from altai_build.model.build_graph import BuildGraph, lay_out_graph


def columns(graph: BuildGraph) -> list[list[str]]:
    """The components of each column, from left to right and from top to bottom."""
    places = sorted({node.x for node in graph.nodes})
    return [
        [node.name for node in sorted(graph.nodes, key=lambda node: node.y) if node.x == x] for x in places
    ]


def lines(graph: BuildGraph) -> set[tuple[str, str]]:
    return {(edge.needed, edge.by) for edge in graph.edges}


def test_what_is_needed_stands_to_the_left() -> None:
    graph = lay_out_graph({"nova": ("keystone", "oslo"), "oslo": (), "keystone": ("oslo",), "bottle": ()})
    assert columns(graph) == [["oslo", "bottle"], ["keystone"], ["nova"]]


def test_a_need_that_another_brings_along_has_no_line() -> None:
    graph = lay_out_graph({"nova": ("keystone", "oslo"), "oslo": (), "keystone": ("oslo",)})
    assert lines(graph) == {("oslo", "keystone"), ("keystone", "nova")}


def test_components_stand_near_those_they_need() -> None:
    graph = lay_out_graph({"a": (), "b": (), "needs b": ("b",), "also a": ("a",)})
    assert columns(graph) == [["a", "b"], ["also a", "needs b"]]


def test_a_circle_is_drawn_too() -> None:
    graph = lay_out_graph({"a": ("b",), "b": ("a",), "c": ()})
    assert columns(graph) == [["c"], ["a", "b"]]
    assert lines(graph) == {("a", "b"), ("b", "a")}


def test_names_that_are_no_components_are_left_out() -> None:
    graph = lay_out_graph({"a": ("gone",)})
    assert columns(graph) == [["a"]]
    assert graph.edges == ()


def test_everything_lies_inside_the_picture() -> None:
    graph = lay_out_graph({"a": (), "a-long-name-of-a-component": ("a",), "b": ()})
    for node in graph.nodes:
        assert 0 <= node.x <= graph.width - graph.box_width
        assert 0 <= node.y <= graph.height - graph.box_height
    assert lay_out_graph({}).nodes == ()
