"""The order of a plan's builds, and the first passes of components that need one another to be built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from altai_build.config import Bootstrap
from altai_build.errors import AltaiError
from altai_build.model.order import Node, Order, make_order
from altai_build.model.package import RpmHeader
from altai_build.pipeline.run import Run
from altai_build.pipeline.srpms import Sourcing
from altai_build.stages.srpm import Srpm
from altai_build.tools.rpmfile import read_header
from altai_build.tools.specreader import SpecText, read_specs
from altai_build.tools.superproject import Sourced


@dataclass(frozen=True)
class Ordered:
    """The source packages of a plan, those of needed first passes among them, by name, in the order of their builds."""

    made: Mapping[str, tuple[Sourced, Srpm]]
    headers: Mapping[str, RpmHeader]
    order: Order
    macros: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)  # of each first pass
    lost: frozenset[str] = frozenset()  # components that should have a source package and have none

    def needs(self, name: str) -> list[str]:
        """What must be there to build `name`; of a component that is built twice, the second pass where it may be."""
        needed = self.order.needs.get(name, ())
        return [one for one in needed if self.order.first_passes.get(one) not in needed]


def static_order(run: Run, sourced: Sequence[Sourced]) -> Order:
    """The order as far as the specs tell without being run."""
    order = make_order([static_node(run, one) for one in sourced])
    if not order.cycles:
        return order
    first = {
        name: static_node(run, one, name) for name, (one, _) in _first_passes(run, sourced, order).items()
    }
    return make_order([static_node(run, one, first=first) for one in sourced]) if first else order


def order_of_srpms(run: Run, sourcing: Sourcing) -> Ordered:
    """The order with the BuildRequires that rpm itself wrote into the source packages.

    What has no source package has its place in it too, so that nobody is built with something else in its stead.
    """
    made = {sourced.component.name: (sourced, srpm) for sourced, srpm in sourcing.made}
    headers = {name: read_header(srpm.path) for name, (_, srpm) in made.items()}
    lost = _lost(run, sourcing)
    nodes = [_exact(static_node(run, sourced), headers[name]) for name, (sourced, _) in made.items()]
    nodes += lost.values()
    order = make_order(nodes)
    if not order.cycles:
        return Ordered(made=made, headers=headers, order=order, lost=frozenset(lost))
    macros = {}
    for name, (sourced, bootstrap) in _first_passes(run, [one for one, _ in made.values()], order).items():
        try:
            srpm = sourcing.maker.make(sourced, bootstrap=bootstrap)
        except AltaiError as error:
            run.story.warn(f"the first pass of {sourced.component.name} is not possible: {error}")
            continue
        made[name] = (sourced, srpm)
        headers[name] = read_header(srpm.path)
        macros[name] = tuple(bootstrap.all_macros.items())
    first = {name: _exact(static_node(run, made[name][0], name), headers[name]) for name in macros}
    order = make_order([replace(node, first_pass=first.get(_first(node.name))) for node in nodes])
    used = {name: one for name, one in made.items() if name not in macros or name in order.first_passes}
    return Ordered(made=used, headers=headers, order=order, macros=macros, lost=frozenset(lost))


def _lost(run: Run, sourcing: Sourcing) -> dict[str, Node]:
    """The components without a source package; of those that could not be read nothing is known but their names."""
    made = {sourced.component.name for sourced, _ in sourcing.made}
    found = {
        one.component.name: replace(static_node(run, one), build_requires=())  # it will not be built
        for one in sourcing.discovery.sourced
        if one.component.name not in made
    }
    for out in sourcing.discovery.left_out:
        if out.error is not None and out.name not in made:
            found.setdefault(
                out.name,
                Node(name=out.name, provides=frozenset([out.name]), build_requires=(), requires=()),
            )
    return found


def static_node(
    run: Run, sourced: Sourced, name: str | None = None, *, first: Mapping[str, Node] | None = None
) -> Node:
    """A component (or its first pass, by that `name`) for the order, as far as its spec tells without being run."""
    info = sourced.info
    component = sourced.component.name
    last = run.ledger.latest("build", name or component)
    return Node(
        name=name or component,
        provides=frozenset((*info.provides, info.name)),
        build_requires=info.build_requires,
        requires=info.requires,
        seconds=last.seconds if last else None,
        first_pass=(first or {}).get(_first(component)),
    )


def _exact(node: Node, header: RpmHeader) -> Node:
    return replace(node, build_requires=tuple(one.name for one in header.requires))


def _first_passes(run: Run, sourced: Sequence[Sourced], order: Order) -> dict[str, tuple[Sourced, Bootstrap]]:
    """What is declared for components that are in a circle, each with its spec read as the first pass sees it."""
    circular = {name for cycle in order.cycles for name in cycle} | set(order.stuck)
    found = {}
    for one in sourced:
        component = one.component
        settings = run.config.components.get(component.name) or run.config.components.get(component.path)
        if settings is None or settings.bootstrap is None or component.name not in circular:
            continue
        macros, arch = run.config.macros_for(component.repository)
        text = SpecText(place=component.place, text=one.text)
        macros.update(settings.bootstrap.all_macros)
        info = read_specs([text], macros, arch, cache=run.workspace.specs)[0]
        if not isinstance(info, AltaiError):
            found[_first(component.name)] = (replace(one, info=info), settings.bootstrap)
    return found


def _first(component: str) -> str:
    return f"{component} (first pass)"
