"""What a package manager would do to machines with given packages: `update` and `distro-sync`, decided by libsolv.

The flags are those that dnf gives libsolv (libdnf/goal/Goal.cpp, init_solver): vendors may change, packages that no
repository has any more stay, obsoletes count as yum counted them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import solv

from altai_build.model.nevra import SOURCE_ARCHES
from altai_build.model.upgrade import Package, Side
from altai_build.tools.repo.metadata import RepositoryMetadata
from altai_build.tools.rpm.header import compare_evr
from altai_build.tools.solver.pool import Solver, Unsatisfiable, describe_problems

_FLAGS = (
    solv.Solver.SOLVER_FLAG_ALLOW_VENDORCHANGE,
    solv.Solver.SOLVER_FLAG_KEEP_ORPHANS,
    solv.Solver.SOLVER_FLAG_BEST_OBEY_POLICY,
    solv.Solver.SOLVER_FLAG_YUM_OBSOLETES,
    solv.Solver.SOLVER_FLAG_IGNORE_RECOMMENDED,
)
_COPIED_DEPENDENCIES = (
    solv.SOLVABLE_PROVIDES,
    solv.SOLVABLE_REQUIRES,
    solv.SOLVABLE_CONFLICTS,
    solv.SOLVABLE_OBSOLETES,
)
_ALL_MARKERS = (
    0  # of a dependency array: marks of libsolv's own, and the files it found that something requires
)

_PackageKey = tuple[str, str]  # NEVRA and checksum: what releases have in common is the same package in each


class UpgradeSolver(Solver):
    """A pool with the packages of releases and of the system, asked about machines that have some of them."""

    def __init__(self, arch: str, *, cache: Path) -> None:
        super().__init__(arch, cache=cache)
        self._sides: dict[int, Side] = {}  # of the repositories that take part
        self._previous_repositories: dict[int, str] = {}  # the repositories of earlier releases
        self._previous_release = ""  # the one of these releases that takes part
        self._enabled_sides: tuple[Side, ...] = ()
        self._disabled_lists: dict[frozenset[Side], list[int]] = {}
        self._packages: dict[int, Package] = {}
        self._package_keys: dict[int, _PackageKey] = {}
        # What each change that was asked for led to: packages of the machine by their content, others by number.
        self._results_cache: dict[tuple[object, ...], frozenset[int | _PackageKey]] = {}
        self._system: solv.Repo | None = None
        self._originals: dict[int, int] = {}  # a copy on the machine → the package of a repository

    def add(self, metadata: RepositoryMetadata, side: Side) -> None:
        """Offer a repository's packages; all repositories weigh the same, as on clients."""
        self.add_repository(replace(metadata, source=replace(metadata.source, priority=99)))
        self._sides[self._repos[-1][0].id] = side

    def add_previous_release(self, metadata: RepositoryMetadata, release: str) -> None:
        """Know a repository of an earlier release, which takes part once it is turned to."""
        self.add(metadata, Side.OLD)
        number = self._repos[-1][0].id
        self._previous_repositories[number] = release
        del self._sides[number]

    def select_previous_release(self, release: str) -> None:
        """Have one of the earlier releases be the one that is upgraded from."""
        for number, name in self._previous_repositories.items():
            self._sides.pop(number, None)
            if name == release:
                self._sides[number] = Side.OLD
        self._previous_release = release
        self._disabled_lists = {}
        self._enabled_sides = ()

    def packages(self, side: Side) -> tuple[Package, ...]:
        """All packages of one side."""
        return tuple(
            self.package(one.id)
            for repo, _ in self._repos
            if self._sides.get(repo.id) is side
            for one in repo.solvables
            if one.arch not in SOURCE_ARCHES
        )

    def package(self, number: int) -> Package:
        """A package by its number."""
        known = self._packages.get(number)
        if known is None:
            one = self._pool.id2solvable(number)
            known = Package(
                id=number,
                nevra=self._nevra(one),
                side=self._sides[one.repo.id],
                repository=one.repo.name,
                vendor=one.vendor or "",
            )
            self._packages[number] = known
        return known

    def obsoleted_by(self, number: int, among: Mapping[str, Sequence[Package]]) -> frozenset[int]:
        """Those of the packages `among` (by name) that a package obsoletes; what they provide does not count."""
        this = self._pool.id2solvable(number)
        obsoleted = [str(dep).split() for dep in this.lookup_deparray(solv.SOLVABLE_OBSOLETES)]
        return frozenset(
            one.id
            for name, *bound in obsoleted
            if name != this.name
            for one in among.get(name, ())
            if _is_in_range(one.nevra.evr, bound)
        )

    # ---- questions ---------------------------------------------------------------------------------------------

    def install(
        self, wanted: Sequence[Sequence[int]], sides: Sequence[Side], *, weak: bool = False
    ) -> frozenset[int]:
        """A machine with one package of each group and all that they require, from some sides; `weak`: as many as
        fit together. Raises Unsatisfiable."""
        try:
            return self._install(wanted, sides, weak)
        except Unsatisfiable:
            if not self._load_filelists():
                raise
            return self._install(wanted, sides, weak)

    def _install(self, wanted: Sequence[Sequence[int]], sides: Sequence[Side], weak: bool) -> frozenset[int]:
        self._clear_installed()
        self._enable_sides(sides)
        flags = (
            solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE_ONE_OF | (solv.Job.SOLVER_WEAK if weak else 0)
        )
        jobs = [self._pool.Job(flags, self._pool.towhatprovides(list(group))) for group in wanted]
        return self._solve_jobs(jobs)

    def update(self, machine: Iterable[int], sides: Sequence[Side]) -> frozenset[int]:
        """What a machine has after `update` with the repositories of some sides."""
        return self._solve_all_installed(machine, sides, solv.Job.SOLVER_UPDATE)

    def distro_sync(self, machine: Iterable[int], sides: Sequence[Side]) -> frozenset[int]:
        """What it has after `distro-sync`, which takes packages back to older versions too."""
        return self._solve_all_installed(machine, sides, solv.Job.SOLVER_DISTUPGRADE)

    def explain_not_installable(
        self, machine: Iterable[int], wanted: int, sides: Sequence[Side]
    ) -> tuple[str, ...]:
        """Why a machine cannot have a package; empty when it can."""
        self._set_installed(machine, sides)
        try:
            self._solve_jobs([self._pool.Job(solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE, wanted)])
        except Unsatisfiable as error:
            return error.problems
        return ()

    def _solve_all_installed(
        self, machine: Iterable[int], sides: Sequence[Side], kind: int
    ) -> frozenset[int]:
        """A change of all that is installed; most machines of one earlier release are also ones of the next."""
        self._prepare()
        here = {self._package_key(one): one for one in machine}
        earlier = self._previous_release if Side.OLD in sides else ""
        question = (kind, tuple(sides), earlier, self._with_filelists, tuple(sorted(here)))
        end = self._results_cache.get(question)
        if end is None:
            self._set_installed(here.values(), sides)
            left = self._solve_jobs([self._pool.Job(kind | solv.Job.SOLVER_SOLVABLE_ALL, 0)])
            contents = {number: content for content, number in here.items()}
            end = frozenset(contents.get(one, one) for one in left)
            self._results_cache[question] = end
        return frozenset(one if isinstance(one, int) else here[one] for one in end)

    def _package_key(self, number: int) -> _PackageKey:
        """What tells a package from all others, wherever it lies."""
        known = self._package_keys.get(number)
        if known is None:
            one = self._pool.id2solvable(number)
            known = (str(self._nevra(one)), one.lookup_checksum(solv.SOLVABLE_CHECKSUM).hex())
            self._package_keys[number] = known
        return known

    def _solve_jobs(self, jobs: list[solv.Job]) -> frozenset[int]:
        solver = self._pool.Solver()
        for flag in _FLAGS:
            solver.set_flag(flag, 1)
        problems = solver.solve(jobs)
        if problems:
            raise Unsatisfiable(describe_problems(problems))
        transaction = solver.transaction()
        left = [*transaction.newsolvables(), *transaction.keptsolvables()]
        return frozenset(self._originals.get(one.id, one.id) for one in left)

    # ---- the machine -------------------------------------------------------------------------------------------

    def _enable_sides(self, sides: Sequence[Side]) -> None:
        """Offer the packages of some sides only."""
        self._prepare()
        if self._enabled_sides != tuple(sides):
            hidden = self._disabled_packages(frozenset(sides))
            self._pool.set_disabled_list(
                []
            )  # libsolv's map grows in this way only, and the machine came after it
            self._pool.set_disabled_list(hidden)
            self._pool.createwhatprovides()
            self._enabled_sides = tuple(sides)

    def _disabled_packages(self, sides: frozenset[Side]) -> list[int]:
        """The packages of all other sides."""
        if sides not in self._disabled_lists:
            self._disabled_lists[sides] = [
                one.id
                for repo, _ in self._repos
                if self._sides.get(repo.id) not in sides
                for one in repo.solvables
            ]
        return self._disabled_lists[sides]

    def _prepare(self) -> None:
        if self._ready:
            return
        self._disabled_lists = {}
        self._pool.set_disabled_list([])
        super()._prepare()
        self._enabled_sides = ()
        if self._needs_filelists():
            self._load_filelists()

    def _needs_filelists(self) -> bool:
        """Whether a release requires files that the short lists of the primary metadata do not tell."""
        return not self._with_filelists and any(
            str(dep).startswith("/") and not self._pool.whatprovides(dep)
            for repo, _ in self._repos
            if self._sides.get(repo.id, Side.OLD) in (Side.OLD, Side.NEW)
            for one in repo.solvables
            for dep in one.lookup_deparray(solv.SOLVABLE_REQUIRES)
        )

    def _clear_installed(self) -> None:
        """No machine: questions are about repositories alone."""
        self._prepare()
        if self._pool.installed is not None:
            self._pool.installed = None
            self._enabled_sides = ()

    def _set_installed(self, machine: Iterable[int], sides: Sequence[Side]) -> None:
        """Copy packages of repositories onto the machine, and offer some sides to it."""
        self._prepare()
        self._pool.installed = None
        if self._system is None:
            self._system = self._pool.add_repo("@System")
        self._system.empty(True)
        self._originals = {}
        for number in sorted(machine, key=self._package_key):
            one, copy = self._pool.id2solvable(number), self._system.add_solvable()
            copy.nameid, copy.evrid, copy.archid, copy.vendorid = (
                one.nameid,
                one.evrid,
                one.archid,
                one.vendorid,
            )
            for kind in _COPIED_DEPENDENCIES:
                for dep in one.lookup_deparray(kind, _ALL_MARKERS):
                    if dep.id not in _DEPENDENCY_MARKERS:
                        copy.add_deparray(kind, dep)
            self._originals[copy.id] = number
        self._pool.installed = self._system
        self._enabled_sides = ()
        self._enable_sides(sides)


_DEPENDENCY_MARKERS = (solv.SOLVABLE_PREREQMARKER, solv.SOLVABLE_FILEMARKER)


def _is_in_range(evr: str, words: Sequence[str]) -> bool:
    """Whether a version is one that `<= 1.2-3` means; a bound without a release speaks of versions alone."""
    if not words:
        return True
    sign, bound = words
    if "-" not in bound:
        evr = evr.rpartition("-")[0]
        order = compare_evr(f"{evr}-0", f"{bound}-0")
    else:
        order = compare_evr(evr, bound)
    return {-1: "<", 0: "=", 1: ">"}[order] in sign
