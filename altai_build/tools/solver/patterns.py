"""Which packages the patterns of exclude=, includepkgs= and `dnf install` mean: names, and more as far as one tells it.

Source of the rules: libdnf, Query::filterSubject and HY_FORMS_MOST_SPEC.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import solv

from altai_build.tools.solver.dependencies import split_evr


@dataclass(frozen=True)
class PackageForm:
    """One way to read a pattern; None: any."""

    name: str
    epoch: str | None = None
    version: str | None = None
    release: str | None = None
    arch: str | None = None

    @property
    def has_just_name(self) -> bool:
        """True when the pattern says nothing but a name."""
        return self.version is None and self.arch is None


# Name → the packages that have it.
_Packages = Mapping[str, Sequence[solv.XSolvable]]


def find_matches(repositories: Iterable[solv.Repo], patterns: Iterable[str]) -> Mapping[str, frozenset[int]]:
    """Pattern → the packages of all repositories that it means. A pattern has the first meaning that a package has."""
    wanted = set(patterns)
    packages: dict[str, list[solv.XSolvable]] = {}
    if wanted:
        for repo in repositories:
            for solvable in repo.solvables:
                packages.setdefault(solvable.name, []).append(solvable)
    return {pattern: _find_meant(packages, pattern) for pattern in wanted}


def _find_meant(packages: _Packages, pattern: str) -> frozenset[int]:
    for form in list_forms(pattern):
        found = frozenset(match_form(packages, form))
        if found:
            return found
    return frozenset()


def list_forms(pattern: str) -> Iterator[PackageForm]:
    """The meanings of a pattern in the order in which dnf tries them."""
    body, dot, arch = pattern.rpartition(".")
    if dot:
        yield from _read_version(body.rsplit("-", 2), 3, arch)
        yield PackageForm(body, arch=arch)
    yield PackageForm(pattern)
    yield from _read_version(pattern.rsplit("-", 2), 3, None)
    yield from _read_version(pattern.rsplit("-", 1), 2, None)


def _read_version(parts: Sequence[str], count: int, arch: str | None) -> Iterator[PackageForm]:
    if len(parts) == count and all(parts):
        epoch, colon, version = parts[1].rpartition(":")
        release = parts[2] if count == 3 else None
        yield PackageForm(parts[0], epoch if colon else None, version, release, arch)


def match_form(packages: _Packages, form: PackageForm) -> Iterator[int]:
    """The packages that a meaning fits."""
    has_name, has_arch = _compile(form.name), _compile(form.arch)
    versions = [_compile(part) for part in (form.epoch, form.version, form.release)]
    for name in filter(has_name, packages):
        for solvable in packages[name]:
            if form.arch is not None and not has_arch(solvable.arch):
                continue
            if form.version is None or all(
                has_part(part) for has_part, part in zip(versions, split_evr(solvable))
            ):
                yield int(solvable.id)


def _compile(pattern: str | None) -> Callable[[str], object]:
    return re.compile(fnmatch.translate("*" if pattern is None else pattern)).match
