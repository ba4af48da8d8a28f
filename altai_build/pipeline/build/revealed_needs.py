"""Needs that specs do not declare and finished builds reveal, so that no build misses a package of its own run.

A package provides more than its spec says (pkgconfig(…), python3dist(…), files), and a buildroot holds packages that
the spec of the build does not name. Where a component of the run makes them, it has to be built first.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from altai_build.model.order import OrderedComponent, compute_order
from altai_build.tools.files import write_atomically
from altai_build.tools.sealed_json import dump_sealed, read_sealed

if TYPE_CHECKING:
    from altai_build.model.build import BuildResult


class RevealedNeed(NamedTuple):
    """`component` is built with packages of `needed`, because of a capability or package name."""

    component: str
    needed: str
    capability: str


class NeedsWatch:
    """Compares each finished build with the others: what its packages provide, and what its buildroot holds."""

    def __init__(
        self, components: Iterable[OrderedComponent], base_packages: Mapping[str, frozenset[str]]
    ) -> None:
        """`base_packages`: component → the names of packages in its base buildroot, which are never replaced."""
        self._base_packages = base_packages
        self._requiring: dict[str, list[str]] = {}  # capability → components whose build requires it
        self._holding: dict[str, list[str]] = {}  # package name → components whose buildroot holds it
        self._producers: dict[str, str] = {}  # package name → component
        for component in components:
            for capability in component.build_requires:
                self._requiring.setdefault(capability, []).append(component.name)

    def add(self, result: BuildResult) -> list[RevealedNeed]:
        """The needs that a build with packages reveals, of itself and of others."""
        name = result.component
        if not result.rpms:
            return []
        own = {rpm.header.nevra.name for rpm in result.rpms}
        names = {dependency.name for rpm in result.rpms for dependency in rpm.header.provides}
        names.update(file.path for rpm in result.rpms for file in rpm.header.files)
        held = {line.rpartition("-")[0].rpartition("-")[0] for line in _list_nevras(result)}
        held -= self._base_packages.get(name, frozenset()) | own
        found = [
            RevealedNeed(other, name, capability)
            for capability in sorted((own | names) & self._requiring.keys())
            for other in self._requiring[capability]
        ]
        found += [
            RevealedNeed(other, name, package)
            for package in sorted(own)
            for other in self._holding.get(package, ())
        ]
        found += [
            RevealedNeed(name, self._producers[package], package)
            for package in sorted(held & self._producers.keys())
        ]
        self._producers.update(dict.fromkeys(own, name))
        for package in held:
            self._holding.setdefault(package, []).append(name)
        return [need for need in found if need.component != need.needed]


def read_revealed_needs(path: Path) -> list[RevealedNeed]:
    """What earlier runs noted; nothing where there is none or it cannot be read: builds reveal it again."""
    try:
        return [
            RevealedNeed(str(component), str(needed), str(capability))
            for component, needed, capability in (read_sealed(path) or {})["needs"]
        ]
    except (KeyError, ValueError, TypeError):
        return []


def write_revealed_needs(path: Path, needs: Iterable[RevealedNeed], components: Container[str]) -> None:
    """Note for the next runs what the builds of these components revealed; that of others stays."""
    others = [need for need in read_revealed_needs(path) if need.component not in components]
    write_atomically(path, dump_sealed({"needs": sorted({*others, *needs})}), durable=False)


def _list_nevras(result: BuildResult) -> list[str]:
    return [line.partition(" ")[0] for line in result.buildroot]


def add_revealed_needs(
    components: Sequence[OrderedComponent], needs: Iterable[RevealedNeed]
) -> tuple[list[OrderedComponent], list[RevealedNeed]]:
    """The components with needs that were revealed, and the needs that were left out.

    Left out are needs of components that are not there, and those by which components would need one another: the
    packages that were there before serve as well.
    """
    names = {component.name for component in components}
    kept = [need for need in needs if {need.component, need.needed} <= names]
    left_out: list[RevealedNeed] = []
    extended = list(components)
    while kept:
        extended = _extend(components, kept)
        order = compute_order(extended)
        circular = [need for need in kept if order.needs.includes(need.needed, need.component)]
        if not circular:
            return extended, left_out
        left_out += circular
        kept = [need for need in kept if need not in circular]
    return list(components), left_out


def _extend(components: Sequence[OrderedComponent], needs: Sequence[RevealedNeed]) -> list[OrderedComponent]:
    requires: dict[str, list[str]] = {}
    provides: dict[str, set[str]] = {}
    for need in needs:
        requires.setdefault(need.component, []).append(need.capability)
        provides.setdefault(need.needed, set()).add(need.capability)
    return [
        replace(
            component,
            build_requires=tuple(
                dict.fromkeys((*component.build_requires, *requires.get(component.name, ())))
            ),
            provides=component.provides | provides.get(component.name, set()),
        )
        for component in components
    ]
