"""The order of a plan's builds, and the bootstrap builds that break dependency cycles."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from altai_build.errors import AltaiError
from altai_build.model.dependency import list_dependency_names
from altai_build.model.order import Order, OrderedComponent, compute_order
from altai_build.model.possible_provides import find_possible_provides
from altai_build.pipeline.build.revealed_needs import RevealedNeed, add_revealed_needs, read_revealed_needs

if TYPE_CHECKING:
    from altai_build.config import Bootstrap
    from altai_build.model.component import ComponentWithoutSrpm
    from altai_build.model.package import RpmHeader
    from altai_build.model.srpm import Srpm
    from altai_build.pipeline.build.srpms import SrpmBatch
    from altai_build.pipeline.run import Run
    from altai_build.tools.git.component_source import ComponentSource


@dataclass(frozen=True)
class BuildOrder:
    """The source packages of a plan by name, with those of the bootstrap builds that are needed, and their order."""

    srpms: Mapping[str, tuple[ComponentSource, Srpm]]
    headers: Mapping[str, RpmHeader]
    order: Order
    # Bootstrap build → its macros.
    macros: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    # Components that should have a source package and have none.
    unavailable: frozenset[str] = frozenset()
    # What the order was computed from.
    components: tuple[OrderedComponent, ...] = ()
    bootstraps: Mapping[str, OrderedComponent] = field(default_factory=dict)

    def needs(self, name: str) -> list[str]:
        """Whose packages `name` is built with. Those of a bootstrap build only where the second build is not needed."""
        needed = self.order.needs.get(name, ())
        bootstrap_builds = self.order.bootstrap_builds
        return [
            other
            for other in needed
            if other not in bootstrap_builds or bootstrap_builds[other] not in needed
        ]


def static_order(
    run: Run, sources: Sequence[ComponentSource], unreadable: Sequence[ComponentWithoutSrpm] = ()
) -> Order:
    """The order as far as the specs tell without being run.

    Components that cannot be read have a place in it, for those that may need them.
    """
    components = _add_possible_provides([_read_spec_needs(run, source) for source in sources])
    components += _place_unreadable(run, unreadable, components)
    components, _ = add_revealed_needs(components, read_revealed_needs(run.workspace.revealed_needs))
    order = compute_order(components)
    if not order.cycles:
        return order
    bootstraps = {
        name: _read_spec_needs(run, source, _bootstrap_name(name))
        for name, (source, _) in _read_bootstraps(run, sources, order).items()
    }
    return _order_with_bootstraps(components, bootstraps)


def order_srpms(run: Run, srpm_batch: SrpmBatch) -> BuildOrder:
    """The order by the BuildRequires that rpm itself wrote into the source packages.

    Components without a source package have a place in it too, so that nothing is built with other packages that
    provide the same.
    """
    # `plan` orders without source packages.
    from altai_build.tools.rpm.header import read_header

    srpms = {source.component.name: (source, srpm) for source, srpm in srpm_batch.srpms}
    headers = {name: read_header(srpm.path) for name, (_, srpm) in srpms.items()}
    made = _add_possible_provides(
        [
            _with_srpm_needs(_read_spec_needs(run, source), headers[name])
            for name, (source, _) in srpms.items()
        ]
    )
    unavailable = _list_unavailable(run, srpm_batch, made)
    revealed = read_revealed_needs(run.workspace.revealed_needs)
    components, _ = add_revealed_needs([*made, *unavailable], revealed)
    order = compute_order(components)
    bootstraps: dict[str, OrderedComponent] = {}
    macros: dict[str, tuple[tuple[str, str], ...]] = {}
    if order.cycles:
        for name, (source, srpm, bootstrap) in _make_bootstrap_srpms(run, srpm_batch, order).items():
            bootstrap_name = _bootstrap_name(name)
            header = read_header(srpm.path)
            bootstraps[name] = _with_srpm_needs(_read_spec_needs(run, source, bootstrap_name), header)
            srpms[bootstrap_name], headers[bootstrap_name] = (source, srpm), header
            macros[bootstrap_name] = tuple(bootstrap.all_macros.items())
        order = _order_with_bootstraps(components, bootstraps)
        for bootstrap_name in macros.keys() - order.bootstrap_builds.keys():
            del srpms[bootstrap_name]
    return BuildOrder(
        srpms=srpms,
        headers=headers,
        order=order,
        macros=macros,
        unavailable=frozenset(one.name for one in unavailable),
        components=tuple(components),
        bootstraps=bootstraps,
    )


def order_with_revealed_needs(
    build_order: BuildOrder, needs: Iterable[RevealedNeed]
) -> tuple[BuildOrder, list[RevealedNeed]]:
    """The order with needs that builds have revealed, and the needs that would make components need one another."""
    components, left_out = add_revealed_needs(build_order.components, needs)
    order = _order_with_bootstraps(components, build_order.bootstraps)
    return replace(build_order, order=order, components=tuple(components)), left_out


def _order_with_bootstraps(
    components: Iterable[OrderedComponent], bootstraps: Mapping[str, OrderedComponent]
) -> Order:
    return compute_order(
        [replace(component, bootstrap_build=bootstraps.get(component.name)) for component in components]
    )


def _make_bootstrap_srpms(
    run: Run, srpm_batch: SrpmBatch, order: Order
) -> dict[str, tuple[ComponentSource, Srpm, Bootstrap]]:
    """Component → the source package of its bootstrap build; a warning where it cannot be made."""
    made = {}
    sources = [source for source, _ in srpm_batch.srpms]
    for name, (source, bootstrap) in _read_bootstraps(run, sources, order).items():
        try:
            made[name] = (source, srpm_batch.maker.make_srpm(source, bootstrap=bootstrap), bootstrap)
        except AltaiError as error:
            run.reporter.warn(f"no source package for the bootstrap build of {name}: {error}")
    return made


def _list_unavailable(
    run: Run, srpm_batch: SrpmBatch, made: Sequence[OrderedComponent]
) -> list[OrderedComponent]:
    """The components without a source package. They are not built, so they need nothing."""
    names = {component.name for component in made}
    found = [
        replace(_read_spec_needs(run, source), build_requires=())
        for source in srpm_batch.discovery.sourced
        if source.component.name not in names
    ]
    return [*found, *_place_unreadable(run, srpm_batch.discovery.unreadable, [*made, *found])]


def _place_unreadable(
    run: Run, unreadable: Sequence[ComponentWithoutSrpm], readable: Sequence[OrderedComponent]
) -> list[OrderedComponent]:
    """Components that cannot be read, with all that they may provide.

    Their packages may have the names that their last build gave, that their specs tell, and that packages of a project
    have as a rule. What else provides the same is never taken for them.
    """
    if not unreadable:
        return []
    requirements = {
        name for component in readable for name in (*component.build_requires, *component.requires)
    }
    taken = {component.name for component in readable}
    found: dict[str, OrderedComponent] = {}
    for component in unreadable:
        name = get_unreadable_name(component, taken)
        last = run.ledger.latest("build", component.name)
        built = [artefact.file.rsplit("-", 2)[0] for artefact in (last.artefacts if last else ())]
        names = {component.name, *component.provides, *built}
        provides = names | find_possible_provides(names, requirements)
        if name in found:
            provides |= found[name].provides
        found[name] = OrderedComponent(
            name=name, provides=frozenset(provides), build_requires=(), requires=()
        )
    return list(found.values())


def _add_possible_provides(components: Sequence[OrderedComponent]) -> list[OrderedComponent]:
    """The components, and what their packages may provide whose names have macros that only the buildroot knows.

    Not what is known to be of another component: then they would seem to need one another.
    """
    unknown = {component.name for component in components if any("%" in name for name in component.provides)}
    if not unknown:
        return list(components)
    wanted = {name for component in components for name in (*component.build_requires, *component.requires)}
    wanted -= {name for component in components for name in component.provides}
    return [
        replace(
            component,
            provides=component.provides | find_possible_provides(_known_names(component), wanted),
        )
        if component.name in unknown
        else component
        for component in components
    ]


def _known_names(component: OrderedComponent) -> set[str]:
    return {name for name in component.provides if "%" not in name}


def get_unreadable_name(component: ComponentWithoutSrpm, taken: Container[str]) -> str:
    """The name of a component that cannot be read; its path where another component has its name."""
    return component.path if component.name in taken else component.name


def _read_spec_needs(run: Run, source: ComponentSource, name: str | None = None) -> OrderedComponent:
    """A component (or its bootstrap build, by that `name`) as far as its spec tells without being run."""
    info = source.info
    name = name or source.component.name
    last = run.ledger.latest("build", name)
    return OrderedComponent(
        name=name,
        provides=frozenset((*info.provides, info.name)),
        build_requires=info.build_requires,
        requires=info.requires,
        seconds=last.seconds if last else None,
    )


def _with_srpm_needs(component: OrderedComponent, header: RpmHeader) -> OrderedComponent:
    names = [name for dependency in header.requires for name in _split_rich_dependency(dependency.name)]
    return replace(component, build_requires=tuple(names))


def _split_rich_dependency(name: str) -> list[str]:
    """The names in a rich dependency, which rpm keeps as one; any other name by itself."""
    return list_dependency_names(name) if name.startswith("(") else [name]


def _read_bootstraps(
    run: Run, sources: Iterable[ComponentSource], order: Order
) -> dict[str, tuple[ComponentSource, Bootstrap]]:
    """Component → its declared bootstrap, and its source with the spec as the bootstrap build sees it.

    Only of components that are blocked by a cycle.
    """
    if not order.blocked_by_cycle:
        return {}
    from altai_build.tools.rpm.evaluate import SpecEvaluator

    evaluator = SpecEvaluator(run.config.limits, scratch=run.workspace.scratch, cache=run.workspace.specs)
    found = {}
    for source in sources:
        component = source.component
        settings = run.config.find_component(component.name, component.path)
        if settings is None or settings.bootstrap is None or component.name not in order.blocked_by_cycle:
            continue
        macros, arch = run.config.get_component_macros(component.name, component.path, component.repository)
        macros.update(settings.bootstrap.all_macros)
        try:
            info = evaluator.read(source, macros, arch, run.config.get_macro_files(component.repository))
        except AltaiError as error:
            run.reporter.warn(f"the bootstrap build of {component.name} is not possible: {error}")
            continue
        found[component.name] = (replace(source, info=info), settings.bootstrap)
    return found


def _bootstrap_name(component: str) -> str:
    return f"{component} (bootstrap)"
