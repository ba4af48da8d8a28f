"""Smaller solutions of a closure: other providers are tried, and versions that were locked before are kept."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterator

from altai_build.model.lock import CONFIG_FILE_NAME
from altai_build.tools.rpm.versions import compare_evr
from altai_build.tools.solver.dependencies import read_requirement
from altai_build.tools.solver.pool import Candidate
from altai_build.tools.solver.reach import Solution, solve
from altai_build.tools.solver.request import ClosureRequest
from altai_build.tools.solver.resolve import Unsatisfiable
from altai_build.tools.solver.rich import list_condition_atoms

# Each trial of another provider costs one run of the solver, and more where many packages are left out of it.
_MAX_TRIALS = 200
_MAX_LEFT_OUT = 200_000
_BY_VERSION = functools.cmp_to_key(compare_evr)


def minimize(request: ClosureRequest, solution: Solution) -> tuple[Solution, frozenset[int]]:
    """The solution with the fewest packages, then the fewest bytes, that other providers give.

    Also the packages that were taken because another provider would have shipped more.
    """
    tried = _Trials()
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
        same_name = map(request.pool.get_candidate, request.pool.find_by_name(candidate.nevra.name))
        versions = {
            other.id
            for other in same_name
            if (other.repository, other.is_native) == (candidate.repository, candidate.is_native)
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
    request: ClosureRequest, solution: Solution, tried: _Trials, smallest: set[int]
) -> Solution | None:
    """The first smaller solution that another provider gives; None when no trial is left."""
    size = _measure(request, solution)
    for number, versions, providers in _list_trials(request, solution):
        for alternative in versions:
            if tried.is_exhausted:
                return None
            forbidden = solution.forbidden | (providers | {number}) - {alternative}
            if not tried.add(forbidden):
                break
            try:
                other = solve(request, forbidden)
            except Unsatisfiable:
                # An older version may do.
                continue
            other_size = _measure(request, other)
            if _passes_over_better(request, solution, other):
                # What was left out would be better for another requirement.
                continue
            if other_size < size:
                smallest.add(alternative)
                return other
            if other_size > size:
                smallest.add(number)
            break
    return None


class _Trials:
    """The packages that were left out of the choice so far; there is an end to trying."""

    def __init__(self) -> None:
        self._tried: set[frozenset[int]] = set()
        self._left_out = 0

    @property
    def is_exhausted(self) -> bool:
        """True when no further trial is worth its time."""
        return len(self._tried) >= _MAX_TRIALS or self._left_out >= _MAX_LEFT_OUT

    def add(self, forbidden: frozenset[int]) -> bool:
        """Count a trial; False when it was made before."""
        if forbidden in self._tried:
            return False
        self._tried.add(forbidden)
        self._left_out += len(forbidden)
        return True


def _list_trials(
    request: ClosureRequest, solution: Solution
) -> Iterator[tuple[int, list[int], frozenset[int]]]:
    """The exchanges that could make the solution smaller.

    Each is a package, the versions of an alternative to it, the newest first, and all packages that would do.
    """
    for number in _sort_needed(request, solution):
        providers = _find_rivals(request, solution, number)
        if not providers:
            continue
        alternatives: dict[str, list[Candidate]] = defaultdict(list)
        for other in _select_equals(request, request.pool.get_candidate(number), providers):
            alternatives[other.nevra.name].append(other)
        for _, versions in sorted(alternatives.items()):
            versions.sort(key=lambda other: _BY_VERSION(other.nevra.evr), reverse=True)
            yield number, [other.id for other in versions], providers


def _find_rivals(request: ClosureRequest, solution: Solution, number: int) -> frozenset[int]:
    """The packages of the same repository that meet a requirement of a package that nobody preferred."""
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
    return frozenset(other.id for other in others if other.repository == candidate.repository)


def _select_equals(
    request: ClosureRequest, candidate: Candidate, rivals: frozenset[int]
) -> Iterator[Candidate]:
    """Those of other names that dnf would not rank below a package.

    It takes the native architecture first, and not what another package obsoletes that meets the requirement too.
    """
    obsoleted = request.pool.find_obsoleted({candidate.id, *rivals})
    for other in map(request.pool.get_candidate, rivals - obsoleted):
        if other.nevra.name != candidate.nevra.name and other.is_native >= candidate.is_native:
            yield other


def _passes_over_better(request: ClosureRequest, solution: Solution, other: Solution) -> bool:
    """Whether another solution meets a requirement worse than a solution does, or could do.

    An earlier repository and a newer version count more than the size of a solution. What was left out of the choice
    for one requirement may be the best for another.
    """
    pool = request.pool
    left_out = other.forbidden - solution.forbidden
    for number in other.needed.requirements.keys() - solution.needed.requirements.keys():
        candidate = pool.get_candidate(number)
        for need in other.needed.requirements[number]:
            # Of a rich requirement, packages of different names meet different parts.
            is_plain = not need.requires.startswith("(")
            for rival in map(pool.get_candidate, _find_participants(request, need.requires)):
                is_of_solution = rival.id in solution.chosen
                if rival.nevra.name == candidate.nevra.name:
                    is_better = is_of_solution or rival.id in left_out
                    is_better = is_better and _is_better_version(request, rival, candidate)
                else:
                    is_better = is_plain and is_of_solution and request.rank(rival) < request.rank(candidate)
                if is_better:
                    return True
    return False


def _find_participants(request: ClosureRequest, requirement: str) -> set[int]:
    """The packages that meet a requirement, or make a condition of it true."""
    conditions = (atom.text for atom in list_condition_atoms(read_requirement(requirement)))
    return {number for text in (requirement, *conditions) for number in request.pool.find_providers(text)}


def _is_better_version(request: ClosureRequest, one: Candidate, other: Candidate) -> bool:
    """Whether the order of repositories, the architecture or the version speaks for one of two packages of a name."""
    ranks = request.rank(one), request.rank(other)
    if ranks[0] != ranks[1]:
        return ranks[0] < ranks[1]
    if one.is_native != other.is_native:
        return one.is_native
    return compare_evr(one.nevra.evr, other.nevra.evr) > 0


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
