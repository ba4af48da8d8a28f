"""Why requirements cannot be met: every one of them, each with the chain of packages that leads to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from altai_build.tools.solver.pool import Solver


class UnmetRequirements:
    """Which requirements have no provider that could be installed, all at once; the solver names the first only."""

    def __init__(self, solver: Solver, repository_ranks: dict[str, int]) -> None:
        self.solver = solver
        self.repository_ranks = repository_ranks
        self.providers: dict[int, dict[str, tuple[int, ...]]] = {}

    def lines(self, roots: Sequence[int]) -> list[str]:
        """One entry, of several lines, for each requirement of the roots that cannot be met."""
        self._collect_providers(roots)
        broken: set[int] = set()
        while True:
            more = {
                number
                for number, table in self.providers.items()
                if number not in broken and any(set(found) <= broken for found in table.values())
            }
            if not more:
                break
            broken |= more
        entries = []
        for root in sorted(
            broken.intersection(roots), key=lambda one: str(self.solver.get_candidate(one).nevra)
        ):
            entries += self._describe_chain(root, broken, depth=1, above=(root,))
        return entries

    def _collect_providers(self, roots: Sequence[int]) -> None:
        """The requirements of everything that could be taken; the packages of base are taken to be sound."""
        pending = list(roots)
        while pending:
            number = pending.pop()
            one = self.solver.get_candidate(number)
            if number in self.providers or self.repository_ranks[one.repository] == 1:
                continue
            table = {
                requirement: self.solver.find_providers(requirement)
                for requirement in one.requires
                if not requirement.startswith("(")
            }
            self.providers[number] = table
            pending += [found for numbers in table.values() for found in numbers]

    def _describe_chain(self, number: int, broken: set[int], depth: int, above: tuple[int, ...]) -> list[str]:
        """`package requires X`, and below it why no provider of X will do."""
        indent = "  " * depth
        one = self.solver.get_candidate(number)
        where = f" ({one.repository})" if one.repository else ""
        entries = []
        for requirement, found in sorted(self.providers[number].items()):
            if not set(found) <= broken:
                continue
            lines = [f"{indent}{one.nevra}{where} requires {requirement}"]
            if not found:
                lines.append(f"{indent}  {self._describe_missing_provider(requirement)}")
            for provider in found:
                if provider not in above:
                    lines += self._describe_chain(provider, broken, depth + 1, (*above, provider))
            entries.append("\n".join(lines))
        return entries

    def _describe_missing_provider(self, requirement: str) -> str:
        left_out = self.solver.find_excluded(requirement)
        if left_out:
            return f"`exclude` leaves {', '.join(self._format_packages(left_out))} out"
        others = self.solver.find_providers(requirement.split()[0]) or self.solver.find_by_name(
            requirement.split()[0]
        )
        if others:
            return f"there is only {', '.join(self._format_packages(others))}"
        return "no repository has it"

    def _format_packages(self, numbers: Iterable[int]) -> list[str]:
        found = (self.solver.get_candidate(number) for number in numbers)
        return sorted(f"{one.nevra} ({one.repository or 'ours'})" for one in found)
