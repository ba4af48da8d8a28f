"""What our packages need beyond the operating system: the smallest set, with the reason for each package of it."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from altai_build.errors import InputError
from altai_build.model.lock import BASE_SUFFIX, CONFIG_FILE_NAME, Choice, ChoiceRule, Requirement
from altai_build.model.nevra import Nevra
from altai_build.tools.solver.diagnosis import UnmetRequirements
from altai_build.tools.solver.pool import Candidate, ResolvedPackage, Solver, Unsatisfiable

_MAX_TRIALS = 200  # other providers that are tried out; each costs one run of the solver
_MAX_ALTERNATIVES = 12  # that a choice names


@dataclass(frozen=True)
class MirrorPolicy:
    """A repository that packages may be taken from; earlier ones are preferred to later ones."""

    name: str
    packages: tuple[str, ...] | None  # names to take with all they need; None: what ours need
    prefer: tuple[str, ...] = ()
    weak: bool = False


@dataclass(frozen=True)
class ClosurePackage:
    """One package of the closure."""

    resolved: ResolvedPackage
    repository: str
    license: str
    needed_by: tuple[Requirement, ...]
    choice: Choice


@dataclass(frozen=True)
class Closure:
    """The packages to ship, and what the system itself provides of the requirements."""

    packages: tuple[ClosurePackage, ...]
    from_base: tuple[str, ...]


def compute_closure(
    solver: Solver,
    ours: Sequence[int],
    base: Sequence[str],
    offers: Sequence[MirrorPolicy],
    *,
    locked: Iterable[tuple[str, Nevra]] = (),
) -> Closure:
    """The smallest set of packages out of `offers` that the packages `ours` need beyond the repositories `base`.

    Base is preferred to every offer, an earlier offer to a later one; of equals the set with fewer packages, then
    fewer bytes, is taken, and of its versions the newest, but for those `locked` before (repository, identity) as
    long as they do. Raises InputError with every requirement that cannot be met and the chain that leads to it.
    """
    return _ClosureSolver(solver, tuple(ours), frozenset(base), tuple(offers)).close(frozenset(locked))


@dataclass
class _NeededPackages:
    """The part of a solution that is really needed: package → why; and what base gives."""

    needs: dict[int, set[Requirement]] = field(default_factory=dict)
    from_base: set[str] = field(default_factory=set)


class _ClosureSolver:
    """One question and its bookkeeping."""

    def __init__(
        self, solver: Solver, ours: tuple[int, ...], base: frozenset[str], offers: tuple[MirrorPolicy, ...]
    ) -> None:
        self.solver = solver
        self.ours = ours
        self.offers = {offer.name: offer for offer in offers}
        self.repository_ranks = {"": 0, **dict.fromkeys(base, 1)}
        self.repository_ranks.update({offer.name: number for number, offer in enumerate(offers, start=2)})
        self.weak = any(offer.weak for offer in offers)
        self.listed = self._allowed_packages()
        self.favored = [
            one for offer in offers for one in solver.find_by_name_pattern(offer.name, offer.prefer)
        ]
        self.outdone: set[int] = set()  # packages that were taken because others would have shipped more
        self.kept: set[int] = set()  # packages that were taken because they were locked

    def close(self, locked: frozenset[tuple[str, Nevra]]) -> Closure:
        """Solve, keep what is needed, try other providers, and say why each package is there."""
        try:
            chosen = self._solve(())
        except Unsatisfiable as error:
            raise self._unsatisfiable_error(error) from error
        chosen, reached, forbidden = self._minimize(chosen, self._find_needed(chosen))
        chosen, reached = self._keep_locked_versions(locked, chosen, reached, forbidden)
        self._reject_unlisted(chosen, reached)
        packages = [
            ClosurePackage(
                resolved=self.solver.get_resolved(number),
                repository=self.solver.get_candidate(number).repository,
                license=self.solver.get_candidate(number).license,
                needed_by=tuple(sorted(needs)),
                choice=self._explain_choice(self.solver.get_candidate(number), needs, chosen),
            )
            for number, needs in reached.needs.items()
        ]
        return Closure(
            packages=tuple(sorted(packages, key=lambda one: (one.repository, str(one.resolved.nevra)))),
            from_base=tuple(sorted(reached.from_base)),
        )

    # ---- solving ---------------------------------------------------------------------------------------------

    def _allowed_packages(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """(repository, name) → its packages, for the names on lists. Raises InputError for unknown ones."""
        found, unknown = {}, []
        for offer in self.offers.values():
            for name in offer.packages or ():
                here = [
                    one
                    for one in self.solver.find_by_name(name)
                    if self.solver.get_candidate(one).repository == offer.name
                ]
                if here:
                    found[offer.name, name] = tuple(here)
                else:
                    every = {
                        self.solver.get_candidate(one).nevra.name
                        for one in self.solver.find_by_name_pattern(offer.name, [f"{name[:3]}*"])
                    }
                    near = difflib.get_close_matches(name, sorted(every), n=2)
                    hint = f"; perhaps {' or '.join(near)}" if near else ""
                    unknown.append(f"  repositories.{offer.name}.packages: {name}{hint}")
        if unknown:
            raise InputError(
                "packages are listed that their repositories do not have",
                why="\n".join(unknown),
                todo="correct the names in repos.yaml",
            )
        return found

    def _solve(self, forbid: Collection[int]) -> frozenset[int]:
        """A solution for all roots together; where ours exclude one another, of each by itself."""
        roots = [(one,) for one in self.ours] + list(self.listed.values())
        try:
            return self._select(roots, forbid)
        except Unsatisfiable:
            if len(roots) < 2:
                raise
        chosen: set[int] = set()
        for root in roots:
            chosen |= self._select([root], forbid)
        return frozenset(chosen)

    def _select(self, roots: Sequence[tuple[int, ...]], forbid: Collection[int]) -> frozenset[int]:
        return self.solver.select_packages(roots, favor=self.favored, forbid=forbid, weak=self.weak)

    def _repository_rank(self, number: int) -> int:
        return self.repository_ranks[self.solver.get_candidate(number).repository]

    def _find_needed(self, chosen: frozenset[int]) -> _NeededPackages:
        """What of a solution is needed: each requirement is met by the most preferred package that meets it."""
        reached = self._collect_needed(chosen, through_base=False)
        unreached = {one for one in chosen if self._repository_rank(one) > 1} - reached.needs.keys()
        # Seldom, something in base needs what only an update provides.
        return self._collect_needed(chosen, through_base=True) if unreached else reached

    def _collect_needed(self, chosen: frozenset[int], *, through_base: bool) -> _NeededPackages:
        reached = _NeededPackages()
        pending = list(self.ours)
        for (_, name), numbers in self.listed.items():
            for listed in sorted(chosen.intersection(numbers)):
                reached.needs.setdefault(listed, set()).add(
                    Requirement(package=CONFIG_FILE_NAME, requires=name)
                )
                pending.append(listed)
        seen = set(pending)
        while pending:
            one = self.solver.get_candidate(pending.pop())
            for requirement, weak in self._dependencies(one):
                for number in self._providers_in_use(one.id, requirement, chosen):
                    rank = self._repository_rank(number)
                    if weak and (
                        rank < 2 or not self.offers[self.solver.get_candidate(number).repository].weak
                    ):
                        continue
                    if rank == 1 and self.repository_ranks[one.repository] != 1:
                        reached.from_base.add(requirement)
                    if rank > 1:
                        name = (
                            one.nevra.name
                            if self.repository_ranks[one.repository] != 1
                            else one.nevra.name + BASE_SUFFIX
                        )
                        need = Requirement(package=name, requires=requirement, weak=weak)
                        reached.needs.setdefault(number, set()).add(need)
                    if number not in seen and (rank != 1 or through_base):
                        seen.add(number)
                        pending.append(number)
                if requirement.startswith("(") and not weak and self.repository_ranks[one.repository] != 1:
                    reached.from_base.add(requirement)  # it was met, perhaps by the absence of something
        return reached

    def _dependencies(self, one: Candidate) -> Iterable[tuple[str, bool]]:
        yield from ((requirement, False) for requirement in one.requires)
        if self.weak:
            yield from ((recommended, True) for recommended in one.recommends)

    def _providers_in_use(self, asking: int, requirement: str, chosen: frozenset[int]) -> list[int]:
        """The most preferred chosen package that meets a requirement of `asking`; of a rich one all that take part.

        What a package provides itself it needs of nobody.
        """
        found = [one for one in self.solver.find_providers(requirement) if one in chosen]
        if asking in found:
            return []
        if requirement.startswith("(") or len(found) < 2:
            return found
        return [
            min(
                found, key=lambda one: (self._repository_rank(one), str(self.solver.get_candidate(one).nevra))
            )
        ]

    # ---- smaller ---------------------------------------------------------------------------------------------

    def _closure_size(self, reached: _NeededPackages) -> tuple[int, int, list[str]]:
        packages = [self.solver.get_resolved(one) for one in reached.needs]
        return (
            len(packages),
            sum(one.size for one in packages),
            sorted(str(one.nevra) for one in packages),
        )

    def _minimize(
        self, chosen: frozenset[int], reached: _NeededPackages
    ) -> tuple[frozenset[int], _NeededPackages, frozenset[int]]:
        """Try the other providers of each choice; a set that is smaller takes the place."""
        forbidden: frozenset[int] = frozenset()
        tried: set[frozenset[int]] = set()
        trials = iter(range(_MAX_TRIALS))
        better = True
        while better:
            better = False
            for number in sorted(reached.needs, key=lambda one: str(self.solver.get_candidate(one).nevra)):
                rivals = self._alternative_providers(number, reached.needs[number], chosen)
                for keep in sorted(rivals):
                    forbid = forbidden | (rivals | {number}) - {keep}
                    if forbid in tried or next(trials, None) is None:
                        continue
                    tried.add(forbid)
                    try:
                        other = self._solve(forbid)
                    except Unsatisfiable:
                        continue
                    result = self._find_needed(other)
                    if self._closure_size(result)[:2] < self._closure_size(reached)[:2]:
                        chosen, reached, forbidden, better = other, result, forbid, True
                        self.outdone.add(keep)
                        break
                    if self._closure_size(result)[:2] > self._closure_size(reached)[:2]:
                        self.outdone.add(number)
                if better:
                    break
        return chosen, reached, forbidden

    def _keep_locked_versions(
        self,
        locked: frozenset[tuple[str, Nevra]],
        chosen: frozenset[int],
        reached: _NeededPackages,
        forbidden: frozenset[int],
    ) -> tuple[frozenset[int], _NeededPackages]:
        """Versions that were locked before, in the place of newer ones, where nothing else changes by it."""
        if not locked:
            return chosen, reached
        for number in sorted(reached.needs, key=lambda one: str(self.solver.get_candidate(one).nevra)):
            one = self.solver.get_candidate(number)
            versions = [
                other
                for other in self.solver.find_by_name(one.nevra.name)
                if self.solver.get_candidate(other).repository == one.repository
            ]
            before = [
                other
                for other in versions
                if (one.repository, self.solver.get_candidate(other).nevra) in locked
            ]
            if number not in reached.needs or not before or number in before:
                continue
            forbid = forbidden | set(versions) - set(before)
            try:
                other_choice = self._solve(forbid)
            except Unsatisfiable:
                continue
            result = self._find_needed(other_choice)
            if self._repository_names(result) == self._repository_names(reached):
                chosen, reached, forbidden = other_choice, result, forbid
                self.kept.update(before)
        return chosen, reached

    def _repository_names(self, reached: _NeededPackages) -> set[tuple[str, str]]:
        found = (self.solver.get_candidate(one) for one in reached.needs)
        return {(one.repository, one.nevra.name) for one in found}

    def _alternative_providers(
        self, number: int, needs: Iterable[Requirement], chosen: frozenset[int]
    ) -> frozenset[int]:
        """Packages of other names, from the same repository, that could stand in for one that nobody preferred."""
        one = self.solver.get_candidate(number)
        if number in self.favored or any(need.package == CONFIG_FILE_NAME for need in needs):
            return frozenset()
        found = {
            rival for need in needs if not need.weak for rival in self.solver.find_providers(need.requires)
        } - chosen
        return frozenset(
            rival
            for rival in found
            if self.solver.get_candidate(rival).repository == one.repository
            and self.solver.get_candidate(rival).nevra.name != one.nevra.name
        )

    # ---- reasons ---------------------------------------------------------------------------------------------

    def _explain_choice(self, one: Candidate, needs: Iterable[Requirement], chosen: frozenset[int]) -> Choice:
        listed = any(need.package == CONFIG_FILE_NAME for need in needs)
        others = {
            other
            for need in needs
            if need.package != CONFIG_FILE_NAME
            for other in self.solver.find_providers(need.requires)
        }
        here = [self.solver.get_candidate(other) for other in others - chosen]
        namesakes = [self.solver.get_candidate(other) for other in self.solver.find_by_name(one.nevra.name)]
        in_base = [other for other in namesakes if self.repository_ranks[other.repository] == 1]
        offer = self.offers[one.repository]
        preferred = any(fnmatch.fnmatchcase(one.nevra.name, pattern) for pattern in offer.prefer)
        if listed:
            return Choice(rule=ChoiceRule.LISTED)
        if preferred and here:
            return Choice(rule=ChoiceRule.PREFERRED, over=_format_names(here))
        if one.id in self.kept:
            return Choice(rule=ChoiceRule.KEPT, over=_format_names(here))
        if in_base:
            return Choice(rule=ChoiceRule.BASE, over=_format_names(in_base))
        if not here:
            return Choice(rule=ChoiceRule.ONLY)
        if all(
            self.repository_ranks[other.repository] > self.repository_ranks[one.repository] for other in here
        ):
            return Choice(rule=ChoiceRule.ORDER, over=_format_names(here))
        if all(other.nevra.name == one.nevra.name for other in here):
            return Choice(rule=ChoiceRule.NEWEST, over=_format_names(here))
        return Choice(
            rule=ChoiceRule.SMALLEST if one.id in self.outdone else ChoiceRule.NAME,
            over=_format_names(here),
        )

    def _reject_unlisted(self, chosen: frozenset[int], reached: _NeededPackages) -> None:
        """A repository with a list gives what is on it, and what that needs; anything else must be put on it."""
        strict = {name for name, offer in self.offers.items() if offer.packages is not None}
        if not strict:
            return
        allowed = {one for numbers in self.listed.values() for one in chosen.intersection(numbers)}
        pending = list(allowed)
        while pending:
            asking = pending.pop()
            for requirement, _ in self._dependencies(self.solver.get_candidate(asking)):
                for number in set(self._providers_in_use(asking, requirement, chosen)) - allowed:
                    allowed.add(number)
                    pending.append(number)
        unlisted = [self.solver.get_candidate(one) for one in reached.needs if one not in allowed]
        unlisted = [one for one in unlisted if one.repository in strict]
        names = {one.nevra.name for one in unlisted}
        lines = [
            f"  {need.package} requires {need.requires}: {one.nevra} is in {one.repository}, but not on its list"
            for one in unlisted
            for need in sorted(reached.needs[one.id])
            if need.package not in names  # what these need themselves follows when they are listed
        ]
        if lines:
            raise InputError(
                f"{len(lines)} requirements are met only by packages that are not listed",
                why="\n".join(sorted(lines)),
                todo="add them to `packages` of that repository in repos.yaml, or write packages: needed",
            )

    def _unsatisfiable_error(self, error: Unsatisfiable) -> InputError:
        roots = [*self.ours, *(one for numbers in self.listed.values() for one in numbers)]
        lines = UnmetRequirements(self.solver, self.repository_ranks).lines(roots)
        return InputError(
            f"{len(lines)} requirements of the release cannot be met"
            if lines
            else "the packages of the release cannot be installed together with what they require",
            why="\n".join(lines) or "\n".join(f"  {one}" for one in error.problems),
            todo="package what is missing in specs/, add a repository that has it, mend the requirement, "
            "or see `exclude` in repos.yaml",
        )


def _format_names(others: Sequence[Candidate]) -> tuple[str, ...]:
    names = sorted(f"{other.nevra} ({other.repository or 'ours'})" for other in others)
    if len(names) > _MAX_ALTERNATIVES:
        names = [*names[:_MAX_ALTERNATIVES], f"and {len(names) - _MAX_ALTERNATIVES} more"]
    return tuple(names)
