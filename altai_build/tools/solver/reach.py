"""Solutions of a closure: what libsolv chooses, and which part of that is needed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from altai_build.model.lock import BASE_SUFFIX, CONFIG_FILE_NAME, Requirement
from altai_build.tools.solver.pool import Candidate
from altai_build.tools.solver.request import BASE_RANK, ClosureRequest
from altai_build.tools.solver.resolve import Unsatisfiable, select_packages


@dataclass(frozen=True)
class NeededPackages:
    """The part of a solution that has to be shipped, and what base provides."""

    # Package → the requirements that it is there for.
    requirements: dict[int, set[Requirement]] = field(default_factory=dict)
    from_base: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Solution:
    """One answer: all packages that were chosen, and those that are needed; `forbidden` were left out of the choice."""

    chosen: frozenset[int]
    needed: NeededPackages
    forbidden: frozenset[int]


def solve(request: ClosureRequest, forbidden: frozenset[int]) -> Solution:
    """A solution without some packages. Raises Unsatisfiable."""
    chosen = _choose_packages(request, forbidden)
    return Solution(chosen=chosen, needed=_find_needed(request, chosen), forbidden=forbidden)


def find_providers_in_use(
    request: ClosureRequest, requirer: int, requirement: str, chosen: frozenset[int]
) -> list[int]:
    """The most preferred chosen package that meets a requirement; of a rich one all that take part.

    None when the package `requirer` provides it itself.
    """
    providers = [number for number in request.pool.find_providers(requirement) if number in chosen]
    if requirer in providers:
        return []
    if requirement.startswith("(") or len(providers) < 2:
        return providers
    candidates = [request.pool.get_candidate(number) for number in providers]
    best = min(candidates, key=lambda candidate: (request.rank(candidate), str(candidate.nevra)))
    return [best.id]


def _choose_packages(request: ClosureRequest, forbidden: Collection[int]) -> frozenset[int]:
    """A choice for all roots together; where our packages conflict with each other, for each by itself."""
    roots: list[tuple[int, ...]] = [(number,) for number in request.ours]
    roots += request.listed.values()
    try:
        return _select(request, roots, forbidden)
    except Unsatisfiable:
        if len(roots) < 2:
            raise
    return frozenset().union(*(_select(request, [root], forbidden) for root in roots))


def _select(
    request: ClosureRequest, roots: Sequence[tuple[int, ...]], forbidden: Collection[int]
) -> frozenset[int]:
    return select_packages(
        request.pool, roots, favor=request.preferred, forbid=forbidden, weak=request.takes_recommended
    )


def _find_needed(request: ClosureRequest, chosen: frozenset[int]) -> NeededPackages:
    needed = _collect_needed(request, chosen, through_base=False)
    shipped = {number for number in chosen if request.rank_of(number) > BASE_RANK}
    # Seldom, a package of base requires what only an update provides.
    return (
        needed
        if shipped <= needed.requirements.keys()
        else _collect_needed(request, chosen, through_base=True)
    )


def _collect_needed(request: ClosureRequest, chosen: frozenset[int], *, through_base: bool) -> NeededPackages:
    """Follow the requirements from the roots; `through_base`: those of base's packages too."""
    needed = NeededPackages()
    pending = list(request.ours)
    for (_, name), versions in request.listed.items():
        for number in sorted(chosen.intersection(versions)):
            _add_requirement(needed, number, Requirement(package=CONFIG_FILE_NAME, requires=name))
            pending.append(number)
    seen = set(pending)
    while pending:
        requirer = request.pool.get_candidate(pending.pop())
        for requirement, is_weak in request.list_dependencies(requirer):
            for number in find_providers_in_use(request, requirer.id, requirement, chosen):
                provider = request.pool.get_candidate(number)
                if is_weak and not _takes_recommended(request, provider):
                    continue
                _record(request, needed, requirer, requirement, is_weak, provider)
                if number not in seen and (through_base or request.rank(provider) != BASE_RANK):
                    seen.add(number)
                    pending.append(number)
            if requirement.startswith("(") and not is_weak and request.rank(requirer) != BASE_RANK:
                # A rich requirement was met, perhaps by the absence of something.
                needed.from_base.add(requirement)
    return needed


def _takes_recommended(request: ClosureRequest, provider: Candidate) -> bool:
    return request.rank(provider) > BASE_RANK and request.policies[provider.repository].weak


def _record(
    request: ClosureRequest,
    needed: NeededPackages,
    requirer: Candidate,
    requirement: str,
    is_weak: bool,
    provider: Candidate,
) -> None:
    is_of_base = request.rank(requirer) == BASE_RANK
    if request.rank(provider) == BASE_RANK and not is_of_base:
        needed.from_base.add(requirement)
    if request.rank(provider) > BASE_RANK:
        name = requirer.nevra.name + (BASE_SUFFIX if is_of_base else "")
        _add_requirement(needed, provider.id, Requirement(package=name, requires=requirement, weak=is_weak))


def _add_requirement(needed: NeededPackages, number: int, requirement: Requirement) -> None:
    needed.requirements.setdefault(number, set()).add(requirement)
