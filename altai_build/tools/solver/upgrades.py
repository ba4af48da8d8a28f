"""What a package manager would do to machines with given packages: `update` and `distro-sync`, decided by libsolv.

The flags are those that dnf gives libsolv (libdnf/goal/Goal.cpp, init_solver): vendors may change, packages that no
repository has any more stay, obsoletes count as yum counted them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import solv

from altai_build.model.upgrade import Side, UpgradePackage
from altai_build.tools.rpm.header import read_header
from altai_build.tools.rpm.versions import is_in_range
from altai_build.tools.solver.candidates import UpdateCandidates
from altai_build.tools.solver.dependencies import get_nevra, list_dependencies
from altai_build.tools.solver.package_files import fetch_resolved_packages, read_file_lists
from altai_build.tools.solver.pool import PackagePool
from altai_build.tools.solver.resolve import Unsatisfiable, describe_problems

if TYPE_CHECKING:
    from altai_build.model.package import RpmHeader
    from altai_build.tools.repo.metadata import RepositoryMetadata

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


_SYSTEM = 1
# NEVRA and checksum: a package that several releases hold is the same package in each.
_PackageKey = tuple[str, str]


@dataclass(frozen=True)
class UpdateResults:
    """What solvers that differ in their earlier releases alone have found."""

    # Each package that was on a machine → its number here.
    packages: dict[_PackageKey, int] = field(default_factory=dict)
    # Question → its result: packages of the machine as -1 - number, others by their place after all earlier releases.
    ends: dict[tuple[object, ...], frozenset[int]] = field(default_factory=dict)


class UpgradeSolver:
    """Releases and the operating system's repositories in one pool, and machines that have some of their packages."""

    def __init__(
        self, arch: str, *, cache: Path, packages: Path, results: UpdateResults | None = None
    ) -> None:
        """`cache` is the directory of libsolv's own files, `packages` that of downloaded packages.

        Solvers that differ in their earlier releases alone may share `results`.
        """
        self._pool = PackagePool(arch, cache=cache)
        # Repository → its side, for the repositories that take part.
        self._sides: dict[int, Side] = {}
        # Repository → the earlier release that it belongs to.
        self._previous_repositories: dict[int, str] = {}
        self._enabled_sides: tuple[Side, ...] = ()
        self._disabled_lists: dict[frozenset[Side], list[int]] = {}
        self._candidates: dict[frozenset[Side], UpdateCandidates] = {}
        self._packages: dict[int, UpgradePackage] = {}
        self._listed: dict[Side, tuple[UpgradePackage, ...]] = {}
        self._downloads = packages
        self._file_lists: dict[int, frozenset[str]] = {}
        self._headers: dict[int, RpmHeader] = {}
        self._package_keys: dict[int, _PackageKey] = {}
        self._identities: dict[int, tuple[int, Side]] = {}
        self._results = UpdateResults() if results is None else results
        # The number of the first package that is of no earlier release.
        self._first_shared: int | None = None
        self._system: solv.Repo | None = None
        # Copy on the machine → the package of a repository.
        self._originals: dict[int, int] = {}
        # Package, whether file lists are loaded → its dependencies by kind, as libsolv numbers them.
        self._copied: dict[tuple[int, bool], list[tuple[int, list[int]]]] = {}

    # ---- repositories ------------------------------------------------------------------------------------------

    def add(self, metadata: RepositoryMetadata, side: Side) -> None:
        """Add a repository; all have the same priority, as on clients."""
        is_release = side in (Side.OLD, Side.NEW)
        self._sides[self._add_repository(metadata, is_release=is_release)] = side
        if side is not Side.OLD and self._first_shared is None:
            repo, _ = self._pool.repositories[-1]
            self._first_shared = next((solvable.id for solvable in repo.solvables), None)

    def add_previous_release(self, metadata: RepositoryMetadata, release: str) -> None:
        """Add a repository of an earlier release, before all others; it takes part when that release is selected."""
        self._previous_repositories[self._add_repository(metadata, is_release=True)] = release

    def select_previous_release(self, release: str) -> None:
        """Make one of the earlier releases the one that machines are upgraded from."""
        self._candidates = {sides: kept for sides, kept in self._candidates.items() if Side.OLD not in sides}
        for number, name in self._previous_repositories.items():
            self._sides.pop(number, None)
            if name == release:
                self._sides[number] = Side.OLD
        self._listed.pop(Side.OLD, None)
        self._disabled_lists = {}
        self._enabled_sides = ()

    def _add_repository(self, metadata: RepositoryMetadata, *, is_release: bool) -> int:
        # Of a release, the .repo file says that modules do not filter it.
        source = replace(metadata.source, priority=99, module_hotfixes=is_release)
        self._listed = {}
        self._candidates = {}
        return self._pool.add_repository(replace(metadata, source=source))

    # ---- packages ----------------------------------------------------------------------------------------------

    def packages(self, side: Side) -> tuple[UpgradePackage, ...]:
        """All binary packages of one side."""
        if side not in self._listed:
            self._listed[side] = tuple(
                self.package(solvable.id)
                for solvable in self._list_solvables({side})
                if solvable.arch not in ("src", "nosrc")
            )
        return self._listed[side]

    def _list_solvables(self, sides: Collection[Side]) -> Iterator[solv.XSolvable]:
        for repo, _ in self._pool.repositories:
            if self._sides.get(repo.id) in sides:
                yield from repo.solvables

    def package(self, number: int) -> UpgradePackage:
        """A package by its number."""
        package = self._packages.get(number)
        if package is None:
            solvable = self._pool.libsolv.id2solvable(number)
            package = UpgradePackage(
                solver_id=number,
                nevra=get_nevra(solvable),
                side=self._sides[solvable.repo.id],
                repository=solvable.repo.name,
                vendor=solvable.vendor or "",
            )
            self._packages[number] = package
        return package

    def find_obsoleted(self, number: int, among: Mapping[str, Sequence[UpgradePackage]]) -> frozenset[int]:
        """Those of the packages `among` (by name) that a package obsoletes; what they provide does not count."""
        solvable = self._pool.libsolv.id2solvable(number)
        obsoletes = [str(dep).split() for dep in list_dependencies(solvable, solv.SOLVABLE_OBSOLETES)]
        return frozenset(
            package.solver_id
            for name, *bound in obsoletes
            if name != solvable.name
            for package in among.get(name, ())
            if is_in_range(package.nevra.evr, *bound)
        )

    def read_file_lists(self, side: Side) -> dict[int, frozenset[str]]:
        """The files and directories of all packages of one side, without ghost files. Raises InputError."""
        numbers = [package.solver_id for package in self.packages(side)]
        self._file_lists.update(
            read_file_lists(self._pool, [number for number in numbers if number not in self._file_lists])
        )
        return {number: self._file_lists[number] for number in numbers}

    def read_header(self, number: int) -> RpmHeader:
        """The header of a package, which is fetched and verified first. Raises InputError."""
        if number not in self._headers:
            (path,) = fetch_resolved_packages([self._pool.get_resolved(number)], self._downloads)
            self._headers[number] = read_header(path)
        return self._headers[number]

    def identify(self, machine: Iterable[int]) -> frozenset[tuple[int, Side]]:
        """What a machine has, in the same words for all solvers that share results."""
        return frozenset(map(self._identify, machine))

    def _identify(self, number: int) -> tuple[int, Side]:
        """The number of a package in the shared results, and its side."""
        identity = self._identities.get(number)
        if identity is None:
            packages = self._results.packages
            shared = packages.setdefault(self._package_key(number), len(packages))
            identity = self._identities[number] = (shared, self.package(number).side)
        return identity

    def _package_key(self, number: int) -> _PackageKey:
        """What tells a package from all others, in whichever repository it is."""
        key = self._package_keys.get(number)
        if key is None:
            solvable = self._pool.libsolv.id2solvable(number)
            checksum = solvable.lookup_checksum(solv.SOLVABLE_CHECKSUM)
            key = self._package_keys[number] = (str(get_nevra(solvable)), checksum.hex())
        return key

    # ---- questions ---------------------------------------------------------------------------------------------

    def install(
        self, wanted: Sequence[Sequence[int]], sides: Sequence[Side], *, weak: bool = False
    ) -> frozenset[int]:
        """A machine with one package of each group and all that they require, from some sides.

        `weak`: with as many as can be installed together. Raises Unsatisfiable.
        """
        try:
            return self._install(wanted, sides, weak)
        except Unsatisfiable:
            if not self._load_filelists():
                raise
            return self._install(wanted, sides, weak)

    def update(self, machine: Iterable[int], sides: Sequence[Side]) -> frozenset[int]:
        """What a machine has after `update` with the repositories of some sides. Raises Unsatisfiable.

        The packages of the machine must have what they require, as after `install` or an update.
        """
        installed = frozenset(machine)
        # What a question costs grows with all packages.
        if not self._has_candidates(installed, sides):
            return installed
        return self._solve_all_installed(installed, sides, solv.Job.SOLVER_UPDATE)

    def distro_sync(self, machine: Iterable[int], sides: Sequence[Side]) -> frozenset[int]:
        """What it has after `distro-sync`, which also downgrades packages. Raises Unsatisfiable."""
        return self._solve_all_installed(machine, sides, solv.Job.SOLVER_DISTUPGRADE)

    def explain_not_installable(
        self, machine: Iterable[int], wanted: int, sides: Sequence[Side]
    ) -> tuple[str, ...]:
        """Why a package cannot be installed on a machine; empty when it can."""
        self._set_installed(machine, sides)
        try:
            self._solve_jobs([self._make_job(solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE, wanted)])
        except Unsatisfiable as error:
            return error.problems
        return ()

    def _install(self, wanted: Sequence[Sequence[int]], sides: Sequence[Side], weak: bool) -> frozenset[int]:
        self._clear_installed()
        self._enable_sides(sides)
        # Each package is named with its architecture, as by `dnf install NAME.ARCH`.
        flags = solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE_ONE_OF | solv.Job.SOLVER_SETARCH
        flags |= solv.Job.SOLVER_WEAK if weak else 0
        towhatprovides = self._pool.libsolv.towhatprovides
        return self._solve_jobs([self._make_job(flags, towhatprovides(list(group))) for group in wanted])

    def _solve_all_installed(
        self, machine: Iterable[int], sides: Sequence[Side], kind: int
    ) -> frozenset[int]:
        """A change of all that is installed. Most machines of one earlier release are also ones of the next."""
        self._prepare()
        first = self._first_shared or 0
        installed = {self._identify(number)[0]: number for number in machine}
        question = (kind, tuple(sides), self._pool.has_filelists, tuple(sorted(installed)))
        result = self._results.ends.get(question)
        if result is None:
            self._set_installed(installed.values(), sides)
            end = self._solve_jobs([self._make_job(kind | solv.Job.SOLVER_SOLVABLE_ALL, 0)])
            identities = {number: -1 - identity for identity, number in installed.items()}
            result = frozenset(identities.get(number, number - first) for number in end)
            self._results.ends[question] = result
        return frozenset(entry + first if entry >= 0 else installed[-1 - entry] for entry in result)

    def _has_candidates(self, machine: Iterable[int], sides: Sequence[Side]) -> bool:
        """Whether packages of some sides could replace any of a machine."""
        key = frozenset(sides)
        if key not in self._candidates:
            self._candidates[key] = UpdateCandidates(self._list_solvables(key))
        for number in machine:
            others = self._candidates[key].find(self._pool.libsolv.id2solvable(number))
            if others is None or any(self._package_key(one) != self._package_key(number) for one in others):
                return True
        return False

    def _make_job(self, flags: int, what: int) -> solv.Job:
        return self._pool.libsolv.Job(flags, what)

    def _solve_jobs(self, jobs: list[solv.Job]) -> frozenset[int]:
        solver = self._pool.libsolv.Solver()
        for flag in _FLAGS:
            solver.set_flag(flag, 1)
        problems = solver.solve(jobs)
        if problems:
            raise Unsatisfiable(describe_problems(problems))
        # All that is installed at the end, and what stands for the machine itself (libsolv's SYSTEMSOLVABLE).
        end = solver.raw_decisions(1)
        return frozenset(self._originals.get(number, number) for number in end if number != _SYSTEM)

    # ---- the machine -------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        if self._pool.is_ready:
            return
        self._reset_sides()
        self._pool.prepare()
        if self._needs_filelists():
            self._load_filelists()

    def _load_filelists(self) -> bool:
        """Load the complete file lists; False when that was done before."""
        if self._pool.has_filelists:
            return False
        self._reset_sides()
        return self._pool.load_filelists()

    def _reset_sides(self) -> None:
        """Make the packages of all sides available, for the pool to index them."""
        self._disabled_lists = {}
        self._enabled_sides = ()
        # The pool adds files to what packages provide.
        self._copied = {}
        self._pool.libsolv.set_disabled_list([])

    def _needs_filelists(self) -> bool:
        """Whether a release requires files that are not in the primary metadata's short lists."""
        libsolv = self._pool.libsolv
        return not self._pool.has_filelists and any(
            str(dep).startswith("/") and not libsolv.whatprovides(dep)
            for repo, _ in self._pool.repositories
            if self._sides.get(repo.id, Side.OLD) in (Side.OLD, Side.NEW)
            for solvable in repo.solvables
            for dep in list_dependencies(solvable, solv.SOLVABLE_REQUIRES)
        )

    def _enable_sides(self, sides: Sequence[Side]) -> None:
        """Make only the packages of some sides available."""
        self._prepare()
        if self._enabled_sides != tuple(sides):
            disabled = self._list_disabled(frozenset(sides))
            # Only setting an empty list makes libsolv's map grow, and the machine was added after it.
            self._pool.libsolv.set_disabled_list([])
            self._pool.libsolv.set_disabled_list(disabled)
            self._pool.libsolv.createwhatprovides()
            self._enabled_sides = tuple(sides)

    def _list_disabled(self, sides: frozenset[Side]) -> list[int]:
        """The packages of all other sides."""
        if sides not in self._disabled_lists:
            self._disabled_lists[sides] = [
                solvable.id
                for repo, _ in self._pool.repositories
                if self._sides.get(repo.id) not in sides
                for solvable in repo.solvables
            ]
            self._disabled_lists[sides] += self._pool.filtered
        return self._disabled_lists[sides]

    def _clear_installed(self) -> None:
        """Remove the machine: the question is about repositories alone."""
        self._prepare()
        if self._pool.libsolv.installed is not None:
            self._pool.libsolv.installed = None
            self._enabled_sides = ()

    def _set_installed(self, machine: Iterable[int], sides: Sequence[Side]) -> None:
        """Install copies of packages on the machine, and enable some sides for it."""
        self._prepare()
        libsolv = self._pool.libsolv
        libsolv.installed = None
        if self._system is None:
            self._system = libsolv.add_repo("@System")
        self._system.empty(True)
        self._originals = {}
        for number in sorted(machine, key=self._package_key):
            copy = self._system.add_solvable()
            self._copy_solvable(number, copy)
            self._originals[copy.id] = number
        libsolv.installed = self._system
        self._enabled_sides = ()
        self._enable_sides(sides)

    def _copy_solvable(self, number: int, copy: solv.XSolvable) -> None:
        original = self._pool.libsolv.id2solvable(number)
        copy.nameid, copy.evrid, copy.archid = original.nameid, original.evrid, original.archid
        copy.vendorid = original.vendorid
        state = number, self._pool.has_filelists
        if state not in self._copied:
            self._copied[state] = [
                (kind, [dep.id for dep in list_dependencies(original, kind)]) for kind in _COPIED_DEPENDENCIES
            ]
        for kind, numbers in self._copied[state]:
            for dep in numbers:
                copy.add_deparray(kind, dep)
