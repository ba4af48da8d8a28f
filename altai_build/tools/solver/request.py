"""What a closure is computed from: the packages to start from, and the repositories in their order of preference."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from altai_build.model.lock import MirrorPolicy
from altai_build.model.nevra import Nevra
from altai_build.tools.solver.pool import Candidate, PackagePool

OWN_RANK = 0
BASE_RANK = 1


@dataclass(frozen=True)
class ClosureRequest:
    """The question: `ours` are packages of the pool, `base` names the repositories of the operating system."""

    pool: PackagePool
    ours: tuple[int, ...]
    base: frozenset[str]
    # By name, the most preferred first.
    policies: Mapping[str, MirrorPolicy]
    # (repository, name) → its versions, for the packages that repos.yaml lists.
    listed: Mapping[tuple[str, str], tuple[int, ...]]
    # (repository, identity) of packages that were locked before.
    locked: frozenset[tuple[str, Nevra]]

    @cached_property
    def takes_recommended(self) -> bool:
        """True when packages of at least one repository are taken because others recommend them."""
        return any(policy.weak for policy in self.policies.values())

    @cached_property
    def preferred(self) -> tuple[int, ...]:
        """The packages that a repository's `prefer` names."""
        return tuple(
            number
            for policy in self.policies.values()
            for number in self.pool.find_by_name_pattern(policy.name, policy.prefer)
        )

    @cached_property
    def _ranks(self) -> dict[str, int]:
        mirrors = {name: number for number, name in enumerate(self.policies, start=BASE_RANK + 1)}
        return {"": OWN_RANK, **dict.fromkeys(self.base, BASE_RANK), **mirrors}

    @cached_property
    def _known_ranks(self) -> dict[int, int]:
        return {}

    def rank(self, candidate: Candidate) -> int:
        """The place of a package's repository in the order of preference: ours, base, then the mirrors."""
        return self._ranks[candidate.repository]

    def rank_of(self, number: int) -> int:
        """The same for a package's number."""
        known = self._known_ranks
        if number not in known:
            known[number] = self._ranks[self.pool.get_repository(number)]
        return known[number]

    def list_dependencies(self, candidate: Candidate) -> Iterator[tuple[str, bool]]:
        """(requirement, whether it is only recommended) of a package, as far as the request follows them."""
        yield from ((requirement, False) for requirement in candidate.requires)
        if self.takes_recommended:
            yield from ((recommended, True) for recommended in self.pool.get_recommends(candidate.id))

    def is_preferred(self, candidate: Candidate) -> bool:
        """True when the `prefer` of the package's repository names it."""
        patterns = self.policies[candidate.repository].prefer
        return any(fnmatch.fnmatchcase(candidate.nevra.name, pattern) for pattern in patterns)
