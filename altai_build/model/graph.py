"""Dependency graphs: strongly connected components, and everything that a node needs, directly or through others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

T = TypeVar("T")
_BYTE_WITH_BITS = re.compile(rb"[^\0]")
# Byte → the numbers of its bits that are set.
_BITS_OF_BYTE = [[bit for bit in range(8) if byte >> bit & 1] for byte in range(256)]


def find_strong_components(graph: Mapping[T, Collection[T]]) -> list[list[T]]:
    """Groups of nodes that need one another, each after the groups that it needs (Tarjan's algorithm).

    A node that is in no cycle is a group of its own. Linear in nodes and edges, and safe for long chains.
    """
    index: dict[T, int] = {}
    low: dict[T, int] = {}
    stack: list[T] = []
    on_stack: set[T] = set()
    groups: list[list[T]] = []
    for root in graph:
        if root in index:
            continue
        path = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while path:
            node, needed = path[-1]
            following = next(needed, None)
            if following is None:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[node])
                if low[node] == index[node]:
                    group: list[T] = []
                    while not group or group[-1] != node:
                        group.append(stack.pop())
                    on_stack.difference_update(group)
                    groups.append(group)
            elif following not in index:
                index[following] = low[following] = len(index)
                stack.append(following)
                on_stack.add(following)
                path.append((following, iter(graph[following])))
            elif following in on_stack:
                low[node] = min(low[node], index[following])
    return groups


class TransitiveNeeds(Mapping[str, tuple[str, ...]]):
    """Component → all components that it needs, directly or through others, sorted; itself left out.

    Nodes that are not text (steps between components) are passed through and not listed. The sets are kept as bits and
    names are listed on request: as lists of names, the needs of ten thousand components would fill gigabytes.
    """

    def __init__(self, graph: Mapping[Any, Collection[Any]], groups: Sequence[Collection[Any]]) -> None:
        """`groups` are the graph's strong components, as `find_strong_components` orders them."""
        self._names = sorted(node for node in graph if isinstance(node, str))
        self._numbers = {name: number for number, name in enumerate(self._names)}
        self._graph, self._groups = graph, groups

    @cached_property
    def _bits(self) -> dict[str, int]:
        reached: dict[Any, int] = {}
        for group in self._groups:
            bits = 0
            for node in group:
                if isinstance(node, str):
                    bits |= 1 << self._numbers[node]
                for needed in self._graph[node]:
                    bits |= reached.get(needed, 0)
            reached.update(dict.fromkeys(group, bits))
        return {name: reached[name] & ~(1 << number) for name, number in self._numbers.items()}

    def __getitem__(self, name: str) -> tuple[str, ...]:
        bits = self._bits[name]
        data = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
        # Most components need few of all: bytes without a bit are passed over at once.
        return tuple(
            self._names[8 * at.start() + bit]
            for at in _BYTE_WITH_BITS.finditer(data)
            for bit in _BITS_OF_BYTE[at.group()[0]]
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._numbers

    def includes(self, name: str, needed: str) -> bool:
        """True when `name` needs `needed`; quicker than listing everything that it needs."""
        return bool(self._bits[name] >> self._numbers[needed] & 1)
