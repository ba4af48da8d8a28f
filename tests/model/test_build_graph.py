"""The picture of a build: columns by what is needed, lines only where nothing else implies them."""

from __future__ import annotations

from altai_build.model.build_graph import BuildGraph, lay_out_graph


def columns(drawing: BuildGraph) -> list[list[str]]:
    """The components of each column, from left to right and from top to bottom."""
    places = sorted({box.x for box in drawing.boxes})
    return [[box.name for box in sorted(drawing.boxes, key=lambda box: box.y) if box.x == x] for x in places]


def lines(drawing: BuildGraph) -> set[tuple[str, str]]:
    return {(line.needed, line.by) for line in drawing.lines}


def test_what_is_needed_stands_to_the_left() -> None:
    drawing = lay_out_graph({"nova": ("keystone", "oslo"), "oslo": (), "keystone": ("oslo",), "bottle": ()})
    assert columns(drawing) == [["oslo", "bottle"], ["keystone"], ["nova"]]


def test_a_need_that_another_brings_along_has_no_line() -> None:
    drawing = lay_out_graph({"nova": ("keystone", "oslo"), "oslo": (), "keystone": ("oslo",)})
    assert lines(drawing) == {("oslo", "keystone"), ("keystone", "nova")}


def test_components_stand_near_those_they_need() -> None:
    drawing = lay_out_graph({"a": (), "b": (), "needs b": ("b",), "also a": ("a",)})
    assert columns(drawing) == [["a", "b"], ["also a", "needs b"]]


def test_a_circle_is_drawn_too() -> None:
    drawing = lay_out_graph({"a": ("b",), "b": ("a",), "c": ()})
    assert columns(drawing) == [["c"], ["a", "b"]]
    assert lines(drawing) == {("a", "b"), ("b", "a")}


def test_names_that_are_no_components_are_left_out() -> None:
    drawing = lay_out_graph({"a": ("gone",)})
    assert columns(drawing) == [["a"]]
    assert drawing.lines == ()


def test_everything_lies_inside_the_picture() -> None:
    drawing = lay_out_graph({"a": (), "a-long-name-of-a-component": ("a",), "b": ()})
    for box in drawing.boxes:
        assert 0 <= box.x <= drawing.width - drawing.box_width
        assert 0 <= box.y <= drawing.height - drawing.box_height
    assert lay_out_graph({}).boxes == ()
