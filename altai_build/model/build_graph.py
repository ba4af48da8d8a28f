"""The picture of a build: components in waves from left to right, lines from what is needed to who needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# In pixels of the picture; letters of the font are at most this wide.
_LETTER_WIDTH = 7.3
_PADDING = 12
_BOX_HEIGHT = 26
_ROW_HEIGHT = 36
_COLUMN_GAP = 72


@dataclass(frozen=True)
class GraphNode:
    """A component: where its left upper corner is."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class GraphEdge:
    """A need, drawn as a curve: `path` is SVG's `d`."""

    needed: str
    by: str
    path: str


@dataclass(frozen=True)
class BuildGraph:
    """All of it, and how large it is; every box has the same size."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    width: float
    height: float
    box_width: float
    box_height: float = _BOX_HEIGHT


def lay_out_graph(needs: Mapping[str, Sequence[str]]) -> BuildGraph:
    """Lay out components by whom they need; a need that another need implies gets no line.

    `needs` may hold names that are no components of it; they are left out. Components that go round in a circle stand
    in a wave of their own at the end.
    """
    inner = {name: {one for one in wanted if one in needs} for name, wanted in needs.items()}
    waves = _order_waves(_compute_waves(inner), inner)
    box_width = max((len(name) for name in inner), default=0) * _LETTER_WIDTH + 2 * _PADDING
    places = {
        name: (column * (box_width + _COLUMN_GAP), row * _ROW_HEIGHT)
        for column, wave in enumerate(waves)
        for row, name in enumerate(wave)
    }
    edges = []
    for name in places:
        for needed in sorted(_direct_needs(name, inner)):
            x, y = places[needed][0] + box_width, places[needed][1] + _BOX_HEIGHT / 2
            to_x, to_y = places[name][0], places[name][1] + _BOX_HEIGHT / 2
            middle = (x + to_x) / 2
            path = f"M{x:.0f} {y:.0f}C{middle:.0f} {y:.0f} {middle:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
            edges.append(GraphEdge(needed=needed, by=name, path=path))
    return BuildGraph(
        nodes=tuple(GraphNode(name=name, x=x, y=y) for name, (x, y) in places.items()),
        edges=tuple(edges),
        width=max(0, len(waves) * (box_width + _COLUMN_GAP) - _COLUMN_GAP),
        height=max((len(wave) for wave in waves), default=0) * _ROW_HEIGHT,
        box_width=box_width,
    )


def _compute_waves(needs: Mapping[str, set[str]]) -> list[list[str]]:
    """Components by how long the chain behind them is."""
    waves: list[list[str]] = []
    settled: set[str] = set()
    while len(settled) < len(needs):
        wave = [name for name in needs if name not in settled and needs[name] <= settled]
        wave = wave or [name for name in needs if name not in settled]
        waves.append(wave)
        settled.update(wave)
    return waves


def _order_waves(waves: list[list[str]], needs: Mapping[str, set[str]]) -> list[list[str]]:
    """Waves whose components stand near those they need, so that fewer lines cross; what nobody needs stands below."""
    wanted = {one for names in needs.values() for one in names}
    rows: dict[str, int] = {}
    ordered = []
    for wave in waves:

        def height(name: str) -> tuple[bool, float, str]:
            near = [rows[one] for one in needs[name] if one in rows]
            return (not near and name not in wanted, sum(near) / len(near) if near else 0.0, name)

        ordered.append(sorted(wave, key=height))
        rows.update({name: row for row, name in enumerate(ordered[-1])})
    return ordered


def _direct_needs(name: str, needs: Mapping[str, set[str]]) -> set[str]:
    """What a component needs, less what one of its other needs brings along."""
    return {
        one for one in needs[name] if not any(one in needs[other] for other in needs[name] if other != one)
    }
