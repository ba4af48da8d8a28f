"""What our packages need beyond the operating system: the smallest set, with the reason for each package of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from altai_build.errors import InputError
from altai_build.model.lock import Choice, MirrorPolicy, Requirement
from altai_build.model.nevra import Nevra
from altai_build.model.quantity import format_count
from altai_build.model.suggestion import suggest
from altai_build.tools.solver.diagnosis import describe_unmet_requirements
from altai_build.tools.solver.minimize import keep_locked_versions, minimize
from altai_build.tools.solver.pool import PackagePool, ResolvedPackage
from altai_build.tools.solver.reach import Solution, find_providers_in_use, solve
from altai_build.tools.solver.reasons import ChoiceExplainer
from altai_build.tools.solver.request import ClosureRequest
from altai_build.tools.solver.resolve import Unsatisfiable


@dataclass(frozen=True)
class ClosurePackage:
    """One package of the closure; `id` is its number in the pool."""

    id: int
    resolved: ResolvedPackage
    repository: str
    license: str
    needed_by: tuple[Requirement, ...]
    choice: Choice


@dataclass(frozen=True)
class Closure:
    """The packages to ship, and the requirements that the operating system itself provides."""

    packages: tuple[ClosurePackage, ...]
    from_base: tuple[str, ...]


def compute_closure(
    pool: PackagePool,
    ours: Sequence[int],
    base: Sequence[str],
    policies: Sequence[MirrorPolicy],
    *,
    locked: Iterable[tuple[str, Nevra]] = (),
) -> Closure:
    """The smallest set of mirrored packages that the packages `ours` need beyond the repositories `base`.

    Base is preferred to every mirror, an earlier mirror to a later one; of equals the set with fewer packages, then
    fewer bytes, is taken, and of its versions the newest. Versions that were `locked` before (repository, identity)
    stay as long as they satisfy. Raises InputError with every requirement that cannot be met and the chain of packages
    that leads to it.
    """
    by_name = {policy.name: policy for policy in policies}
    request = ClosureRequest(
        pool=pool,
        ours=tuple(ours),
        base=frozenset(base),
        policies=by_name,
        listed=_find_listed(pool, by_name),
        locked=frozenset(locked),
    )
    try:
        solution = solve(request, frozenset())
    except Unsatisfiable as error:
        raise _unsatisfiable_error(request, error) from error
    solution, smallest = minimize(request, solution)
    solution, kept = keep_locked_versions(request, solution)
    _reject_unlisted(request, solution)
    explainer = ChoiceExplainer(request, solution, smallest, kept)
    packages = [_make_package(pool, number, explainer) for number in solution.needed.requirements]
    return Closure(
        packages=tuple(
            sorted(packages, key=lambda package: (package.repository, str(package.resolved.nevra)))
        ),
        from_base=tuple(sorted(solution.needed.from_base)),
    )


def _make_package(pool: PackagePool, number: int, explainer: ChoiceExplainer) -> ClosurePackage:
    candidate = pool.get_candidate(number)
    return ClosurePackage(
        id=number,
        resolved=pool.get_resolved(number),
        repository=candidate.repository,
        license=pool.get_license(number),
        needed_by=tuple(sorted(explainer.solution.needed.requirements[number])),
        choice=explainer.explain(candidate),
    )


def _find_listed(
    pool: PackagePool, policies: Mapping[str, MirrorPolicy]
) -> dict[tuple[str, str], tuple[int, ...]]:
    """(repository, name) → its versions, for the names in `packages`. Raises InputError naming all unknown ones."""
    listed, unknown = {}, []
    for policy in policies.values():
        for name in policy.packages or ():
            versions = [
                number
                for number in pool.find_by_name(name)
                if pool.get_candidate(number).repository == policy.name
            ]
            if versions:
                listed[policy.name, name] = tuple(versions)
            else:
                hint = _suggest_names(pool, policy.name, name)
                unknown.append(f"  repositories.{policy.name}.packages: {name}{hint}")
    if unknown:
        raise InputError(
            f"{len(unknown)} listed packages are not in their repositories",
            why="\n".join(unknown),
            todo="correct the names in repos.yaml",
        )
    return listed


def _suggest_names(pool: PackagePool, repository: str, name: str) -> str:
    """`; did you mean NAME?` with names of the repository that are similar; "" when there are none."""
    numbers = pool.find_by_name_pattern(repository, [f"{name[:3]}*"])
    names = sorted({pool.get_candidate(number).nevra.name for number in numbers})
    hint = suggest(name, names)
    return f"; {hint}" if hint else ""


def _reject_unlisted(request: ClosureRequest, solution: Solution) -> None:
    """A repository with a list gives the listed packages and what these require. Raises InputError for others."""
    strict = {name for name, policy in request.policies.items() if policy.packages is not None}
    if not strict:
        return
    pool, needed = request.pool, solution.needed.requirements
    allowed = _follow_listed(request, solution.chosen)
    unlisted = [pool.get_candidate(number) for number in needed if number not in allowed]
    unlisted = [candidate for candidate in unlisted if candidate.repository in strict]
    names = {candidate.nevra.name for candidate in unlisted}
    lines = [
        f"  {need.package} requires {need.requires}: {candidate.nevra} is in {candidate.repository}, "
        "but not in its `packages`"
        for candidate in unlisted
        for need in sorted(needed[candidate.id])
        # What an unlisted package requires is taken when that package is listed.
        if need.package not in names
    ]
    if lines:
        raise InputError(
            f"only packages that are not listed meet {format_count(len(lines), 'requirement')}",
            why="\n".join(sorted(lines)),
            todo="add them to `packages` of that repository in repos.yaml, or write packages: needed",
        )


def _follow_listed(request: ClosureRequest, chosen: frozenset[int]) -> set[int]:
    """The listed packages, and all that they require."""
    allowed = {number for versions in request.listed.values() for number in chosen.intersection(versions)}
    pending = list(allowed)
    while pending:
        requirer = pending.pop()
        for requirement, _ in request.list_dependencies(request.pool.get_candidate(requirer)):
            for number in find_providers_in_use(request, requirer, requirement, chosen):
                if number not in allowed:
                    allowed.add(number)
                    pending.append(number)
    return allowed


def _unsatisfiable_error(request: ClosureRequest, error: Unsatisfiable) -> InputError:
    roots = [*request.ours, *(number for versions in request.listed.values() for number in versions)]
    lines = describe_unmet_requirements(request, roots)
    if lines:
        what = f"{format_count(len(lines), 'requirement')} of the release cannot be met"
    else:
        what = "the packages of the release cannot be installed together with what they require"
    return InputError(
        what,
        why="\n".join(lines or [f"  {problem}" for problem in error.problems]),
        todo="package what is missing in specs/, mirror a repository that has it, correct the requirement, "
        "or check `exclude` in repos.yaml",
    )
