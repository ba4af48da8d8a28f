"""The picture of dependencies: boxes in columns from left to right, a line from each to those that need it.

A layered drawing (Sugiyama) in four steps: columns by what is needed, rows so that few lines cross, heights so that
lines are straight, and boxes without any line in a block of their own below.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from altai_build.model.graph import find_strong_components

# In pixels of the picture; letters of the font are at most this wide.
_LETTER_WIDTH = 7.3
_PADDING = 10
_LONGEST_LABEL = 28  # characters; longer names are cut
_BOX_HEIGHT = 24
_ROW_HEIGHT = 32
_LINE_HEIGHT = 10  # between lines that pass through a column
_COLUMN_GAP = 64
_SWEEPS = 12  # over all columns, to and fro; crossings hardly change after six

# A box by its name, or the place where a line passes through a column: needed, by, column.
_Item = object


@dataclass(frozen=True)
class GraphNode:
    """A box: its name, what is written in it, and its upper left corner."""

    name: str
    label: str
    x: int
    y: int


@dataclass(frozen=True)
class GraphEdge:
    """A need, drawn as a curve: `path` is the attribute `d` of an SVG path."""

    needed: str
    by: str
    path: str


@dataclass(frozen=True)
class DependencyGraph:
    """The whole picture and its size; every box has the same size."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    width: int
    height: int
    box_width: int
    box_height: int = _BOX_HEIGHT


def lay_out_graph(needs: Mapping[str, Collection[str]]) -> DependencyGraph:
    """Lay out names by what they need; a need that another need implies gets no line.

    Needed names that are not in the picture are left out. Lines that close a cycle lead from right to left. The same
    needs always give the same picture.
    """
    inner = {name: {needed for needed in needs[name] if needed in needs} - {name} for name in sorted(needs)}
    forward, backward = _split_cycles(inner)
    direct = _remove_implied(forward)
    linked = {name for name in inner if inner[name]}.union(*inner.values())
    columns = _assign_columns({name: direct[name] for name in direct if name in linked})
    lines = _Lines(columns, direct)
    order = lines.order_rows()
    heights = lines.straighten(order)
    box_width = round(max(map(len, map(_cut, inner)), default=0) * _LETTER_WIDTH) + 2 * _PADDING
    drawing = _Drawing(box_width, columns, heights)
    loose = drawing.place_loose([name for name in inner if name not in linked])
    nodes = [GraphNode(name, _cut(name), *drawing.corner(name)) for column in order for name in column
             if isinstance(name, str)]  # fmt: skip
    nodes += [GraphNode(name, _cut(name), x, y) for name, (x, y) in loose.items()]
    edges = [
        GraphEdge(needed, name, drawing.draw(needed, name))
        for both in (direct, backward)
        for name in sorted(both)
        for needed in sorted(both[name])
    ]
    return DependencyGraph(
        nodes=tuple(nodes),
        edges=tuple(edges),
        width=max((node.x for node in nodes), default=-box_width) + box_width,
        height=max((node.y for node in nodes), default=-_BOX_HEIGHT) + _BOX_HEIGHT,
        box_width=box_width,
    )


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1]}…"


def _split_cycles(needs: Mapping[str, set[str]]) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The needs without those that close a cycle, and those."""
    place: dict[str, tuple[int, int]] = {}
    for number, group in enumerate(find_strong_components({name: sorted(needs[name]) for name in needs})):
        # In a cycle those that need the least of it come first.
        within = sorted(group, key=lambda name: (len(needs[name].intersection(group)), name))
        place.update({name: (number, row) for row, name in enumerate(within)})
    forward = {name: {one for one in needs[name] if place[one] < place[name]} for name in needs}
    return forward, {name: needs[name] - forward[name] for name in needs}


def _remove_implied(needs: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Each name's needs, less what its other needs bring along; the needs have no cycle."""
    behind: dict[str, set[str]] = {}
    direct = {}
    for (name,) in find_strong_components(needs):
        implied = set().union(*(behind[needed] for needed in needs[name]))
        direct[name] = needs[name] - implied
        behind[name] = needs[name] | implied
    return direct


def _assign_columns(needs: Mapping[str, set[str]]) -> dict[str, int]:
    """Names by the longest chain of needs behind them; then each as near as possible to what needs it."""
    sequence = [name for (name,) in find_strong_components(needs)]
    columns: dict[str, int] = {}
    for name in sequence:
        columns[name] = 1 + max((columns[needed] for needed in needs[name]), default=-1)
    wanted_by: dict[str, list[str]] = {name: [] for name in needs}
    for name in needs:
        for needed in needs[name]:
            wanted_by[needed].append(name)
    for name in reversed(sequence):
        if wanted_by[name] and not needs[name]:
            columns[name] = min(columns[by] for by in wanted_by[name]) - 1
    return columns


class _Lines:
    """Columns of boxes and of the places where lines pass, each with its neighbours to the left and right."""

    def __init__(self, columns: Mapping[str, int], needs: Mapping[str, set[str]]) -> None:
        self._columns: list[list[_Item]] = [[] for _ in range(1 + max(columns.values(), default=-1))]
        self._left: dict[_Item, list[_Item]] = {}
        self._right: dict[_Item, list[_Item]] = {}
        for name in sorted(columns):
            self._columns[columns[name]].append(name)
        for name in sorted(columns):
            for needed in sorted(needs[name]):
                self._add(needed, name, columns)

    def _add(self, needed: str, by: str, columns: Mapping[str, int]) -> None:
        passed = [(needed, by, column) for column in range(columns[needed] + 1, columns[by])]
        for place in passed:
            self._columns[place[2]].append(place)
        chain: list[_Item] = [needed, *passed, by]
        for left, right in zip(chain, chain[1:]):
            self._right.setdefault(left, []).append(right)
            self._left.setdefault(right, []).append(left)

    def order_rows(self) -> list[list[_Item]]:
        """The columns, sorted so that each box is near its neighbours."""
        order = [list(column) for column in self._columns]
        for sweep in range(_SWEEPS):
            to_right = sweep % 2 == 0
            neighbours = self._left if to_right else self._right
            for number in range(len(order)) if to_right else reversed(range(len(order))):
                beside = number - 1 if to_right else number + 1
                rows: dict[_Item, float] = {}
                if 0 <= beside < len(order):
                    rows = {item: row / len(order[beside]) for row, item in enumerate(order[beside])}
                own = {item: row / len(order[number]) for row, item in enumerate(order[number])}
                order[number].sort(key=_by_mean(neighbours, rows, own))
        return order

    def straighten(self, order: Sequence[Sequence[_Item]]) -> dict[_Item, float]:
        """The middle of each item, so that lines are short and items keep their order and distance."""
        heights: dict[_Item, float] = {}
        for column in order:
            heights.update(zip(column, _stack(column)))
        for sweep in range(_SWEEPS):
            to_right = sweep % 2 == 0
            neighbours = self._left if to_right else self._right
            for column in order if to_right else reversed(order):
                means = _by_mean(neighbours, heights, heights)
                wished = [means(item) for item in column]
                offsets = _stack(column)
                moved = _make_rising([wish - offset for wish, offset in zip(wished, offsets)])
                heights.update(zip(column, map(sum, zip(moved, offsets))))
        top = min((height for item, height in heights.items() if isinstance(item, str)), default=0.0)
        return {item: height - top + _BOX_HEIGHT / 2 for item, height in heights.items()}


def _by_mean(
    neighbours: Mapping[_Item, Sequence[_Item]], places: Mapping[_Item, float], own: Mapping[_Item, float]
) -> Callable[[_Item], float]:
    """Item → the mean place of its neighbours; its own place where it has none."""

    def compute(item: _Item) -> float:
        found = [places[one] for one in neighbours.get(item, ()) if one in places]
        return sum(found) / len(found) if found else own[item]

    return compute


def _stack(column: Sequence[_Item]) -> list[float]:
    """The middles of items that stand upon one another without room between them."""
    middles: list[float] = []
    above: _Item = None
    for item in column:
        if not middles:
            middles.append(0.0)
        else:
            are_boxes = isinstance(item, str) + isinstance(above, str)
            gap = (_LINE_HEIGHT, (_ROW_HEIGHT + _LINE_HEIGHT) / 2, _ROW_HEIGHT)[are_boxes]
            middles.append(middles[-1] + gap)
        above = item
    return middles


def _make_rising(values: Sequence[float]) -> list[float]:
    """The nearest values of which none is less than the one before it (pool adjacent violators)."""
    pools: list[tuple[float, int]] = []  # mean, how many
    for value in values:
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            other, others = pools.pop()
            mean, count = (mean * count + other * others) / (count + others), count + others
        pools.append((mean, count))
    return [mean for mean, count in pools for _ in range(count)]


class _Drawing:
    """Where boxes are, and the curves between them."""

    def __init__(self, box_width: int, columns: Mapping[str, int], heights: Mapping[_Item, float]) -> None:
        self._box_width, self._columns, self._heights = box_width, columns, heights

    def _get_x(self, column: int) -> int:
        return column * (self._box_width + _COLUMN_GAP)

    def _get_middle(self, item: _Item) -> int:
        return round(self._heights[item])

    def corner(self, name: str) -> tuple[int, int]:
        """The upper left corner of a box."""
        return self._get_x(self._columns[name]), self._get_middle(name) - _BOX_HEIGHT // 2

    def place_loose(self, names: Sequence[str]) -> dict[str, tuple[int, int]]:
        """The corners of boxes without lines: rows below the others, as wide as these."""
        count = max(1 + max(self._columns.values(), default=0), min(6, len(names)))
        boxes = [self._get_middle(name) for name in self._columns]
        top = max(boxes) + _ROW_HEIGHT + _BOX_HEIGHT // 2 if boxes else 0
        return {
            name: (self._get_x(number % count), top + number // count * _ROW_HEIGHT)
            for number, name in enumerate(names)
        }

    def draw(self, needed: str, by: str) -> str:
        """The curve from a box to one that needs it, through the columns between them."""
        first, last = self._columns[needed], self._columns[by]
        x, y = self._get_x(first) + self._box_width, self._get_middle(needed)
        if last <= first:
            return self._draw_back(x, y, self._get_x(last), self._get_middle(by))
        path = f"M{x} {y}"
        for column in range(first + 1, last + 1):
            to_x = self._get_x(column)
            to_y = self._get_middle(by if column == last else (needed, by, column))
            middle = (x + to_x) // 2
            path += f"C{middle} {y} {middle} {to_y} {to_x} {to_y}"
            x, y = to_x + self._box_width, to_y
            if column < last:
                path += f"H{x}"
        return path

    @staticmethod
    def _draw_back(x: int, y: int, to_x: int, to_y: int) -> str:
        """A line that closes a cycle: out to the right, and back to the left side of the other box."""
        bend = _COLUMN_GAP // 2
        return f"M{x} {y}C{x + bend} {y} {x + bend} {(y + to_y) // 2} {(x + to_x) // 2} {(y + to_y) // 2}" \
            f"S{to_x - bend} {to_y} {to_x} {to_y}"  # fmt: skip
