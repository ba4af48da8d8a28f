"""Why each package of a closure was chosen among those that would do."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from altai_build.model.lock import CONFIG_FILE_NAME, Choice, ChoiceRule, Requirement
from altai_build.tools.rpm.versions import compare_evr
from altai_build.tools.solver.pool import Candidate
from altai_build.tools.solver.reach import Solution
from altai_build.tools.solver.request import BASE_RANK, ClosureRequest

# How many alternatives a choice names.
_MAX_ALTERNATIVES = 12


@dataclass(frozen=True)
class ChoiceExplainer:
    """A solution, and how it was found: which packages ship less than others, and which were locked before."""

    request: ClosureRequest
    solution: Solution
    smallest: Collection[int]
    kept: Collection[int]

    def explain(self, candidate: Candidate) -> Choice:
        """The rule that decided for a package, and what it decided against."""
        requirements = self.solution.needed.requirements[candidate.id]
        if any(need.package == CONFIG_FILE_NAME for need in requirements):
            return Choice(rule=ChoiceRule.LISTED)
        others = self._find_others(requirements)
        if others and self.request.is_preferred(candidate):
            return Choice(rule=ChoiceRule.PREFERRED, over=_format_labels(others))
        if candidate.id in self.kept:
            return Choice(rule=ChoiceRule.KEPT, over=_format_labels(others))
        in_base = self._find_in_base(candidate)
        if in_base:
            return Choice(rule=ChoiceRule.BASE, over=_format_labels(in_base))
        return Choice(rule=self._compare(candidate, others), over=_format_labels(others))

    def _compare(self, candidate: Candidate, others: list[Candidate]) -> ChoiceRule:
        """The last rule that was needed: each rule decides against some of the others, and leaves fewer."""
        if not others:
            return ChoiceRule.ONLY
        if any(self._is_better(other, candidate) for other in others):
            return ChoiceRule.FITS
        rank = self.request.rank(candidate)
        obsoleted = self.request.pool.find_obsoleted({candidate.id, *(other.id for other in others)})
        left = others
        for rule, is_worse in (
            (ChoiceRule.ORDER, lambda other: self.request.rank(other) > rank),
            (ChoiceRule.NATIVE, lambda other: candidate.is_native and not other.is_native),
            (ChoiceRule.NEWEST, lambda other: other.nevra.name == candidate.nevra.name),
            (ChoiceRule.RENAMED, lambda other: other.id in obsoleted),
        ):
            left = [other for other in left if not is_worse(other)]
            if not left:
                return rule
        if candidate.id in self.smallest:
            return ChoiceRule.SMALLEST
        is_first = all(candidate.nevra.name < other.nevra.name for other in left)
        return ChoiceRule.NAME if is_first else ChoiceRule.SOLVER

    def _is_better(self, other: Candidate, candidate: Candidate) -> bool:
        """Whether the order of repositories, or a newer version, speaks for another package."""
        rank, other_rank = self.request.rank(candidate), self.request.rank(other)
        if other_rank != rank:
            return other_rank < rank
        is_same_kind = (other.nevra.name, other.is_native) == (candidate.nevra.name, candidate.is_native)
        return is_same_kind and compare_evr(other.nevra.evr, candidate.nevra.evr) > 0

    def _find_others(self, requirements: Iterable[Requirement]) -> list[Candidate]:
        """The packages that meet the same requirements and were not chosen."""
        pool = self.request.pool
        providers = {number for need in requirements for number in pool.find_providers(need.requires)}
        return [pool.get_candidate(number) for number in providers - self.solution.chosen]

    def _find_in_base(self, candidate: Candidate) -> list[Candidate]:
        """The versions of a package that base has."""
        pool = self.request.pool
        versions = (pool.get_candidate(number) for number in pool.find_by_name(candidate.nevra.name))
        return [version for version in versions if self.request.rank(version) == BASE_RANK]


def _format_labels(candidates: Collection[Candidate]) -> tuple[str, ...]:
    labels = sorted(candidate.label for candidate in candidates)
    if len(labels) > _MAX_ALTERNATIVES:
        labels = [*labels[:_MAX_ALTERNATIVES], f"and {len(labels) - _MAX_ALTERNATIVES} more"]
    return tuple(labels)
