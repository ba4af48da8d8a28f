"""What `dnf install WORD` means: packages by name, with a version or an architecture where the word has one.

Source of the rules: dnf, Subject._get_best_selectors.
"""

from __future__ import annotations

import fnmatch
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import solv

from altai_build.tools.solver.patterns import list_forms, match_form
from altai_build.tools.solver.pool import PackagePool


@dataclass(frozen=True)
class OneOf:
    """Packages of a pool, by their numbers, one of which is to be installed."""

    packages: tuple[int, ...]
    # An architecture was asked for: no other one is installed besides.
    has_arch: bool = False


def find_named_packages(pool: PackagePool, word: str) -> tuple[OneOf, ...]:
    """The packages that a word of `dnf install` names, for each name one; none where no package has such a name.

    A package that provides the word as something else is not meant where another has it as its name.
    """
    for form in list_forms(word):
        names = _list_names(pool, form.name)
        packages = {
            name: [pool.libsolv.id2solvable(number) for number in pool.find_by_name(name)] for name in names
        }
        found: dict[str, list[int]] = defaultdict(list)
        for number in match_form(packages, form):
            found[pool.get_nevra(number).name].append(number)
        if found:
            return tuple(
                OneOf(
                    packages=(*numbers, *(_find_obsoleters(pool, numbers) if form.has_just_name else ())),
                    has_arch=form.arch is not None,
                )
                for _, numbers in sorted(found.items())
            )
    return ()


def find_by_exact_name(pool: PackagePool, name: str) -> OneOf | None:
    """The packages of a name, and what replaces them; None when there are none."""
    numbers = pool.find_by_name(name)
    return OneOf((*numbers, *_find_obsoleters(pool, numbers))) if numbers else None


def _list_names(pool: PackagePool, pattern: str) -> list[str]:
    if not any(character in pattern for character in "*?["):
        return [pattern]
    fits = re.compile(fnmatch.translate(pattern)).match
    return sorted({
        solvable.name for repo, _ in pool.repositories for solvable in repo.solvables if fits(solvable.name)
    })  # fmt: skip


def _find_obsoleters(pool: PackagePool, numbers: Sequence[int]) -> tuple[int, ...]:
    """The packages, these apart, that replace one of some packages on a machine."""
    found = {
        other.id
        for number in numbers
        for other in pool.libsolv.whatmatchessolvable(
            solv.SOLVABLE_OBSOLETES, pool.libsolv.id2solvable(number)
        )
        if other.installable()
    }
    return tuple(sorted(found.difference(numbers)))
