"""What the metadata of a repository says of a package, compared with the package's own header, which is the truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import solv

from altai_build.model.header_text import to_valid_text
from altai_build.model.package import Dependency, RpmHeader
from altai_build.tools.rpm.versions import ranges_overlap
from altai_build.tools.solver.dependencies import format_dependencies
from altai_build.tools.solver.pool import PackagePool

# Of its symbol versions metadata has only the highest.
LIBC = "libc.so.6"
# How many dependencies of a kind a message names.
_MAX_REPORTED = 3


def find_differences(
    pool: PackagePool, number: int, header: RpmHeader, files: Iterable[str]
) -> tuple[str, ...]:
    """How the metadata of a package differs from its header; empty when it does not. `files` are those that count.

    createrepo leaves out what a package requires and provides itself, and all but one of libc's symbol versions.
    """
    solvable = pool.libsolv.id2solvable(number)
    contents = {to_valid_text(file.path) for file in header.files}
    own = str(Dependency(name=header.nevra.name, flags="=", evr=header.nevra.evr))
    absent = set(files) - contents - {to_valid_text(dependency.name) for dependency in header.provides}
    lines: list[str] = []
    for name, kind, needed, allowed in (
        # libsolv adds the package's own name where it is missing.
        ("provides", solv.SOLVABLE_PROVIDES, header.provides, [*header.provides, own]),
        ("requires", solv.SOLVABLE_REQUIRES, _list_external(header), header.requires),
        ("conflicts with", solv.SOLVABLE_CONFLICTS, header.conflicts, header.conflicts),
        ("obsoletes", solv.SOLVABLE_OBSOLETES, header.obsoletes, header.obsoletes),
    ):
        described = {_normalize(text) for text in format_dependencies(solvable, kind)} - contents
        hidden = {_normalize(str(dependency)) for dependency in needed} - described
        false = described - {_normalize(str(dependency)) for dependency in allowed} - absent
        lines += [describe_hidden(name, hidden)] if hidden else []
        lines += [f"its metadata says that it {name} {_format_some(false)}"] if false else []
    return (*lines, *([f"it does not contain {_format_some(absent)}"] if absent else []))


def _list_external(header: RpmHeader) -> Iterator[Dependency]:
    """What a package requires of others, without the symbol versions of libc."""
    files = {file.path for file in header.files}
    for dependency in header.requires:
        is_own = dependency.name in files or any(
            ranges_overlap(dependency, provided) for provided in header.provides
        )
        if not is_own and not dependency.name.startswith(("rpmlib(", LIBC)):
            yield dependency


def describe_hidden(verb: str, dependencies: Iterable[str]) -> str:
    """The difference that metadata lacks what a package requires, provides, …: `verb` says which."""
    return f"it {verb} {_format_some(dependencies)}, which its metadata hides"


def _format_some(texts: Iterable[str]) -> str:
    named = sorted(texts)
    more = f" and {len(named) - _MAX_REPORTED} more" if len(named) > _MAX_REPORTED else ""
    return f"{', '.join(named[:_MAX_REPORTED])}{more}"


def _normalize(text: str) -> str:
    """A dependency as metadata has it: without an epoch of 0, and in UTF-8."""
    return to_valid_text(text).replace(" 0:", " ")
