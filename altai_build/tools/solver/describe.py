"""What the metadata of repositories says of their packages, and which of them need which."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import solv

from altai_build.model.bill_of_materials import PackageDescription
from altai_build.model.nevra import SOURCE_ARCHES
from altai_build.tools.solver.dependencies import list_dependencies, make_dep, read_requirement
from altai_build.tools.solver.pool import PackagePool
from altai_build.tools.solver.rich import list_needed_atoms

if TYPE_CHECKING:
    from altai_build.tools.repo.metadata import RepositoryMetadata


def describe_packages(
    repositories: Iterable[RepositoryMetadata], *, cache: Path
) -> dict[str, PackageDescription]:
    """`repository/location` → the package's description, for every package of some repositories.

    Packages of all architectures count: a package is described, not chosen. Raises InputError for metadata that cannot
    be read.
    """
    pool = _make_pool(repositories, cache)
    return {
        _get_path(pool, solvable): _describe(pool, solvable)
        for repo, _ in pool.repositories
        for solvable in repo.solvables
    }


def find_outside_requirements(repositories: Iterable[RepositoryMetadata], *, cache: Path) -> frozenset[str]:
    """What packages of some repositories require and none of them provides, without the conditions of rich ones.

    Raises InputError.
    """
    outside = {
        requirement
        for description in describe_packages(repositories, cache=cache).values()
        for requirement in description.outside
    }
    return frozenset(
        atom.text for requirement in outside for atom in list_needed_atoms(read_requirement(requirement))
    )


def find_provided(
    repositories: Iterable[RepositoryMetadata], capability: str, *, cache: Path
) -> dict[str, str]:
    """`repository/location` → how the package provides a capability, for each that does. Raises InputError."""
    pool = _make_pool(repositories, cache)
    dependency = make_dep(pool.libsolv, capability)
    found = {}
    for number in pool.find_providers(capability):
        solvable = pool.libsolv.id2solvable(number)
        provides = list_dependencies(solvable, solv.SOLVABLE_PROVIDES)
        exact = [str(one) for one in provides if str(one).split()[0] == str(dependency).split()[0]]
        found[_get_path(pool, solvable)] = exact[0] if exact else capability
    return found


def _make_pool(repositories: Iterable[RepositoryMetadata], cache: Path) -> PackagePool:
    pool = PackagePool(None, cache=cache)
    for metadata in repositories:
        pool.add_repository(metadata)
    pool.prepare()
    return pool


def _describe(pool: PackagePool, solvable: solv.XSolvable) -> PackageDescription:
    needs: set[str] = set()
    outside: set[str] = set()
    # What a source package requires is for its build.
    is_source = solvable.arch in SOURCE_ARCHES
    for requirement in () if is_source else pool.get_candidate(solvable.id).requires:
        providers = pool.find_providers(requirement)
        if not providers:
            outside.add(requirement)
        elif solvable.id not in providers:
            needs.update(_get_path(pool, pool.libsolv.id2solvable(number)) for number in providers)
    texts = (
        solvable.lookup_str(kind) or ""
        for kind in (solv.SOLVABLE_LICENSE, solv.SOLVABLE_VENDOR, solv.SOLVABLE_URL, solv.SOLVABLE_SUMMARY)
    )
    license, vendor, url, summary = (" ".join(text.split()) for text in texts)
    return PackageDescription(
        license=license,
        vendor=vendor,
        url=url,
        summary=summary,
        needs=tuple(sorted(needs)),
        outside=tuple(sorted(outside)),
    )


def _get_path(pool: PackagePool, solvable: solv.XSolvable) -> str:
    location, _ = solvable.lookup_location()
    return f"{solvable.repo.name}/{location}"
