"""Which packages the patterns of exclude= and includepkgs= mean: names, and more as far as a pattern tells it.

Source of the rules: libdnf, Query::filterSubject and HY_FORMS_MOST_SPEC.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import solv


@dataclass(frozen=True)
class _Form:
    """One way to read a pattern; None: any."""

    name: str
    epoch: str | None = None
    version: str | None = None
    release: str | None = None
    arch: str | None = None


@dataclass(frozen=True)
class _Package:
    id: int
    name: str
    epoch: str
    version: str
    release: str
    arch: str


def find_matches(repositories: Iterable[solv.Repo], patterns: Iterable[str]) -> Mapping[str, frozenset[int]]:
    """Pattern → the packages of all repositories that it means. A pattern has the first meaning that a package has."""
    wanted = set(patterns)
    if not wanted:
        return {}
    packages = [_describe(solvable) for repo in repositories for solvable in repo.solvables]
    return {pattern: _find_meant(packages, pattern) for pattern in wanted}


def _describe(solvable: solv.XSolvable) -> _Package:
    epoch, _, rest = solvable.evr.rpartition(":")
    version, _, release = rest.rpartition("-")
    return _Package(solvable.id, solvable.name, epoch or "0", version, release, solvable.arch)


def _find_meant(packages: Sequence[_Package], pattern: str) -> frozenset[int]:
    for form in _list_forms(pattern):
        found = frozenset(_match(packages, form))
        if found:
            return found
    return frozenset()


def _list_forms(pattern: str) -> Iterator[_Form]:
    """The meanings of a pattern in the order in which dnf tries them."""
    body, dot, arch = pattern.rpartition(".")
    if dot:
        yield from _read_version(body.rsplit("-", 2), 3, arch)
        yield _Form(body, arch=arch)
    yield _Form(pattern)
    yield from _read_version(pattern.rsplit("-", 2), 3, None)
    yield from _read_version(pattern.rsplit("-", 1), 2, None)


def _read_version(parts: Sequence[str], count: int, arch: str | None) -> Iterator[_Form]:
    if len(parts) == count and all(parts):
        epoch, colon, version = parts[1].rpartition(":")
        release = parts[2] if count == 3 else None
        yield _Form(parts[0], epoch if colon else None, version, release, arch)


def _match(packages: Iterable[_Package], form: _Form) -> Iterator[int]:
    given = [
        (key, re.compile(fnmatch.translate(part)).match)
        for key in ("arch", "name", "version", "release", "epoch")
        if (part := getattr(form, key)) is not None
    ]
    for package in packages:
        if all(match(getattr(package, key)) for key, match in given):
            yield package.id
