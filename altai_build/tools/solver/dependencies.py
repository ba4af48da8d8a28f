"""Dependencies and identities of packages, between libsolv's form and text as a spec writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import solv

from altai_build.errors import InputError
from altai_build.model.header_text import to_valid_text
from altai_build.model.nevra import Nevra
from altai_build.tools.solver.rich import Atom, RichNode, parse_requirement

if TYPE_CHECKING:
    from altai_build.model.package import Dependency, RpmHeader

_COMPARISONS = {
    "=": solv.REL_EQ,
    "==": solv.REL_EQ,
    "<": solv.REL_LT,
    ">": solv.REL_GT,
    "<=": solv.REL_LT | solv.REL_EQ,
    ">=": solv.REL_GT | solv.REL_EQ,
}
# lookup_deparray: return the markers too, with all dependencies on both sides of them.
_WITH_MARKERS = 0
_DEPENDENCY_MARKERS = (solv.SOLVABLE_PREREQMARKER, solv.SOLVABLE_FILEMARKER)
# Digits of the largest epoch (32 bits).
_MAX_EPOCH_DIGITS = 10


def list_dependencies(solvable: solv.XSolvable, kind: int) -> list[solv.Dep]:
    """All dependencies of a kind (`solv.SOLVABLE_REQUIRES`, …), those of scriptlets and on files included.

    libsolv keeps them in one array with markers in it: behind one are the requirements of scriptlets (`Requires(post)`,
    `pre="1"` in primary), behind another the files of a package. Without an argument it returns only what is in front.
    """
    dependencies = solvable.lookup_deparray(kind, _WITH_MARKERS)
    return [dep for dep in dependencies if dep.id not in _DEPENDENCY_MARKERS]


def format_dependencies(solvable: solv.XSolvable, kind: int) -> tuple[str, ...]:
    """The dependencies of a kind as a spec would write them, sorted; without rpm's features."""
    texts = {str(dep) for dep in list_dependencies(solvable, kind)}
    return tuple(sorted(text for text in texts if not text.startswith("rpmlib(")))


def make_dep(libsolv: solv.Pool, requirement: str) -> solv.Dep:
    """A requirement as a spec writes it (`name`, `name >= 1.2`, a file, a rich dependency), for libsolv."""
    text = to_valid_text(requirement.strip())
    if text.startswith("("):
        # None: it has errors. As a name, it is what nothing provides.
        return libsolv.parserpmrichdep(text) or libsolv.Dep(text)
    words = text.rsplit(maxsplit=2)
    if len(words) == 3 and words[1] in _COMPARISONS:
        return libsolv.Dep(words[0]).Rel(_COMPARISONS[words[1]], libsolv.Dep(words[2]))
    return libsolv.Dep(text)


def read_requirement(requirement: str) -> RichNode:
    """A requirement as a tree; a rich one with errors is an atom, which nothing provides."""
    try:
        return parse_requirement(requirement)
    except ValueError:
        return Atom(requirement)


def convert_dependency(libsolv: solv.Pool, dependency: Dependency) -> solv.Dep:
    """A dependency of an RPM's header, for libsolv."""
    if dependency.name.startswith("("):
        return make_dep(libsolv, dependency.name)
    dep = libsolv.Dep(to_valid_text(dependency.name))
    comparison = _COMPARISONS.get(dependency.flags)
    if not comparison or not dependency.evr:
        return dep
    return dep.Rel(comparison, libsolv.Dep(to_valid_text(dependency.evr)))


def copy_header(header: RpmHeader, solvable: solv.XSolvable) -> None:
    """Give a new package of a pool the identity and the dependencies in a header."""
    libsolv = solvable.pool
    identity = (header.nevra.name, header.nevra.arch, header.vendor)
    solvable.name, solvable.arch, solvable.vendor = map(to_valid_text, identity)
    evr = to_valid_text(header.nevra.evr)
    solvable.evr = evr if ":" in evr else f"0:{evr}"
    solvable.add_provides(libsolv.Dep(solvable.name).Rel(solv.REL_EQ, libsolv.Dep(solvable.evr)))
    for kind, dependencies in (
        (solv.SOLVABLE_PROVIDES, header.provides),
        (solv.SOLVABLE_REQUIRES, header.requires),
        (solv.SOLVABLE_CONFLICTS, header.conflicts),
        (solv.SOLVABLE_OBSOLETES, header.obsoletes),
        (solv.SOLVABLE_RECOMMENDS, header.recommends),
    ):
        for dependency in dependencies:
            if not dependency.name.startswith("rpmlib("):
                solvable.add_deparray(kind, convert_dependency(libsolv, dependency))
    for file in header.files:
        solvable.add_provides(libsolv.Dep(to_valid_text(file.path)))


def split_evr(solvable: solv.XSolvable) -> tuple[str, str, str]:
    """Epoch ("0" where it has none), version and release of a package of a pool, as its repository gives them."""
    epoch, _, rest = solvable.evr.rpartition(":")
    version, _, release = rest.rpartition("-")
    return epoch or "0", version, release


def get_nevra(solvable: solv.XSolvable) -> Nevra:
    """The identity of a package of a pool. Raises InputError when its repository gives it none that is valid."""
    epoch, version, release = split_evr(solvable)
    is_number = epoch.isascii() and epoch.isdigit() and len(epoch) <= _MAX_EPOCH_DIGITS
    if not (solvable.name and solvable.arch and is_number):
        raise InputError(
            f"the version {solvable.evr!r} of {solvable.name or 'a package'} in {solvable.repo.name} is not valid",
            why="an epoch is a number",
            todo="`exclude` the package in repos.yaml, or report it to the owner of the repository",
        )
    return Nevra(name=solvable.name, epoch=int(epoch), version=version, release=release, arch=solvable.arch)
