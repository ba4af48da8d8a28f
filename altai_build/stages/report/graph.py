"""The dependency graph of the page: components and third-party packages, and where each node leads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from altai_build.model.dependency_graph import DependencyGraph, GraphEdge, lay_out_graph
from altai_build.model.release import Manifest, MirrorOrigin, ReleasedPackage
from altai_build.model.unknown import Unknown
from altai_build.stages.report.inputs import Descriptions, ReportInputs

MAX_GRAPH_NODES = 600  # lines of a larger graph cannot be told apart


@dataclass(frozen=True)
class GraphBox:
    """A node in the picture; `number` identifies it for lines, `row` is the number of the package that it leads to."""

    number: int
    label: str
    title: str
    kind: str  # component, spec or mirror
    row: int | None
    x: int
    y: int


@dataclass(frozen=True)
class GraphLine:
    """A line from a box to one that needs it, by their numbers."""

    needed: int
    by: int
    title: str
    path: str


@dataclass(frozen=True)
class GraphPicture:
    """The picture of a release's dependencies."""

    boxes: tuple[GraphBox, ...]
    lines: tuple[GraphLine, ...]
    layout: DependencyGraph


@dataclass(frozen=True)
class _Node:
    name: str
    kind: str
    row: int | None


def draw_dependencies(inputs: ReportInputs, packages: Sequence[ReleasedPackage]) -> GraphPicture | Unknown:
    """The picture; `packages` are in the order of their rows in the page."""
    nodes, node_of = _make_nodes(inputs.manifest, packages)
    if not nodes:
        return Unknown("the release has neither components nor third-party packages")
    if len(nodes) > MAX_GRAPH_NODES:
        return Unknown(
            f"it would have {len(nodes)} nodes, and nothing could be recognised with more than {MAX_GRAPH_NODES}; "
            "the column `needed by` of the table of packages says the same"
        )
    needs = _find_needs(inputs.manifest, inputs.descriptions, nodes, node_of)
    layout = lay_out_graph(needs)
    numbers = {node.name: number for number, node in enumerate(layout.nodes)}
    boxes = tuple(
        GraphBox(
            number=number,
            label=placed.label,
            title=_describe(nodes[placed.name], needs[placed.name]),
            kind=nodes[placed.name].kind,
            row=nodes[placed.name].row,
            x=placed.x,
            y=placed.y,
        )
        for number, placed in enumerate(layout.nodes)
    )
    return GraphPicture(boxes, tuple(_make_line(edge, numbers) for edge in layout.edges), layout)


def _make_line(edge: GraphEdge, numbers: Mapping[str, int]) -> GraphLine:
    return GraphLine(numbers[edge.needed], numbers[edge.by], f"{edge.by} needs {edge.needed}", edge.path)


def _describe(node: _Node, needs: set[str]) -> str:
    kind = {"component": "component", "spec": "third-party, built here", "mirror": "third-party, mirrored"}
    count = len(needs)
    return f"{node.name} ({kind[node.kind]}) needs {count} other{'' if count == 1 else 's'}"


def _make_nodes(
    manifest: Manifest, packages: Sequence[ReleasedPackage]
) -> tuple[dict[str, _Node], dict[str, str]]:
    """Name → node, and package (its path) → name of its node.

    A mirrored package that has the name of a component is marked.
    """
    component_of = {build.key: build.component for build in manifest.builds if build.key}
    component_of.update({build.source: build.component for build in manifest.builds if build.source})
    nodes = {build.component: _Node(build.component, "component", None) for build in manifest.builds}
    node_of: dict[str, str] = {}
    for row, package in enumerate(packages):
        origin = package.build_origin
        if origin is None:
            name, kind = package.name, "mirror"
            if name in nodes and nodes[name].kind != kind:
                name = f"{name} (mirrored)"
        else:
            known = component_of.get(origin.build_key) or component_of.get(package.sourcerpm)
            name, kind = known or origin.path, origin.kind
        node_of[package.path] = name
        before = nodes.get(name)
        if (
            before is None
            or before.row is None
            or (kind != "mirror" and not package.is_source and package.name == name)
        ):
            nodes[name] = _Node(name, kind, row)
    return nodes, node_of


def _find_needs(
    manifest: Manifest,
    descriptions: Descriptions | Unknown,
    nodes: Mapping[str, _Node],
    node_of: Mapping[str, str],
) -> dict[str, set[str]]:
    """Node → the nodes that it needs to be built or installed."""
    needs: dict[str, set[str]] = {name: set() for name in nodes}
    for build in manifest.builds:
        needs[build.component].update(name for name in build.needs if name in nodes)
    if isinstance(descriptions, Unknown):
        nodes_by_name: dict[str, set[str]] = defaultdict(set)
        for package in manifest.packages:
            nodes_by_name[package.name].add(node_of[package.path])
        for package in manifest.packages:
            if isinstance(package.origin, MirrorOrigin):
                for name in package.origin.needed_by:
                    for node in nodes_by_name.get(name, ()):
                        needs[node].add(node_of[package.path])
    else:
        for path, description in descriptions.items():
            if path in node_of:
                needs[node_of[path]].update(
                    node_of[needed] for needed in description.needs if needed in node_of
                )
    return {name: needed - {name} for name, needed in needs.items()}
