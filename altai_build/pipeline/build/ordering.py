"""The order of a plan's builds, and the first passes of components that need one another to be built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from altai_build.config import Bootstrap
from altai_build.errors import AltaiError
from altai_build.model.order import Order, OrderedComponent, compute_order
from altai_build.model.package import RpmHeader
from altai_build.model.srpm import Srpm
from altai_build.pipeline.build.srpms import SrpmBatch
from altai_build.pipeline.run import Run
from altai_build.tools.git.superproject import ComponentSource
from altai_build.tools.rpm.header import read_header
from altai_build.tools.spec.reader import SpecText, read_specs


@dataclass(frozen=True)
class BuildOrder:
    """The source packages of a plan, those of needed first passes among them, by name, in the order of their builds."""

    srpms: Mapping[str, tuple[ComponentSource, Srpm]]
    headers: Mapping[str, RpmHeader]
    order: Order
    macros: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)  # of each first pass
    unavailable: frozenset[str] = frozenset()  # components that should have a source package and have none

    def needs(self, name: str) -> list[str]:
        """What must be there to build `name`; of a component that is built twice, the second pass where it may be."""
        needed = self.order.needs.get(name, ())
        return [one for one in needed if self.order.bootstrap_builds.get(one) not in needed]


def static_order(run: Run, sourced: Sequence[ComponentSource]) -> Order:
    """The order as far as the specs tell without being run."""
    order = compute_order([make_static_node(run, one) for one in sourced])
    if not order.cycles:
        return order
    first = {
        name: make_static_node(run, one, name)
        for name, (one, _) in _find_bootstrap_builds(run, sourced, order).items()
    }
    return compute_order([make_static_node(run, one, first=first) for one in sourced]) if first else order


def order_srpms(run: Run, srpm_batch: SrpmBatch) -> BuildOrder:
    """The order with the BuildRequires that rpm itself wrote into the source packages.

    What has no source package has its place in it too, so that nobody is built with something else in its stead.
    """
    made = {sourced.component.name: (sourced, srpm) for sourced, srpm in srpm_batch.srpms}
    headers = {name: read_header(srpm.path) for name, (_, srpm) in made.items()}
    unavailable = _find_unavailable(run, srpm_batch)
    nodes = [
        _with_srpm_requires(make_static_node(run, sourced), headers[name])
        for name, (sourced, _) in made.items()
    ]
    nodes += unavailable.values()
    order = compute_order(nodes)
    if not order.cycles:
        return BuildOrder(srpms=made, headers=headers, order=order, unavailable=frozenset(unavailable))
    macros = {}
    for name, (sourced, bootstrap) in _find_bootstrap_builds(
        run, [one for one, _ in made.values()], order
    ).items():
        try:
            srpm = srpm_batch.maker.make_srpm(sourced, bootstrap=bootstrap)
        except AltaiError as error:
            run.reporter.warn(f"the first pass of {sourced.component.name} is not possible: {error}")
            continue
        made[name] = (sourced, srpm)
        headers[name] = read_header(srpm.path)
        macros[name] = tuple(bootstrap.all_macros.items())
    first = {
        name: _with_srpm_requires(make_static_node(run, made[name][0], name), headers[name])
        for name in macros
    }
    order = compute_order(
        [replace(node, bootstrap_build=first.get(_bootstrap_name(node.name))) for node in nodes]
    )
    used = {name: one for name, one in made.items() if name not in macros or name in order.bootstrap_builds}
    return BuildOrder(
        srpms=used, headers=headers, order=order, macros=macros, unavailable=frozenset(unavailable)
    )


def _find_unavailable(run: Run, srpm_batch: SrpmBatch) -> dict[str, OrderedComponent]:
    """The components without a source package; of those that could not be read nothing is known but their names."""
    made = {sourced.component.name for sourced, _ in srpm_batch.srpms}
    found = {
        one.component.name: replace(make_static_node(run, one), build_requires=())  # it will not be built
        for one in srpm_batch.discovery.sourced
        if one.component.name not in made
    }
    for out in srpm_batch.discovery.without_srpm:
        if out.error is not None and out.name not in made:
            found.setdefault(
                out.name,
                OrderedComponent(
                    name=out.name, provides=frozenset([out.name]), build_requires=(), requires=()
                ),
            )
    return found


def make_static_node(
    run: Run,
    sourced: ComponentSource,
    name: str | None = None,
    *,
    first: Mapping[str, OrderedComponent] | None = None,
) -> OrderedComponent:
    """A component (or its first pass, by that `name`) for the order, as far as its spec tells without being run."""
    info = sourced.info
    component = sourced.component.name
    last = run.ledger.latest("build", name or component)
    return OrderedComponent(
        name=name or component,
        provides=frozenset((*info.provides, info.name)),
        build_requires=info.build_requires,
        requires=info.requires,
        seconds=last.seconds if last else None,
        bootstrap_build=(first or {}).get(_bootstrap_name(component)),
    )


def _with_srpm_requires(node: OrderedComponent, header: RpmHeader) -> OrderedComponent:
    return replace(node, build_requires=tuple(one.name for one in header.requires))


def _find_bootstrap_builds(
    run: Run, sourced: Sequence[ComponentSource], order: Order
) -> dict[str, tuple[ComponentSource, Bootstrap]]:
    """What is declared for components that are in a circle, each with its spec read as the first pass sees it."""
    circular = {name for cycle in order.cycles for name in cycle} | set(order.blocked_by_cycle)
    found = {}
    for one in sourced:
        component = one.component
        settings = run.config.components.get(component.name) or run.config.components.get(component.path)
        if settings is None or settings.bootstrap is None or component.name not in circular:
            continue
        macros, arch = run.config.get_target_macros(component.repository)
        text = SpecText(place=component.spec_path, text=one.text)
        macros.update(settings.bootstrap.all_macros)
        info = read_specs([text], macros, arch, cache=run.workspace.specs)[0]
        if not isinstance(info, AltaiError):
            found[_bootstrap_name(component.name)] = (replace(one, info=info), settings.bootstrap)
    return found


def _bootstrap_name(component: str) -> str:
    return f"{component} (bootstrap)"
