"""Solutions of a closure: what libsolv chooses, and which part of that is needed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from altai_build.model.lock import BASE_SUFFIX, CONFIG_FILE_NAME, Requirement
from altai_build.tools.solver.dependencies import read_requirement
from altai_build.tools.solver.pool import Candidate
from altai_build.tools.solver.request import BASE_RANK, OWN_RANK, ClosureRequest
from altai_build.tools.solver.resolve import Unsatisfiable, select_packages
from altai_build.tools.solver.rich import (
    RichNode,
    is_met,
    list_condition_atoms,
    list_demands,
    list_needed_atoms,
)


@dataclass(frozen=True)
class NeededPackages:
    """The part of a solution that has to be shipped, and what base provides."""

    # Package → the requirements that it is there for.
    requirements: dict[int, set[Requirement]] = field(default_factory=dict)
    from_base: set[str] = field(default_factory=set)

    def add(self, number: int, requirement: Requirement) -> None:
        """Record that a package has to be shipped."""
        self.requirements.setdefault(number, set()).add(requirement)


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


# ---- the choice --------------------------------------------------------------------------------------------------


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
    """A choice that can be installed on every machine that base allows, whatever of base is installed there.

    A package that cannot be installed on some of these machines is left out: an older version may do.
    """
    left_out = set(forbidden)
    while True:
        # What some machine needs, and the packages that need it.
        demands: dict[str, set[int]] = {}
        try:
            while True:
                chosen = _select_with(request, roots, left_out, demands)
                known = len(demands)
                for number in chosen:
                    for demand in _list_demands(request, number, chosen):
                        demands.setdefault(demand, set()).add(number)
                if len(demands) == known:
                    return chosen
        except Unsatisfiable:
            more = _find_unmet_demanders(request, roots, left_out, demands)
            if not more:
                raise
            left_out |= more


def _select_with(
    request: ClosureRequest,
    roots: Sequence[tuple[int, ...]],
    left_out: Collection[int],
    demands: Iterable[str],
) -> frozenset[int]:
    return select_packages(
        request.pool,
        roots,
        favor=request.preferred,
        forbid=left_out,
        require=sorted(demands),
        weak=request.takes_recommended,
    )


def _find_unmet_demanders(
    request: ClosureRequest,
    roots: Sequence[tuple[int, ...]],
    left_out: Collection[int],
    demands: Mapping[str, Collection[int]],
) -> set[int]:
    """The packages, roots apart, with a demand that nothing can meet."""
    found: set[int] = set()
    fixed = {number for root in roots for number in root}
    for demand, demanders in demands.items():
        others = set(demanders) - fixed - found
        if others:
            try:
                _select_with(request, roots, left_out, [demand])
            except Unsatisfiable:
                found |= others
    return found


def _list_demands(request: ClosureRequest, number: int, chosen: frozenset[int]) -> Iterator[str]:
    """What a package to ship needs on some machine only: `a`, for `(a if b)` where base has `b`."""
    # Most packages are of the base; what they require is not looked up.
    if request.rank_of(number) == BASE_RANK:
        return

    def is_possible(atom: str) -> bool:
        return any(
            provider in chosen or request.rank_of(provider) == BASE_RANK
            for provider in request.pool.find_providers(atom)
        )

    for requirement in request.pool.get_candidate(number).requires:
        if requirement.startswith("("):
            yield from map(str, list_demands(read_requirement(requirement), is_possible))


# ---- what of it is needed ----------------------------------------------------------------------------------------


def find_providers_in_use(
    request: ClosureRequest, requirer: int, requirement: str, chosen: frozenset[int]
) -> list[int]:
    """The most preferred chosen package that meets a requirement; of a rich one all that take part.

    None when the package `requirer` provides it itself.
    """
    providers = [number for number in request.pool.find_providers(requirement) if number in chosen]
    if requirement.startswith("("):
        return providers
    if requirer in providers:
        return []
    if len(providers) < 2:
        return providers
    candidates = [request.pool.get_candidate(number) for number in providers]
    best = min(
        candidates,
        key=lambda candidate: (request.rank(candidate), not candidate.is_native, str(candidate.nevra)),
    )
    return [best.id]


def _find_needed(request: ClosureRequest, chosen: frozenset[int]) -> NeededPackages:
    needed = _NeedCollector(request, chosen, through_base=False).collect()
    shipped = {number for number in chosen if request.rank_of(number) > BASE_RANK}
    if shipped <= needed.requirements.keys():
        return needed
    # Seldom, a package of base requires what only an update provides.
    return _NeedCollector(request, chosen, through_base=True).collect()


class _NeedCollector:
    """Follows the requirements from the roots; `through_base`: those of base's packages too."""

    def __init__(self, request: ClosureRequest, chosen: frozenset[int], *, through_base: bool) -> None:
        self._request = request
        self._chosen = chosen
        self._through_base = through_base
        self._needed = NeededPackages()

    def collect(self) -> NeededPackages:
        """What is needed of the choice."""
        pending = list(self._request.ours)
        for (_, name), versions in self._request.listed.items():
            for number in sorted(self._chosen.intersection(versions)):
                self._needed.add(number, Requirement(package=CONFIG_FILE_NAME, requires=name))
                pending.append(number)
        seen = set(pending)
        while pending:
            requirer = self._request.pool.get_candidate(pending.pop())
            for requirement, is_weak in self._request.list_dependencies(requirer):
                for number in self._record(requirer, requirement, is_weak):
                    is_followed = self._through_base or self._request.rank_of(number) != BASE_RANK
                    if number not in seen and is_followed:
                        seen.add(number)
                        pending.append(number)
        return self._needed

    def _record(self, requirer: Candidate, requirement: str, is_weak: bool) -> list[int]:
        """Record who meets a requirement; returns them."""
        providers = find_providers_in_use(self._request, requirer.id, requirement, self._chosen)
        if requirement.startswith("(") and not is_weak:
            providers = self._record_rich(requirer, requirement, providers)
        in_use = []
        for number in providers:
            rank = self._request.rank_of(number)
            if is_weak and (rank <= BASE_RANK or not self._is_of_weak(number)):
                continue
            in_use.append(number)
            is_of_base = self._request.rank(requirer) == BASE_RANK
            if rank == BASE_RANK and not is_of_base and not requirement.startswith("("):
                self._needed.from_base.add(requirement)
            if rank > BASE_RANK:
                name = requirer.nevra.name + (BASE_SUFFIX if is_of_base else "")
                self._needed.add(number, Requirement(package=name, requires=requirement, weak=is_weak))
        return in_use

    def _is_of_weak(self, number: int) -> bool:
        """Whether a mirrored package is of a repository whose recommended packages are taken."""
        return self._request.policies[self._request.pool.get_repository(number)].weak

    def _record_rich(self, requirer: Candidate, requirement: str, providers: list[int]) -> list[int]:
        """Record what base does for a rich requirement; returns the packages that take part in meeting it.

        Where base (with our packages) meets it alone, mirrors do not take part. Otherwise those parts of it that base
        provides are recorded, and the conditions that hold where a package of base is installed.
        """
        node = read_requirement(requirement)
        has_base = self._request.rank(requirer) == BASE_RANK

        def is_chosen(atom: str) -> bool:
            return self._is_provided(atom, max_rank=None)

        def is_possible(atom: str) -> bool:
            return is_chosen(atom) or self._is_in_base(atom)

        def is_met_up_to(rank: int) -> bool:
            """On machines with all of base, with what was chosen of it, and without mirrors: `(a if b else c)`."""

            def is_here(atom: str) -> bool:
                return self._is_provided(atom, max_rank=rank)

            return all(is_met(node, is_here, conditions) for conditions in (is_possible, is_chosen, is_here))

        if is_met_up_to(BASE_RANK):
            if not is_met_up_to(OWN_RANK) and not has_base:
                self._needed.from_base.add(requirement)
            providers = [number for number in providers if self._request.rank_of(number) <= BASE_RANK]
        else:
            providers = [*providers, *self._find_needed_conditions(node)]
            if not has_base:
                parts = (atom.text for atom in list_needed_atoms(node))
                self._needed.from_base.update(part for part in parts if self._is_only_in_base(part))
        if not has_base:
            conditions = (atom.text for atom in list_condition_atoms(node))
            self._needed.from_base.update(part for part in conditions if self._is_in_base(part))
        return providers

    def _find_needed_conditions(self, node: RichNode) -> list[int]:
        """The packages of mirrors that must be shipped because a condition holds with them: b of `(a if b else c)`.

        Without b, c would be needed.
        """

        def is_here_without_mirrors(atom: str) -> bool:
            return self._is_provided(atom, max_rank=BASE_RANK) or self._is_in_base(atom)

        if is_met(node, lambda atom: self._is_provided(atom, max_rank=None), is_here_without_mirrors):
            return []
        providers = (
            number
            for atom in list_condition_atoms(node)
            for number in self._request.pool.find_providers(atom.text)
        )
        return [
            number
            for number in providers
            if number in self._chosen and self._request.rank_of(number) > BASE_RANK
        ]

    def _is_provided(self, atom: str, *, max_rank: int | None) -> bool:
        """Whether a chosen package, of a repository up to some rank, provides it."""
        return any(
            number in self._chosen and (max_rank is None or self._request.rank_of(number) <= max_rank)
            for number in self._request.pool.find_providers(atom)
        )

    def _is_in_base(self, atom: str) -> bool:
        providers = self._request.pool.find_providers(atom)
        return any(self._request.rank_of(number) == BASE_RANK for number in providers)

    def _is_only_in_base(self, atom: str) -> bool:
        chosen = [number for number in self._request.pool.find_providers(atom) if number in self._chosen]
        return bool(chosen) and all(self._request.rank_of(number) == BASE_RANK for number in chosen)
