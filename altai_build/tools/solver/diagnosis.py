"""Why requirements cannot be met: every one of them, each with the chain of packages that leads to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from altai_build.tools.solver.request import BASE_RANK, ClosureRequest

# Package → requirement → the packages that provide it.
_Providers = Mapping[int, Mapping[str, tuple[int, ...]]]


def describe_unmet_requirements(request: ClosureRequest, roots: Sequence[int]) -> list[str]:
    """One entry, of several lines, for each requirement of the roots that no installable package provides.

    libsolv itself names only the first.
    """
    providers = _collect_providers(request, roots)
    diagnosis = _Diagnosis(request, providers, _find_broken(providers))
    broken = sorted(
        diagnosis.broken.intersection(roots), key=lambda number: str(request.pool.get_candidate(number).nevra)
    )
    return [entry for root in broken for entry in diagnosis.describe_chain(root, depth=1, above=(root,))]


def _collect_providers(request: ClosureRequest, roots: Sequence[int]) -> _Providers:
    """The requirements of everything that could be chosen; the packages of base are assumed to be installable."""
    providers: dict[int, dict[str, tuple[int, ...]]] = {}
    pending = list(roots)
    while pending:
        number = pending.pop()
        candidate = request.pool.get_candidate(number)
        if number in providers or request.rank(candidate) == BASE_RANK:
            continue
        providers[number] = {
            requirement: request.pool.find_providers(requirement)
            for requirement in candidate.requires
            if not requirement.startswith("(")
        }
        pending += [provider for numbers in providers[number].values() for provider in numbers]
    return providers


def _find_broken(providers: _Providers) -> set[int]:
    """The packages that require something that nothing, or only other broken packages, provide."""
    broken: set[int] = set()
    while True:
        more = {
            number
            for number, table in providers.items()
            if number not in broken and any(set(found) <= broken for found in table.values())
        }
        if not more:
            return broken
        broken |= more


class _Diagnosis:
    """The broken packages, and how their chains are described."""

    def __init__(self, request: ClosureRequest, providers: _Providers, broken: set[int]) -> None:
        self.pool = request.pool
        self.providers = providers
        self.broken = broken

    def describe_chain(self, number: int, depth: int, above: tuple[int, ...]) -> list[str]:
        """`package requires X`, and indented below it why no provider of X can be installed."""
        indent = "  " * depth
        candidate = self.pool.get_candidate(number)
        name = candidate.label if candidate.repository else str(candidate.nevra)
        entries = []
        for requirement, found in sorted(self.providers[number].items()):
            if not set(found) <= self.broken:
                continue
            lines = [f"{indent}{name} requires {requirement}"]
            if not found:
                lines.append(f"{indent}  {self._describe_missing_provider(requirement)}")
            for provider in found:
                if provider not in above:
                    lines += self.describe_chain(provider, depth + 1, (*above, provider))
            entries.append("\n".join(lines))
        return entries

    def _describe_missing_provider(self, requirement: str) -> str:
        excluded = self.pool.find_excluded(requirement)
        if excluded:
            return f"`exclude` in repos.yaml leaves out {self._format_labels(excluded)}"
        name = requirement.split()[0]
        others = self.pool.find_providers(name) or self.pool.find_by_name(name)
        if others:
            return f"only {self._format_labels(others)} is available"
        return "no repository provides it"

    def _format_labels(self, numbers: Iterable[int]) -> str:
        return ", ".join(sorted(self.pool.get_candidate(number).label for number in numbers))
