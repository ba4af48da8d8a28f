"""Dependency resolution with libsolv over repodata: which exact packages a set of requirements needs, or why not."""

from __future__ import annotations

import fnmatch
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import solv

from altai_build.errors import InputError
from altai_build.model.checksum import SHA256, Checksum, make_checksum
from altai_build.model.nevra import Nevra
from altai_build.model.package import Dependency, RpmHeader
from altai_build.tools.files import make_directory, sha256_file
from altai_build.tools.repo.compression import Compression, decompressed, detect_compression
from altai_build.tools.repo.metadata import RepositoryMetadata

_SOLV_FORMAT = "1"  # part of a cache file's name; libsolv refuses files of another format itself


@dataclass(frozen=True)
class ResolvedPackage:
    """One package of a solution; `metadata` is None for a local RPM, whose path is `location`."""

    nevra: Nevra
    metadata: RepositoryMetadata | None
    location: str
    checksum: Checksum
    size: int

    @property
    def line(self) -> str:
        """`NEVRA algorithm:checksum`, as buildroots are listed."""
        return f"{self.nevra} {self.checksum}"


@dataclass(frozen=True)
class Candidate:
    """One package of the pool, as far as choosing goes; `id` is its number there."""

    id: int
    nevra: Nevra
    repository: str  # "" for a local RPM
    requires: tuple[str, ...]  # without what rpm itself has to provide
    recommends: tuple[str, ...]
    license: str


class Unsatisfiable(Exception):
    """No set of packages does; `problems` are libsolv's sentences, one a fact."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class Solver:
    """A pool of packages to choose from. Not safe for threads: make one for each question, or lock it."""

    def __init__(self, arch: str, *, cache: Path) -> None:
        self._pool = solv.Pool()
        self._pool.setdisttype(solv.Pool.DISTTYPE_RPM)
        self._pool.setarch(arch)
        self._cache = cache
        self._metadata: dict[int, RepositoryMetadata] = {}
        self._local: dict[int, ResolvedPackage] = {}
        self._repos: list[tuple[solv.Repo, RepositoryMetadata]] = []
        self._candidates: dict[int, Candidate] = {}
        self._hidden: tuple[int, ...] = ()
        self._with_filelists = False
        self._ready = False

    def add_repository(self, metadata: RepositoryMetadata) -> None:
        """Add a repository's packages, from libsolv's own cache of them where there is one."""
        repo = self._pool.add_repo(metadata.source.name)
        repo.priority = 99 - metadata.source.priority  # libsolv: the higher number wins
        self._load(repo, metadata.primary, "primary", None)
        self._metadata[repo.id] = metadata
        self._repos.append((repo, metadata))
        self._ready = False

    def add_local(self, path: Path, header: RpmHeader, *, digest: str | None = None) -> int:
        """Add an RPM that was just built; it is preferred to everything in the repositories. Returns its number."""
        repo = self._pool.add_repo(f"local {path.name}")
        repo.priority = 100
        one = repo.add_solvable()
        one.name, one.arch = header.nevra.name, header.nevra.arch
        evr = header.nevra.evr
        one.evr = evr if ":" in evr else f"0:{evr}"
        one.add_provides(self._self_provides(one))
        for kind, dependencies in (("provides", header.provides), ("requires", header.requires)):
            for dependency in dependencies:
                if not dependency.name.startswith("rpmlib("):
                    getattr(one, f"add_{kind}")(self._parse_rich_dependency(dependency))
        for dependency in header.conflicts:
            one.add_conflicts(self._parse_rich_dependency(dependency))
        for dependency in header.obsoletes:
            one.add_obsoletes(self._parse_rich_dependency(dependency))
        for dependency in header.recommends:
            one.add_recommends(self._parse_rich_dependency(dependency))
        for file in header.files:
            one.add_provides(self._pool.Dep(file.path))
        self._local[one.id] = ResolvedPackage(
            nevra=header.nevra,
            metadata=None,
            location=str(path),
            checksum=Checksum(SHA256, digest or sha256_file(path)),
            size=path.stat().st_size,
        )
        self._ready = False
        return int(one.id)

    def resolve(
        self, requirements: Iterable[str], *, base: Iterable[Nevra] = ()
    ) -> tuple[ResolvedPackage, ...]:
        """The smallest preferred set of packages that provides all requirements, sorted by NEVRA.

        A requirement is what a spec writes after BuildRequires: `name`, `name >= 1.2`, a file, or a rich dependency;
        after a `!` it is what must not be there. The packages of `base` are part of the answer as they are.
        Raises Unsatisfiable.
        """
        wanted, fixed = list(requirements), list(base)
        self._prepare()
        jobs, unknown = self._jobs(wanted, fixed)
        if unknown and self._load_filelists():
            jobs, unknown = self._jobs(wanted, fixed)
        if unknown:
            raise Unsatisfiable([f"nothing provides {name}" for name in unknown])
        solver, problems = self._solve(jobs)
        if problems and self._load_filelists():
            jobs, _ = self._jobs(wanted, fixed)
            solver, problems = self._solve(jobs)
        if problems:
            raise Unsatisfiable(describe_problems(problems))
        chosen = solver.transaction().newsolvables()
        return tuple(sorted((self._resolved(one) for one in chosen), key=lambda one: str(one.nevra)))

    def has_provider(self, requirement: str) -> bool:
        """True when any package of the pool provides it."""
        self._prepare()
        if self._pool.whatprovides(self._parse(requirement)) or self._jobs_for_file(requirement):
            return True
        return requirement.startswith("/") and self._load_filelists() and self.has_provider(requirement)

    # ---- questions that show their reasons (tools/solver/closure.py) ------------------------------------------------

    def select_packages(
        self,
        roots: Iterable[Sequence[int]],
        *,
        favor: Iterable[int] = (),
        forbid: Iterable[int] = (),
        weak: bool = False,
    ) -> frozenset[int]:
        """A set of packages that holds one of each root and all that they require; repositories that are to be
        preferred give what they can, others the rest. Raises Unsatisfiable.

        `favor` settles which of equal providers is taken, `forbid` leaves packages out, `weak` adds recommendations.
        """
        question = (list(roots), list(favor), list(forbid))
        solver, problems = self._select(*question, weak=weak)
        if problems and self._load_filelists():
            solver, problems = self._select(*question, weak=weak)
        if problems:
            raise Unsatisfiable(describe_problems(problems))
        return frozenset(one.id for one in solver.transaction().newsolvables())

    def _select(
        self, roots: list[Sequence[int]], favor: list[int], forbid: list[int], *, weak: bool
    ) -> tuple[solv.Solver, list[solv.Problem]]:
        self._prepare()
        job, kind = self._pool.Job, solv.Job
        jobs = [
            job(kind.SOLVER_INSTALL | kind.SOLVER_SOLVABLE_ONE_OF, self._pool.towhatprovides(list(one)))
            for one in roots
        ]
        jobs += [job(kind.SOLVER_FAVOR | kind.SOLVER_SOLVABLE, one) for one in favor]
        jobs += [job(kind.SOLVER_LOCK | kind.SOLVER_SOLVABLE, one) for one in forbid]
        solver = self._pool.Solver()
        solver.set_flag(solv.Solver.SOLVER_FLAG_IGNORE_RECOMMENDED, int(not weak))
        return solver, solver.solve(jobs)

    def find_providers(self, requirement: str) -> tuple[int, ...]:
        """The packages that provide a requirement; of a rich one, those that provide any name in it."""
        self._prepare()
        if requirement.startswith("("):
            return tuple(
                sorted({one for name in _rich_names(requirement) for one in self.find_providers(name)})
            )
        found_here = [one.id for one in self._pool.whatprovides(self._parse(requirement))]
        if not found_here and requirement.startswith("/"):
            selected = self._pool.select(requirement, solv.Selection.SELECTION_FILELIST)
            found_here = [one.id for one in selected.solvables()]
            if not found_here and self._load_filelists():
                return self.find_providers(requirement)
        return tuple(found_here)

    def get_candidate(self, number: int) -> Candidate:
        """What is known of a package of the pool."""
        known = self._candidates.get(number)
        if known is None:
            one = self._pool.id2solvable(number)
            known = Candidate(
                id=number,
                nevra=self._nevra(one),
                repository="" if number in self._local else self._metadata[one.repo.id].source.name,
                requires=_dependency_strings(one, solv.SOLVABLE_REQUIRES),
                recommends=_dependency_strings(one, solv.SOLVABLE_RECOMMENDS),
                license=one.lookup_str(solv.SOLVABLE_LICENSE) or "",
            )
            self._candidates[number] = known
        return known

    def get_resolved(self, number: int) -> ResolvedPackage:
        """Where a package of the pool is to be had."""
        return self._resolved(self._pool.id2solvable(number))

    def find_by_name(self, name: str) -> tuple[int, ...]:
        """All packages of a name; each provides it, as rpm makes sure of."""
        self._prepare()
        return tuple(one.id for one in self._pool.whatprovides(self._pool.Dep(name)) if one.name == name)

    def find_by_name_pattern(self, repository: str, patterns: Sequence[str]) -> tuple[int, ...]:
        """The packages of a repository whose names match one of the patterns (`*`, `?`)."""
        self._prepare()
        return tuple(
            one.id
            for repo, metadata in self._repos
            if patterns and metadata.source.name == repository
            for one in repo.solvables
            if any(fnmatch.fnmatchcase(one.name, pattern) for pattern in patterns)
        )

    def find_excluded(self, requirement: str) -> tuple[int, ...]:
        """The packages that would provide it, had their repository's `exclude` not left them out."""
        self._prepare()
        dep = self._parse(requirement)
        found = (self._pool.id2solvable(number) for number in self._hidden)
        return tuple(one.id for one in found if one.matchesdep(solv.SOLVABLE_PROVIDES, dep))

    # ---- the pool --------------------------------------------------------------------------------------------

    def _load(self, repo: solv.Repo, path: Path, part: str, language: str | None) -> None:
        cached = self._cache / f"{path.name}-{part}.{_SOLV_FORMAT}.solv"
        flags = solv.Repo.REPO_EXTEND_SOLVABLES if part == "filelists" else 0
        if cached.is_file():
            stream = solv.xfopen(str(cached))
            loaded = repo.add_solv(stream, flags | (solv.Repo.REPO_LOCALPOOL if flags else 0))
            stream.close()
            if loaded:
                return
        with _convert_for_libsolv(path) as plain:
            stream = solv.xfopen(str(plain))
            if stream is None:
                raise InputError(f"{path} cannot be read", why="libsolv does not open it")
            repo.add_rpmmd(
                stream, "FL" if flags else language, flags | (solv.Repo.REPO_LOCALPOOL if flags else 0)
            )
            stream.close()
        if not flags:
            self._write_solv_cache(repo, cached)

    def _write_solv_cache(self, repo: solv.Repo, cached: Path) -> None:
        make_directory(cached.parent)
        partial = cached.with_name(f".{cached.name}.{os.getpid()}.{threading.get_ident()}")
        stream = solv.xfopen(str(partial), "w")
        repo.write(stream)
        stream.close()
        os.replace(partial, cached)

    def _load_filelists(self) -> bool:
        """Bring in the complete file lists, once; False when they are here already."""
        if self._with_filelists:
            return False
        self._with_filelists = True
        for repo, metadata in self._repos:
            if metadata.filelists is not None:
                self._load(repo, metadata.filelists, "filelists", "FL")
        self._ready = False
        self._prepare()
        return True

    def _prepare(self) -> None:
        if self._ready:
            return
        self._pool.addfileprovides()
        self._pool.createwhatprovides()
        self._disable_excluded()
        self._ready = True

    def _disable_excluded(self) -> None:
        """Take packages that a repository's exclude= or includepkgs= leaves out from the choice."""
        hidden = [
            one.id
            for repo, metadata in self._repos
            if metadata.source.exclude or metadata.source.only
            for one in repo.solvables
            if _is_excluded(one.name, metadata)
        ]
        self._hidden = tuple(hidden)
        if hidden:
            self._pool.set_disabled_list(hidden)
            self._pool.createwhatprovides()

    # ---- one question ----------------------------------------------------------------------------------------

    def _jobs(self, wanted: list[str], fixed: list[Nevra]) -> tuple[list[solv.Job], list[str]]:
        jobs, unknown = [], []
        for nevra in fixed:
            found = [
                one
                for one in self._pool.whatprovides(self._pool.Dep(nevra.name))
                if self._nevra(one) == nevra
            ]
            if found:
                jobs.append(self._pool.Job(solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE, found[0].id))
            else:
                unknown.append(str(nevra))
        for requirement in wanted:
            dep = self._parse(requirement.lstrip("!"))
            if requirement.startswith("!"):
                jobs.append(self._pool.Job(solv.Job.SOLVER_ERASE | solv.Job.SOLVER_SOLVABLE_PROVIDES, dep.id))
                continue
            if not requirement.startswith("(") and not self._pool.whatprovides(dep):
                owners = self._jobs_for_file(requirement)
                jobs += owners
                if not owners:
                    unknown.append(requirement)
                continue
            jobs.append(self._pool.Job(solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE_PROVIDES, dep.id))
        return jobs, unknown

    def _jobs_for_file(self, path: str) -> list[solv.Job]:
        """Jobs for a file that no package's dependencies speak of: libsolv indexes only those that some do."""
        if not path.startswith("/"):
            return []
        owners = self._pool.select(path, solv.Selection.SELECTION_FILELIST)
        return [] if owners.isempty() else list(owners.jobs(solv.Job.SOLVER_INSTALL))

    def _solve(self, jobs: list[solv.Job]) -> tuple[solv.Solver, list[solv.Problem]]:
        solver = self._pool.Solver()
        solver.set_flag(solv.Solver.SOLVER_FLAG_IGNORE_RECOMMENDED, 1)
        solver.set_flag(solv.Solver.SOLVER_FLAG_STRICT_REPO_PRIORITY, 1)
        return solver, solver.solve(jobs)

    def _parse(self, requirement: str) -> solv.Dep:
        text = requirement.strip()
        if text.startswith("("):
            return self._pool.parserpmrichdep(text)
        words = text.split()
        dep = self._pool.Dep(words[0])
        if len(words) == 3:
            dep = dep.Rel(_FLAGS[words[1]], self._pool.Dep(words[2]))
        return dep

    def _parse_rich_dependency(self, dependency: Dependency) -> solv.Dep:
        if dependency.name.startswith("("):
            return self._pool.parserpmrichdep(dependency.name)
        dep = self._pool.Dep(dependency.name)
        flags = _FLAGS.get(dependency.flags)
        return dep.Rel(flags, self._pool.Dep(dependency.evr)) if flags and dependency.evr else dep

    def _self_provides(self, one: solv.XSolvable) -> solv.Dep:
        return self._pool.Dep(one.name).Rel(solv.REL_EQ, self._pool.Dep(one.evr))

    def _nevra(self, one: solv.XSolvable) -> Nevra:
        epoch, _, rest = one.evr.rpartition(":")
        version, _, release = rest.rpartition("-")
        return Nevra(name=one.name, epoch=int(epoch or 0), version=version, release=release, arch=one.arch)

    def _resolved(self, one: solv.XSolvable) -> ResolvedPackage:
        if one.id in self._local:
            return self._local[one.id]
        checksum = one.lookup_checksum(solv.SOLVABLE_CHECKSUM)
        if checksum is None:
            raise InputError(f"the repository {one.repo.name} gives no checksum for {self._nevra(one)}")
        location, _ = one.lookup_location()
        return ResolvedPackage(
            nevra=self._nevra(one),
            metadata=self._metadata[one.repo.id],
            location=location,
            checksum=make_checksum(checksum.typestr(), checksum.hex()),
            size=one.lookup_num(solv.SOLVABLE_DOWNLOADSIZE),
        )


@contextmanager
def _convert_for_libsolv(path: Path) -> Iterator[Path]:
    """The metadata file as libsolv's build on the package index can read it: gzip or plain, as its suffix says."""
    compression = detect_compression(path)
    if compression is Compression.GZIP and path.suffix == Compression.GZIP.value:
        yield path
        return
    with decompressed(path) as plain:
        yield plain


_FLAGS = {
    "=": solv.REL_EQ,
    "==": solv.REL_EQ,
    "<": solv.REL_LT,
    ">": solv.REL_GT,
    "<=": solv.REL_LT | solv.REL_EQ,
    ">=": solv.REL_GT | solv.REL_EQ,
}


_RICH_WORDS = {"and", "or", "if", "else", "unless", "with", "without"}


def _rich_names(requirement: str) -> list[str]:
    """The names in a rich dependency, without versions: `(a >= 1 or pkg(b))` speaks of `a` and `pkg(b)`."""
    names = []
    skip = False
    for word in requirement.split():
        bare = word.lstrip("(")
        while bare.count(")") > bare.count("("):
            bare = bare[: bare.rindex(")")] + bare[bare.rindex(")") + 1 :]
        if bare in _FLAGS:
            skip = True  # a version follows
        elif skip:
            skip = False
        elif bare and bare not in _RICH_WORDS:
            names.append(bare)
    return names


def _dependency_strings(one: solv.XSolvable, kind: int) -> tuple[str, ...]:
    """The dependencies of a kind as a spec would write them, sorted; what rpm provides itself and markers left out."""
    texts = {str(dep) for dep in one.lookup_deparray(kind)}
    return tuple(sorted(text for text in texts if not text.startswith(("rpmlib(", "solvable:"))))


def describe_problems(problems: Sequence[solv.Problem]) -> list[str]:
    """What libsolv says of problems, each fact once."""
    return sorted({str(rule.info().problemstr()) for problem in problems for rule in _problem_rules(problem)})


def _problem_rules(problem: solv.Problem) -> list[solv.XRule]:
    """The rules that say why; the one libsolv blames first where it names no set."""
    rules = problem.findallproblemrules()
    return list(rules) if rules else [problem.findproblemrule()]


def _is_excluded(name: str, metadata: RepositoryMetadata) -> bool:
    source = metadata.source
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in source.exclude):
        return True
    return bool(source.only) and not any(fnmatch.fnmatchcase(name, pattern) for pattern in source.only)
