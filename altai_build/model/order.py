"""The order of builds: who needs whom, what may run side by side, where it goes round in a circle."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

DEFAULT_BUILD_SECONDS = 30.0  # seconds assumed for a component that was never built here


@dataclass(frozen=True)
class OrderedComponent:
    """A component as far as the order is concerned; names are rpm capabilities without versions."""

    name: str
    provides: frozenset[str]
    build_requires: tuple[str, ...]
    requires: tuple[str, ...]
    seconds: float | None = None  # how long its last build took
    bootstrap_build: OrderedComponent | None = (
        None  # the component as its declared bootstrap builds it, under a name of its own
    )


@dataclass(frozen=True)
class Order:
    """Everything that can be told before anything is built."""

    needs: Mapping[
        str, tuple[str, ...]
    ]  # component → those whose packages must be there, directly or through others
    waves: tuple[tuple[str, ...], ...]  # each builds when those before it are built; circles are in none
    cycles: tuple[tuple[str, ...], ...]  # each a whole path, its first name repeated at the end
    remaining_seconds: Mapping[
        str, float
    ]  # seconds from the start of a component to the end of all that wait for it
    critical_path: tuple[str, ...]
    blocked_by_cycle: tuple[str, ...]  # those in a circle and all that wait for one
    seconds: Mapping[str, float]  # how long each takes by itself
    reasons: Mapping[tuple[str, str], str]  # (component, needed) → the requirement that says so
    bootstrap_builds: Mapping[str, str] = field(
        default_factory=dict
    )  # a bootstrap that is needed → its component

    @property
    def critical_path_seconds(self) -> float:
        """How long the longest chain takes: no number of jobs makes it shorter."""
        return max(self.remaining_seconds.values(), default=0.0)

    def describe_cycle(self, cycle: Sequence[str]) -> str:
        """The whole path of a circle; what is only needed because another package requires it is told with that."""
        steps = [cycle[0]]
        for name, following in zip(cycle, cycle[1:]):
            between = self._find_intermediate_packages(name, following)
            steps.append(f"{following} (required by {' → '.join(between)})" if between else following)
        return " → ".join(steps)

    def _find_intermediate_packages(self, name: str, needed: str) -> list[str]:
        """The packages by way of which one component needs another; none where its own spec asks for it."""
        begin, end = (self.bootstrap_builds.get(one, one) for one in (name, needed))
        ways: dict[str, list[str]] = {name: [], begin: []}
        pending = [*ways]
        while pending:
            here = pending.pop(0)
            for asker, asked in self.reasons:
                if asker == here and asked not in ways:
                    if asked == end:
                        return ways[here]
                    ways[asked] = [*ways[here], asked]
                    pending.append(asked)
        return []

    def estimate_duration(self, jobs: int) -> float:
        """Seconds for everything with so many builds side by side, the longest remaining path always first."""
        open_needs = {name: len(self._needs_of(name)) for name in self.remaining_seconds}
        after: dict[str, list[str]] = {}
        for name in open_needs:
            for needed in self._needs_of(name):
                after.setdefault(needed, []).append(name)
        ready = [(-self.remaining_seconds[name], name) for name, count in open_needs.items() if not count]
        heapq.heapify(ready)
        running: list[tuple[float, str]] = []  # when each ends
        now = 0.0
        while ready or running:
            while ready and len(running) < jobs:
                name = heapq.heappop(ready)[1]
                heapq.heappush(running, (now + self.seconds[name], name))
            now, ended = heapq.heappop(running)
            for name in after.get(ended, ()):
                open_needs[name] -= 1
                if not open_needs[name]:
                    heapq.heappush(ready, (-self.remaining_seconds[name], name))
        return now

    def _needs_of(self, name: str) -> list[str]:
        return [one for one in self.needs[name] if one in self.remaining_seconds]


def compute_order(nodes: Sequence[OrderedComponent]) -> Order:
    """The order that BuildRequires impose, with what the needed packages need to be installed.

    A component that needs a capability which several provide waits for all of them; what it provides itself it does
    not wait for. Where they go round in a circle, a component with a first pass is built twice: those of the circle
    that need it take the first pass, everybody else the second.
    """
    providers: dict[str, list[str]] = {}
    for node in nodes:
        for capability in node.provides:
            providers.setdefault(capability, []).append(node.name)
    reasons: dict[tuple[str, str], str] = {}
    to_run = {node.name: _find_providers(node.name, node.requires, providers, reasons) for node in nodes}

    def all_needs(node: OrderedComponent) -> set[str]:
        return _add_runtime_needs(
            node.name, _find_providers(node.name, node.build_requires, providers, reasons), to_run
        )

    needs = {node.name: all_needs(node) for node in nodes}
    first = {node.name: node.bootstrap_build for node in nodes if node.bootstrap_build is not None}
    firsts = _break_cycles(needs, {one: (pass_, all_needs(pass_)) for one, pass_ in first.items()})
    nodes = [*nodes, *(pass_ for pass_ in first.values() if pass_.name in firsts)]
    cycles = _find_cycle_paths(needs)
    blocked_by_cycle = _find_blocked_by_cycle(needs, {name for cycle in cycles for name in cycle})
    waves = _compute_waves({name: wants for name, wants in needs.items() if name not in blocked_by_cycle})
    seconds = {node.name: DEFAULT_BUILD_SECONDS if node.seconds is None else node.seconds for node in nodes}
    remaining_seconds = _compute_remaining_seconds(seconds, needs, blocked_by_cycle)
    return Order(
        needs={name: tuple(sorted(_collect_needs(name, needs))) for name in needs},
        waves=waves,
        cycles=cycles,
        remaining_seconds=remaining_seconds,
        critical_path=_find_critical_path(needs, remaining_seconds),
        blocked_by_cycle=tuple(sorted(blocked_by_cycle)),
        seconds=seconds,
        reasons=reasons,
        bootstrap_builds=firsts,
    )


def _break_cycles(
    needs: dict[str, set[str]], first: Mapping[str, tuple[OrderedComponent, set[str]]]
) -> dict[str, str]:
    """Lead the needs within each circle to first passes, where there are any; returns those (name → component)."""
    used: dict[str, str] = {}
    for knot in _strongly_connected_components(needs):
        swapped = {one: first[one][0].name for one in knot if one in first}
        for component, name in swapped.items():
            needs[name] = {swapped.get(one, one) for one in first[component][1] - {component}}
            used[name] = component
        for one in knot:
            needs[one] = {swapped.get(other, other) for other in needs[one]}
    return used


def _find_providers(
    name: str,
    requirements: Iterable[str],
    providers: Mapping[str, Sequence[str]],
    reasons: dict[tuple[str, str], str],
) -> set[str]:
    found = set()
    for requirement in requirements:
        for provider in providers.get(requirement, ()):
            if provider != name:
                found.add(provider)
                reasons.setdefault((name, provider), requirement)
    return found


def _add_runtime_needs(name: str, direct: set[str], to_run: Mapping[str, set[str]]) -> set[str]:
    """What is needed to build, and what that needs to be installed; a runtime circle is no obstacle to installing."""
    found: set[str] = set()
    pending = sorted(direct)
    while pending:
        one = pending.pop()
        if one not in found and one != name:
            found.add(one)
            pending += sorted(to_run.get(one, ()))
    return found


def _collect_needs(name: str, needs: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    pending = [name]
    while pending:
        for one in needs[pending.pop()]:
            if one not in found:
                found.add(one)
                pending.append(one)
    return found - {name}


def _find_cycle_paths(needs: Mapping[str, set[str]]) -> tuple[tuple[str, ...], ...]:
    """One whole path for each knot of components that need one another (Tarjan's strongly connected components)."""
    paths = []
    for knot in _strongly_connected_components(needs):
        start = min(knot)
        path, seen = [start], {start}
        while True:
            step = min(
                (one for one in needs[path[-1]] if one in knot),
                key=lambda one: (one in seen and one != start, one),
            )
            if step in seen:
                path.append(step)
                break
            path.append(step)
            seen.add(step)
        paths.append(tuple(path[path.index(path[-1]) :]))
    return tuple(sorted(paths))


def _strongly_connected_components(needs: Mapping[str, set[str]]) -> list[set[str]]:
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    knots: list[set[str]] = []
    for root in sorted(needs):
        if root in index:
            continue
        work = [(root, iter(sorted(needs[root])))]
        index[root] = low[root] = len(index)
        stack.append(root)
        while work:
            name, children = work[-1]
            child = next(children, None)
            if child is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    at = stack.index(name)
                    knot = set(stack[at:])
                    del stack[at:]
                    if len(knot) > 1:
                        knots.append(knot)
            elif child not in index:
                index[child] = low[child] = len(index)
                stack.append(child)
                work.append((child, iter(sorted(needs[child]))))
            elif child in stack:
                low[name] = min(low[name], index[child])
    return knots


def _find_blocked_by_cycle(needs: Mapping[str, set[str]], circular: set[str]) -> set[str]:
    """Those in a circle and all that wait for one."""
    return {name for name in needs if name in circular or _collect_needs(name, needs) & circular}


def _compute_waves(needs: Mapping[str, set[str]]) -> tuple[tuple[str, ...], ...]:
    waves: list[tuple[str, ...]] = []
    done: set[str] = set()
    while len(done) < len(needs):
        wave = tuple(sorted(name for name, wants in needs.items() if name not in done and wants <= done))
        waves.append(wave)
        done.update(wave)
    return tuple(waves)


def _compute_remaining_seconds(
    own: Mapping[str, float], needs: Mapping[str, set[str]], blocked_by_cycle: set[str]
) -> dict[str, float]:
    waiting: dict[str, list[str]] = {name: [] for name in needs}
    for name, wants in needs.items():
        for want in wants:
            waiting[want].append(name)
    remaining_seconds: dict[str, float] = {}
    for wave in reversed(
        _compute_waves({name: wants for name, wants in needs.items() if name not in blocked_by_cycle})
    ):
        for name in wave:
            after = max(
                (remaining_seconds[one] for one in waiting[name] if one in remaining_seconds), default=0.0
            )
            remaining_seconds[name] = own[name] + after
    return remaining_seconds


def _find_critical_path(
    needs: Mapping[str, set[str]], remaining_seconds: Mapping[str, float]
) -> tuple[str, ...]:
    if not remaining_seconds:
        return ()
    path = [max(sorted(remaining_seconds), key=lambda name: remaining_seconds[name])]
    while True:
        after = [name for name in remaining_seconds if path[-1] in needs[name]]
        if not after:
            return tuple(path)
        path.append(max(sorted(after), key=lambda name: remaining_seconds[name]))
