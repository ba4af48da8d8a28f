"""The order of builds: which component needs which, what may be built at the same time, and dependency cycles."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from typing import NamedTuple, Union

from altai_build.model.graph import TransitiveNeeds, find_strong_components

DEFAULT_BUILD_SECONDS = 30.0  # assumed for a component that was never built in this workspace


@dataclass(frozen=True)
class OrderedComponent:
    """What the order of builds depends on; names are rpm capabilities without versions."""

    name: str
    provides: frozenset[str]
    build_requires: tuple[str, ...]
    requires: tuple[str, ...]
    seconds: float | None = None  # how long its last build took
    # The component as its declared bootstrap builds it, under a name of its own.
    bootstrap_build: OrderedComponent | None = None


class InstallStep(NamedTuple):
    """The packages of a component installed into a buildroot: needs them built, and what they require installed."""

    component: str


Step = Union[str, InstallStep]  # a name alone: the component is built
StepGraph = Mapping[Step, Collection[Step]]  # step → the steps that come before it


class BuildSequence:
    """Components in the order of their needs: take those that are ready, tell which are done, take again."""

    def __init__(self, graph: StepGraph) -> None:
        self._sorter = TopologicalSorter(graph)
        self._sorter.prepare()

    def take_ready(self) -> list[str]:
        """Components that became ready since the last call, sorted by name."""
        ready: list[str] = []
        while steps := self._sorter.get_ready():
            for step in steps:
                if isinstance(step, InstallStep):
                    self._sorter.done(step)
                else:
                    ready.append(step)
        return sorted(ready)

    def done(self, *names: str) -> None:
        """Components that others need not wait for any longer."""
        self._sorter.done(*names)


@dataclass(frozen=True)
class Order:
    """Everything that is known about the order before anything is built."""

    # Component → those whose packages must be there, directly or through others.
    needs: TransitiveNeeds
    # Each is built after those before it; a component that is blocked by a cycle is in none.
    waves: tuple[tuple[str, ...], ...]
    cycles: tuple[tuple[str, ...], ...]  # each a whole path; its first name is repeated at the end
    # Seconds from the start of a component's build to the end of the longest chain of builds that need it.
    remaining_seconds: Mapping[str, float]
    critical_path: tuple[str, ...]
    blocked_by_cycle: tuple[str, ...]  # the components in cycles and all that need them
    seconds: Mapping[str, float]  # how long each build takes by itself
    # Component → a component that it needs → the requirement that says so.
    reasons: Mapping[str, Mapping[str, str]]
    bootstrap_builds: Mapping[str, str] = field(default_factory=dict)  # bootstrap build → its component
    graph: StepGraph = field(default_factory=dict, repr=False)  # of all that is in a wave

    @property
    def critical_path_seconds(self) -> float:
        """How long the longest chain takes: no number of jobs makes it shorter."""
        return max(self.remaining_seconds.values(), default=0.0)

    def without(self, names: Collection[str]) -> Order:
        """The order of the components that are left when these, and all that need them, are not built."""
        gone = _find_dependents(self.graph, {name for name in names if name in self.graph})
        graph = {step: needed for step, needed in self.graph.items() if step not in gone}
        remaining_seconds, critical_path = _measure_paths(graph, self.seconds)
        return replace(
            self,
            waves=_list_waves(BuildSequence(graph)),
            remaining_seconds=remaining_seconds,
            critical_path=critical_path,
            graph=graph,
        )

    def start(self) -> BuildSequence:
        """The components of all waves, each as soon as what it needs is done."""
        return BuildSequence(self.graph)

    def describe_cycle(self, cycle: Sequence[str]) -> str:
        """The whole path of a cycle, with the packages through whose requirements it goes."""
        steps = [cycle[0]]
        for name, following in zip(cycle, cycle[1:]):
            between = self._find_intermediate_packages(name, following)
            steps.append(f"{following} (required by {' → '.join(between)})" if between else following)
        return " → ".join(steps)

    def describe_blocked(self, name: str) -> str:
        """Why a component of `blocked_by_cycle` cannot be built."""
        own = next((cycle for cycle in self.cycles if name in cycle), None)
        if own is not None:
            return f"build dependency cycle: {self.describe_cycle(own)}"
        needed = min(member for cycle in self.cycles for member in cycle if self.needs.includes(name, member))
        return f"needs {needed}, which is in a build dependency cycle"

    def _find_intermediate_packages(self, name: str, needed: str) -> list[str]:
        """The packages by way of which one component needs another; none where its own spec asks for it."""
        begin, end = (self.bootstrap_builds.get(step, step) for step in (name, needed))
        paths: dict[str, list[str]] = {name: [], begin: []}
        pending = deque(paths)
        while pending:
            here = pending.popleft()
            for provider in self.reasons.get(here, ()):
                if provider == end:
                    return paths[here]
                if provider not in paths:
                    paths[provider] = [*paths[here], provider]
                    pending.append(provider)
        return []

    def estimate_duration(self, jobs: int) -> float:
        """Seconds for all builds with so many at the same time, the longest remaining chain always first."""
        sequence = self.start()
        ready: list[tuple[float, str]] = []
        running: list[tuple[float, str]] = []  # when each ends
        now = 0.0
        while True:
            for name in sequence.take_ready():
                heapq.heappush(ready, (-self.remaining_seconds[name], name))
            while ready and len(running) < jobs:
                name = heapq.heappop(ready)[1]
                heapq.heappush(running, (now + self.seconds[name], name))
            if not running:
                return now
            now, ended = heapq.heappop(running)
            sequence.done(ended)


def compute_order(components: Sequence[OrderedComponent]) -> Order:
    """The order that BuildRequires impose, with what the needed packages require to be installed.

    A component that needs a capability which several provide waits for all of them; what it provides itself it does
    not wait for. In a cycle a component with a declared bootstrap is built twice: the other components of the cycle
    are built with its bootstrap build, everything else with the second build.
    """
    needs = _DeclaredNeeds(components)
    graph = needs.make_graph()
    groups = _find_cycles(graph, needs)
    bootstrap_builds = _break_cycles(graph, groups, needs)
    if bootstrap_builds:
        bootstraps = [component.bootstrap_build for component in components if component.bootstrap_build]
        components = [*components, *(build for build in bootstraps if build.name in bootstrap_builds)]
        groups = _find_cycles(graph, needs)
    cyclic = [set(group) for group in groups if len(group) > 1 and isinstance(group[0], str)]
    blocked = _find_dependents(graph, {step for group in cyclic for step in group})
    acyclic = _merge_install_cycles(
        {step: needed for step, needed in graph.items() if step not in blocked}, groups
    )
    seconds = {
        component.name: DEFAULT_BUILD_SECONDS if component.seconds is None else component.seconds
        for component in components
    }
    remaining_seconds, critical_path = _measure_paths(acyclic, seconds)
    return Order(
        needs=TransitiveNeeds(graph, groups),
        waves=_list_waves(BuildSequence(acyclic)),
        cycles=tuple(sorted(_find_cycle_path(graph, group) for group in cyclic)),
        remaining_seconds=remaining_seconds,
        critical_path=critical_path,
        blocked_by_cycle=tuple(sorted(step for step in blocked if isinstance(step, str))),
        seconds=seconds,
        reasons=needs.reasons,
        bootstrap_builds=bootstrap_builds,
        graph=acyclic,
    )


class _DeclaredNeeds:
    """Which component provides what another's spec asks for."""

    def __init__(self, components: Sequence[OrderedComponent]) -> None:
        self.by_name = {component.name: component for component in components}
        self.reasons: dict[str, dict[str, str]] = {}
        self._providers: dict[str, list[str]] = {}
        for component in components:
            for capability in component.provides:
                self._providers.setdefault(capability, []).append(component.name)
        self._to_install = {
            component.name: self._find_providers(component.name, component.requires)
            for component in components
        }

    def _find_providers(self, name: str, requirements: Iterable[str]) -> tuple[str, ...]:
        """The other components that provide one of the requirements; notes which requirement that is."""
        found: dict[str, str] = {}
        for requirement in requirements:
            for provider in self._providers.get(requirement, ()):
                if provider != name:
                    found.setdefault(provider, requirement)
        known = self.reasons.setdefault(name, {})
        for provider, requirement in found.items():
            known.setdefault(provider, requirement)
        return tuple(found)

    def make_graph(self) -> dict[Step, Collection[Step]]:
        """The steps of all builds and installations."""
        graph: dict[Step, Collection[Step]] = {}
        for name, component in self.by_name.items():
            graph[name] = tuple(map(InstallStep, self._find_providers(name, component.build_requires)))
            graph[InstallStep(name)] = (name, *map(InstallStep, self._to_install[name]))
        return graph

    def list_components(self, component: OrderedComponent) -> set[str]:
        """Whose packages must be there to build a component: what it needs, and what that needs to be installed.

        What is only required by the component's own packages is no obstacle to building it.
        """
        found: set[str] = set()
        pending = list(self._find_providers(component.name, component.build_requires))
        while pending:
            needed = pending.pop()
            if needed not in found and needed != component.name:
                found.add(needed)
                pending += self._to_install[needed]
        return found


def _find_cycles(graph: dict[Step, Collection[Step]], needs: _DeclaredNeeds) -> list[list[Step]]:
    """The strong components of the graph: those of more than one step are cycles, of builds or of installations.

    A cycle of builds and installations may be none: to build `a` one installs `b`, which requires `a`. So the needs of
    the components in it are replaced by those that count, which are components alone.
    """
    groups = find_strong_components(graph)
    mixed = [
        step
        for group in groups
        if len(group) > 1
        for step in group
        if isinstance(step, str) and any(isinstance(needed, InstallStep) for needed in graph[step])
    ]
    if not mixed:
        return groups
    graph.update({name: needs.list_components(needs.by_name[name]) for name in mixed})
    return find_strong_components(graph)


def _break_cycles(
    graph: dict[Step, Collection[Step]], groups: Iterable[Collection[Step]], needs: _DeclaredNeeds
) -> dict[str, str]:
    """Lead the needs within each cycle to declared bootstrap builds; returns those (name → component)."""
    used: dict[str, str] = {}
    for group in groups:
        members = [step for step in group if isinstance(step, str)]
        if len(members) < 2:
            continue
        bootstraps = {name: needs.by_name[name].bootstrap_build for name in sorted(members)}
        declared = {name: bootstrap for name, bootstrap in bootstraps.items() if bootstrap is not None}
        swapped: dict[Step, Step] = {name: bootstrap.name for name, bootstrap in declared.items()}
        for name in members:
            graph[name] = {swapped.get(needed, needed) for needed in graph[name]}
        for name, bootstrap in declared.items():
            needed_first = needs.list_components(bootstrap) - {name}
            graph[bootstrap.name] = {swapped.get(needed, needed) for needed in needed_first}
            used[bootstrap.name] = name
    return used


def _find_dependents(graph: StepGraph, start: set[Step]) -> set[Step]:
    """The steps of `start` and all that need one of them, directly or through others."""
    if not start:
        return set()
    needed_by: dict[Step, list[Step]] = {}
    for step, needed in graph.items():
        for other in needed:
            needed_by.setdefault(other, []).append(step)
    found, pending = set(start), list(start)
    while pending:
        for step in needed_by.get(pending.pop(), ()):
            if step not in found:
                found.add(step)
                pending.append(step)
    return found


def _merge_install_cycles(graph: StepGraph, groups: Iterable[Sequence[Step]]) -> StepGraph:
    """Packages that require one another are installed in one step: rpm does so, and it is no obstacle to building."""
    merged: dict[Step, Step] = {}
    for group in groups:
        if len(group) > 1 and group[0] in graph:
            merged.update(dict.fromkeys(group, group[0]))
    if not merged:
        return graph
    joined: dict[Step, set[Step]] = {}
    for step, needed in graph.items():
        joined.setdefault(merged.get(step, step), set()).update(merged.get(other, other) for other in needed)
    for representative in merged.values():
        joined[representative].discard(representative)
    return joined


def _list_waves(sequence: BuildSequence) -> tuple[tuple[str, ...], ...]:
    waves = []
    while wave := sequence.take_ready():
        waves.append(tuple(wave))
        sequence.done(*wave)
    return tuple(waves)


def _measure_paths(
    graph: StepGraph, seconds: Mapping[str, float]
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Component → seconds of the longest chain of builds that begins with it; and the longest chain of all."""
    remaining: dict[str, float] = {}
    following: dict[str, str] = {}  # component → the next one of the longest chain that begins with it
    longest: dict[Step, tuple[float, str]] = {}  # step → (−seconds, first component) of what waits for it
    for step in reversed(tuple(TopologicalSorter(graph).static_order())):
        chain = longest.get(step)
        if isinstance(step, str):
            remaining[step] = seconds[step]
            if chain is not None:
                remaining[step] -= chain[0]
                following[step] = chain[1]
            chain = (-remaining[step], step)
        if chain is not None:
            for needed in graph[step]:
                longest[needed] = min(longest.get(needed, chain), chain)
    path = [min(remaining, key=lambda name: (-remaining[name], name))] if remaining else []
    while path and path[-1] in following:
        path.append(following[path[-1]])
    return remaining, tuple(path)


def _find_cycle_path(graph: StepGraph, group: set[Step]) -> tuple[str, ...]:
    """One whole path through components that need one another."""
    names = {step for step in group if isinstance(step, str)}
    start = min(names)
    path, seen = [start], {start}
    while True:
        step = min(
            (needed for needed in graph[path[-1]] if isinstance(needed, str) and needed in names),
            key=lambda name: (name in seen and name != start, name),
        )
        path.append(step)
        if step in seen:
            return tuple(path[path.index(step) :])
        seen.add(step)
