"""Answers of libsolv about a pool: which exact packages a set of requirements needs, or why there are none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import solv

from altai_build.model.nevra import Nevra
from altai_build.tools.solver.dependencies import get_nevra, make_dep
from altai_build.tools.solver.names import OneOf
from altai_build.tools.solver.pool import PackagePool, ResolvedPackage


class Unsatisfiable(Exception):
    """No set of packages satisfies the request; `problems` are libsolv's sentences, one for each fact."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def resolve_requirements(
    pool: PackagePool, requirements: Iterable[str | OneOf], *, base: Iterable[Nevra] = ()
) -> tuple[ResolvedPackage, ...]:
    """The smallest preferred set of packages that provides all requirements, sorted by NEVRA.

    A requirement is what a spec writes after BuildRequires: `name`, `name >= 1.2`, a file, or a rich dependency;
    after a `!` it is what must not be there. It may also be a choice among packages of the pool. The packages of `base`
    are part of the answer as they are. Raises Unsatisfiable.
    """
    wanted, fixed = list(requirements), list(base)
    pool.prepare()
    jobs, unknown = _make_jobs(pool, wanted, fixed)
    if unknown and pool.load_filelists():
        jobs, unknown = _make_jobs(pool, wanted, fixed)
    if unknown:
        raise Unsatisfiable([f"nothing provides {name}" for name in unknown])
    flags = (solv.Solver.SOLVER_FLAG_IGNORE_RECOMMENDED, solv.Solver.SOLVER_FLAG_STRICT_REPO_PRIORITY)
    solver, problems = _solve(pool, jobs, flags)
    if problems and pool.load_filelists():
        jobs, _ = _make_jobs(pool, wanted, fixed)
        solver, problems = _solve(pool, jobs, flags)
    if problems:
        raise Unsatisfiable(describe_problems(problems))
    chosen = (pool.get_resolved(solvable.id) for solvable in solver.transaction().newsolvables())
    return tuple(sorted(chosen, key=lambda package: str(package.nevra)))


def select_packages(
    pool: PackagePool,
    roots: Iterable[Sequence[int]],
    *,
    favor: Iterable[int] = (),
    forbid: Iterable[int] = (),
    require: Iterable[str] = (),
    weak: bool = False,
) -> frozenset[int]:
    """A set of packages that holds one of each root and all that they require. Raises Unsatisfiable.

    Repositories are used in their order of preference. `favor` settles which of equal providers is taken, `forbid`
    leaves packages out, `require` names further requirements to meet, `weak` adds recommended packages.
    """
    groups, favored, forbidden, required = list(roots), list(favor), list(forbid), list(require)
    flags = () if weak else (solv.Solver.SOLVER_FLAG_IGNORE_RECOMMENDED,)
    pool.prepare()
    solver, problems = _solve(pool, _make_selection_jobs(pool, groups, favored, forbidden, required), flags)
    if problems and pool.load_filelists():
        solver, problems = _solve(
            pool, _make_selection_jobs(pool, groups, favored, forbidden, required), flags
        )
    if problems:
        raise Unsatisfiable(describe_problems(problems))
    return frozenset(solvable.id for solvable in solver.transaction().newsolvables())


def find_uninstallable(pool: PackagePool, numbers: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """Name → libsolv's sentences on why it cannot be installed, for those of some packages that cannot.

    `numbers` is name → number in the pool. All are tried at once first, which is fast; packages that only exclude each
    other are not in the result.
    """
    try:
        select_packages(pool, [(number,) for number in numbers.values()])
        return {}
    except Unsatisfiable:
        pass
    found = {}
    for name, number in numbers.items():
        try:
            select_packages(pool, [(number,)])
        except Unsatisfiable as error:
            found[name] = error.problems
    return found


def describe_problems(problems: Sequence[solv.Problem]) -> list[str]:
    """What libsolv says of problems, each fact once."""
    return sorted({str(rule.info().problemstr()) for problem in problems for rule in _list_rules(problem)})


def _solve(
    pool: PackagePool, jobs: list[solv.Job], flags: Iterable[int]
) -> tuple[solv.Solver, list[solv.Problem]]:
    solver = pool.libsolv.Solver()
    for flag in flags:
        solver.set_flag(flag, 1)
    return solver, solver.solve(jobs)


def _make_jobs(
    pool: PackagePool, requirements: list[str | OneOf], fixed: list[Nevra]
) -> tuple[list[solv.Job], list[str]]:
    """The jobs for requirements and packages, and those that no package of the pool answers."""
    jobs, unknown = [], []
    for nevra in fixed:
        found = [number for number in pool.find_by_name(nevra.name) if _has_nevra(pool, number, nevra)]
        if found:
            jobs.append(pool.libsolv.Job(solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE, found[0]))
        else:
            unknown.append(str(nevra))
    install = solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE_PROVIDES
    erase = solv.Job.SOLVER_ERASE | solv.Job.SOLVER_SOLVABLE_PROVIDES
    for requirement in requirements:
        if isinstance(requirement, OneOf):
            jobs.append(_make_choice_job(pool, requirement))
            continue
        dep = make_dep(pool.libsolv, requirement.lstrip("!"))
        if requirement.startswith("!"):
            jobs.append(pool.libsolv.Job(erase, dep.id))
        elif requirement.startswith("(") or pool.libsolv.whatprovides(dep):
            jobs.append(pool.libsolv.Job(install, dep.id))
        else:
            file_jobs = _make_file_jobs(pool, requirement)
            jobs += file_jobs
            if not file_jobs:
                unknown.append(requirement)
    return jobs, unknown


def _has_nevra(pool: PackagePool, number: int, nevra: Nevra) -> bool:
    return get_nevra(pool.libsolv.id2solvable(number)) == nevra


def _make_file_jobs(pool: PackagePool, path: str) -> list[solv.Job]:
    """Jobs that install the owner of a file that no package requires; none for what is not a path."""
    if not path.startswith("/"):
        return []
    owners = pool.find_file_owners(path)
    return [] if owners.isempty() else list(owners.jobs(solv.Job.SOLVER_INSTALL))


def _make_selection_jobs(
    pool: PackagePool, roots: list[Sequence[int]], favor: list[int], forbid: list[int], require: list[str]
) -> list[solv.Job]:
    job, kind = pool.libsolv.Job, solv.Job
    jobs = [_make_choice_job(pool, OneOf(tuple(root))) for root in roots]
    jobs += [
        job(kind.SOLVER_INSTALL | kind.SOLVER_SOLVABLE_PROVIDES, make_dep(pool.libsolv, requirement).id)
        for requirement in require
    ]
    jobs += [job(kind.SOLVER_FAVOR | kind.SOLVER_SOLVABLE, number) for number in favor]
    jobs += [job(kind.SOLVER_LOCK | kind.SOLVER_SOLVABLE, number) for number in forbid]
    return jobs


def _make_choice_job(pool: PackagePool, choice: OneOf) -> solv.Job:
    """The job that installs one of some packages, the best."""
    flags = solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE_ONE_OF
    if choice.has_arch:
        # Else libsolv installs a native package of that name beside one of another architecture.
        flags |= solv.Job.SOLVER_SETARCH
    return pool.libsolv.Job(flags, pool.libsolv.towhatprovides(list(choice.packages)))


def _list_rules(problem: solv.Problem) -> list[solv.XRule]:
    """The rules that explain a problem; the one libsolv blames first where it names no set."""
    rules = problem.findallproblemrules()
    return list(rules) if rules else [problem.findproblemrule()]
