"""Smaller solutions of a closure: other providers are tried, and versions that were locked before are kept."""

from __future__ import annotations

from collections.abc import Iterator

from altai_build.model.lock import CONFIG_FILE_NAME
from altai_build.tools.solver.reach import Solution, solve
from altai_build.tools.solver.request import ClosureRequest
from altai_build.tools.solver.resolve import Unsatisfiable

# Other providers that are tried; each costs one run of the solver.
_MAX_TRIALS = 200


def minimize(request: ClosureRequest, solution: Solution) -> tuple[Solution, frozenset[int]]:
    """The solution with the fewest packages, then the fewest bytes, that other providers give.

    Also the packages that were taken because another provider would have shipped more.
    """
    tried: set[frozenset[int]] = set()
    smallest: set[int] = set()
    while (better := _find_smaller(request, solution, tried, smallest)) is not None:
        solution = better
    return solution, frozenset(smallest)


def keep_locked_versions(request: ClosureRequest, solution: Solution) -> tuple[Solution, frozenset[int]]:
    """The solution with versions that were locked before, if it ships packages of the same names.

    Also the versions that were kept for this reason.
    """
    kept: set[int] = set()
    for number in _sort_needed(request, solution) if request.locked else []:
        candidate = request.pool.get_candidate(number)
        versions = {
            other
            for other in request.pool.find_by_name(candidate.nevra.name)
            if request.pool.get_candidate(other).repository == candidate.repository
        }
        locked = {
            other
            for other in versions
            if (candidate.repository, request.pool.get_candidate(other).nevra) in request.locked
        }
        if number not in solution.needed.requirements or not locked or number in locked:
            continue
        try:
            other = solve(request, solution.forbidden | (versions - locked))
        except Unsatisfiable:
            continue
        if _list_names(request, other) == _list_names(request, solution):
            solution = other
            kept |= locked
    return solution, frozenset(kept)


def _find_smaller(
    request: ClosureRequest, solution: Solution, tried: set[frozenset[int]], smallest: set[int]
) -> Solution | None:
    """The first smaller solution that another provider gives; None when no trial is left."""
    size = _measure(request, solution)
    for number, alternative, forbidden in _list_trials(request, solution):
        if forbidden in tried or len(tried) >= _MAX_TRIALS:
            continue
        tried.add(forbidden)
        try:
            other = solve(request, forbidden)
        except Unsatisfiable:
            continue
        other_size = _measure(request, other)
        if other_size < size:
            smallest.add(alternative)
            return other
        if other_size > size:
            smallest.add(number)
    return None


def _list_trials(request: ClosureRequest, solution: Solution) -> Iterator[tuple[int, int, frozenset[int]]]:
    """(package, alternative, packages to forbid) of each exchange that could make the solution smaller."""
    for number in _sort_needed(request, solution):
        alternatives = _find_alternatives(request, solution, number)
        for alternative in sorted(alternatives):
            yield number, alternative, solution.forbidden | (alternatives | {number}) - {alternative}


def _find_alternatives(request: ClosureRequest, solution: Solution, number: int) -> frozenset[int]:
    """Packages of other names in the same repository that meet a requirement of a package that nobody preferred."""
    candidate = request.pool.get_candidate(number)
    requirements = solution.needed.requirements[number]
    if number in request.preferred or any(need.package == CONFIG_FILE_NAME for need in requirements):
        return frozenset()
    providers = {
        provider
        for need in requirements
        if not need.weak
        for provider in request.pool.find_providers(need.requires)
    }
    others = (request.pool.get_candidate(provider) for provider in providers - solution.chosen)
    return frozenset(
        other.id
        for other in others
        if other.repository == candidate.repository and other.nevra.name != candidate.nevra.name
    )


def _measure(request: ClosureRequest, solution: Solution) -> tuple[int, int]:
    """The number of packages that a solution ships, and their bytes."""
    packages = [request.pool.get_resolved(number) for number in solution.needed.requirements]
    return len(packages), sum(package.size for package in packages)


def _list_names(request: ClosureRequest, solution: Solution) -> set[tuple[str, str]]:
    candidates = (request.pool.get_candidate(number) for number in solution.needed.requirements)
    return {(candidate.repository, candidate.nevra.name) for candidate in candidates}


def _sort_needed(request: ClosureRequest, solution: Solution) -> list[int]:
    return sorted(
        solution.needed.requirements, key=lambda number: str(request.pool.get_candidate(number).nevra)
    )
