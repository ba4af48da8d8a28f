"""Why requirements cannot be met: every one of them, each with the chain of packages that leads to it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from altai_build.tools.solver.dependencies import read_requirement
from altai_build.tools.solver.pool import Candidate
from altai_build.tools.solver.request import BASE_RANK, ClosureRequest
from altai_build.tools.solver.rich import list_condition_atoms, list_demands, list_joint_atoms

# How many packages a line names, how many lines an entry has, and how many requirements are looked at for it.
_MAX_NAMED = 12
_MAX_LINES = 50
_MAX_STEPS = 1_000


@dataclass(frozen=True)
class _Need:
    """What a package requires, and the packages that would do."""

    requirement: str
    # The part of a rich requirement that must be available; else the requirement itself.
    atom: str
    providers: tuple[int, ...]


# Package → what it requires.
_Needs = Mapping[int, Sequence[_Need]]


def describe_unmet_requirements(request: ClosureRequest, roots: Sequence[int]) -> list[str]:
    """One entry, of several lines, for each requirement of the roots that no installable package provides.

    libsolv itself names only the first.
    """
    needs = _collect_needs(request, roots)
    diagnosis = _Diagnosis(request, needs, _find_broken(needs))
    broken = sorted(
        diagnosis.broken.intersection(roots), key=lambda number: str(request.pool.get_candidate(number).nevra)
    )
    entries = [entry for root in broken for entry in diagnosis.describe_chains(root, depth=1, above=(root,))]
    return [_limit_lines(entry) for entry in entries]


def _collect_needs(request: ClosureRequest, roots: Sequence[int]) -> _Needs:
    """The requirements of everything that could be chosen; the packages of base are assumed to be installable."""
    needs: dict[int, list[_Need]] = {}
    pending = list(roots)
    while pending:
        number = pending.pop()
        candidate = request.pool.get_candidate(number)
        if number in needs or request.rank(candidate) == BASE_RANK:
            continue
        needs[number] = list(_list_needs(request, candidate))
        pending += [provider for need in needs[number] for provider in need.providers]
    return needs


def _list_needs(request: ClosureRequest, candidate: Candidate) -> Iterator[_Need]:
    """What a package needs on every machine, and what it needs where packages of base are installed."""

    def is_in_base(atom: str) -> bool:
        return any(request.rank_of(number) == BASE_RANK for number in request.pool.find_providers(atom))

    for requirement in candidate.requires:
        node = read_requirement(requirement)
        # Alternatives are not explained.
        for demand in (node, *list_demands(node, is_in_base)):
            for atom in list_joint_atoms(demand):
                yield _Need(requirement, atom.text, request.pool.find_providers(atom.text))


def _find_broken(needs: _Needs) -> set[int]:
    """The packages that require something that nothing, or only other broken packages, provide."""
    requirers: dict[int, set[int]] = {}
    for number, entries in needs.items():
        for need in entries:
            for provider in need.providers:
                requirers.setdefault(provider, set()).add(number)
    broken: set[int] = set()
    pending = set(needs)
    while pending:
        more = {
            number
            for number in pending
            if number not in broken and any(_is_unmet(need, number, broken) for need in needs[number])
        }
        broken |= more
        pending = {requirer for number in more for requirer in requirers.get(number, ())}
    return broken


def _is_unmet(need: _Need, requirer: int, broken: Collection[int]) -> bool:
    """What a package provides itself is no reason for it to be broken."""
    return requirer not in need.providers and all(provider in broken for provider in need.providers)


class _Diagnosis:
    """The broken packages, and how their chains are described."""

    def __init__(self, request: ClosureRequest, needs: _Needs, broken: set[int]) -> None:
        self.pool = request.pool
        self.request = request
        self.needs = needs
        self.broken = broken
        self._steps = 0

    def describe_chains(self, number: int, depth: int, above: tuple[int, ...]) -> list[str]:
        """`package requires X`, and indented below it why no provider of X can be installed.

        A requirement that only packages above would meet is no reason, and left out.
        """
        indent = "  " * depth
        candidate = self.pool.get_candidate(number)
        name = candidate.label if candidate.repository else str(candidate.nevra)
        entries = []
        for need in sorted(self.needs[number], key=lambda need: (need.requirement, need.atom)):
            self._steps = self._steps + 1 if depth > 1 else 0
            if self._steps > _MAX_STEPS or not _is_unmet(need, number, self.broken):
                continue
            lines = [] if need.providers else [f"{indent}  {self._describe_missing_provider(need)}"]
            for provider in need.providers:
                if provider not in above:
                    lines += self.describe_chains(provider, depth + 1, (*above, provider))
            if lines:
                entries.append("\n".join([f"{indent}{name} requires {need.requirement}", *lines]))
        return entries

    def _describe_missing_provider(self, need: _Need) -> str:
        wanted = "it" if need.atom == need.requirement else need.atom
        excluded = self.pool.find_excluded(need.atom)
        condition = self._describe_condition(need)
        if excluded:
            return f"{condition}`exclude` in repos.yaml leaves out {self._format_labels(excluded)}"
        filtered = self.pool.find_filtered(need.atom)
        if filtered:
            return (
                f"{condition}only {self._format_labels(filtered)} provides it, in a module stream that is not active "
                "(`modules` in repos.yaml chooses streams)"
            )
        name = need.atom.split()[0]
        others = self.pool.find_providers(name) or self.pool.find_by_name(name)
        if others:
            return f"{condition}only {self._format_labels(others)} is available"
        return f"{condition}no repository provides {wanted}"

    def _describe_condition(self, need: _Need) -> str:
        """Which packages of base make a part of a rich requirement necessary."""
        if need.atom == need.requirement:
            return ""
        conditions = {
            number
            for atom in list_condition_atoms(read_requirement(need.requirement))
            for number in self.pool.find_providers(atom.text)
            if self.request.rank_of(number) == BASE_RANK
        }
        return f"machines may have {self._format_labels(conditions)}, and " if conditions else ""

    def _format_labels(self, numbers: Collection[int]) -> str:
        labels = sorted(self.pool.get_candidate(number).label for number in numbers)
        more = [f"and {len(labels) - _MAX_NAMED} more"] if len(labels) > _MAX_NAMED else []
        return ", ".join([*labels[:_MAX_NAMED], *more])


def _limit_lines(entry: str) -> str:
    lines = entry.splitlines()
    more = [f"    (and {len(lines) - _MAX_LINES} more lines)"] if len(lines) > _MAX_LINES else []
    return "\n".join([*lines[:_MAX_LINES], *more])
