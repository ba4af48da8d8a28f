"""The picture of a build: components in columns from left to right, a line from each to those that need it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from altai_build.model.graph import find_strong_components

# In pixels of the picture; letters of the font are at most this wide.
_LETTER_WIDTH = 7.3
_PADDING = 12
_BOX_HEIGHT = 26
_ROW_HEIGHT = 36
_COLUMN_GAP = 72


@dataclass(frozen=True)
class GraphNode:
    """A component and the upper left corner of its box."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class GraphEdge:
    """A need, drawn as a curve: `path` is the attribute `d` of an SVG path."""

    needed: str
    by: str
    path: str


@dataclass(frozen=True)
class BuildGraph:
    """The whole picture and its size; every box has the same size."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    width: float
    height: float
    box_width: float
    box_height: float = _BOX_HEIGHT


def lay_out_graph(needs: Mapping[str, Sequence[str]]) -> BuildGraph:
    """Lay out components by what they need; a need that another need implies gets no line.

    Needed names that are not components of the picture are left out. Components in cycles, and those that need them,
    stand in a column of their own at the right.
    """
    inner = {name: {needed for needed in wanted if needed in needs} for name, wanted in needs.items()}
    columns = _order_columns(_assign_columns(inner), inner)
    box_width = max((len(name) for name in inner), default=0) * _LETTER_WIDTH + 2 * _PADDING
    corners = {
        name: (column * (box_width + _COLUMN_GAP), row * _ROW_HEIGHT)
        for column, names in enumerate(columns)
        for row, name in enumerate(names)
    }
    edges = []
    for name in corners:
        for needed in sorted(_direct_needs(name, inner)):
            x, y = corners[needed][0] + box_width, corners[needed][1] + _BOX_HEIGHT / 2
            to_x, to_y = corners[name][0], corners[name][1] + _BOX_HEIGHT / 2
            middle = (x + to_x) / 2
            path = f"M{x:.0f} {y:.0f}C{middle:.0f} {y:.0f} {middle:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
            edges.append(GraphEdge(needed=needed, by=name, path=path))
    return BuildGraph(
        nodes=tuple(GraphNode(name=name, x=x, y=y) for name, (x, y) in corners.items()),
        edges=tuple(edges),
        width=max(0, len(columns) * (box_width + _COLUMN_GAP) - _COLUMN_GAP),
        height=max((len(names) for names in columns), default=0) * _ROW_HEIGHT,
        box_width=box_width,
    )


def _assign_columns(needs: Mapping[str, set[str]]) -> list[list[str]]:
    """Components by the length of the longest chain of needs behind them; those blocked by a cycle come last."""
    numbers: dict[str, int] = {}
    blocked: list[str] = []
    for group in find_strong_components(needs):
        behind = set().union(*(needs[name] for name in group)) - set(group)
        if len(group) > 1 or not behind <= numbers.keys():
            blocked += group
        else:
            numbers[group[0]] = 1 + max((numbers[name] for name in behind), default=-1)
    columns: list[list[str]] = [[] for _ in range(1 + max(numbers.values(), default=-1))]
    for name, number in numbers.items():
        columns[number].append(name)
    return [*columns, blocked] if blocked else columns


def _order_columns(columns: list[list[str]], needs: Mapping[str, set[str]]) -> list[list[str]]:
    """Components stand near those they need, so that fewer lines cross; those without any line stand at the bottom."""
    wanted = set().union(*needs.values())
    rows: dict[str, int] = {}
    ordered = []
    for column in columns:

        def height(name: str) -> tuple[bool, float, str]:
            near = [rows[needed] for needed in needs[name] if needed in rows]
            return (not near and name not in wanted, sum(near) / len(near) if near else 0.0, name)

        ordered.append(sorted(column, key=height))
        rows.update({name: row for row, name in enumerate(ordered[-1])})
    return ordered


def _direct_needs(name: str, needs: Mapping[str, set[str]]) -> set[str]:
    """What a component needs, less what its other needs imply."""
    return needs[name].difference(*(needs[needed] for needed in needs[name]))
