"""Packages to choose from: repositories and local RPMs loaded into a libsolv pool, and what the pool knows of them."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import solv

from altai_build.errors import InputError
from altai_build.model.checksum import SHA256, Checksum, make_checksum
from altai_build.model.nevra import Nevra
from altai_build.model.package import Dependency, RpmHeader
from altai_build.tools.files import sha256_file
from altai_build.tools.repo.metadata import RepositoryMetadata
from altai_build.tools.repo.stored import StoredFile, read_declared_count
from altai_build.tools.solver.cache import read_cache, write_cache

_COMPARISONS = {
    "=": solv.REL_EQ,
    "==": solv.REL_EQ,
    "<": solv.REL_LT,
    ">": solv.REL_GT,
    "<=": solv.REL_LT | solv.REL_EQ,
    ">=": solv.REL_GT | solv.REL_EQ,
}
# lookup_deparray: return the markers too, with all dependencies on both sides of them.
_WITH_MARKERS = 0
_DEPENDENCY_MARKERS = (solv.SOLVABLE_PREREQMARKER, solv.SOLVABLE_FILEMARKER)
_RICH_OPERATORS = {"and", "or", "if", "else", "unless", "with", "without"}


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
    # "" for a local RPM.
    repository: str
    # Without what rpm itself has to provide.
    requires: tuple[str, ...]
    recommends: tuple[str, ...]
    license: str

    @property
    def label(self) -> str:
        """`NEVRA (repository)`, as messages and the lock name it."""
        return f"{self.nevra} ({self.repository or 'ours'})"


class PackagePool:
    """A pool of packages. Not safe for threads: make one for each question, or lock it."""

    def __init__(self, arch: str, *, cache: Path) -> None:
        # For the other modules of this package, which ask libsolv themselves.
        self.libsolv = solv.Pool()
        self.libsolv.setdisttype(solv.Pool.DISTTYPE_RPM)
        self.libsolv.setarch(arch)
        self.repositories: list[tuple[solv.Repo, RepositoryMetadata]] = []
        self.has_filelists = False
        self.is_ready = False
        self._cache = cache
        self._metadata: dict[int, RepositoryMetadata] = {}
        self._local: dict[int, ResolvedPackage] = {}
        self._candidates: dict[int, Candidate] = {}
        self._excluded: tuple[int, ...] = ()

    # ---- loading ---------------------------------------------------------------------------------------------

    def add_repository(self, metadata: RepositoryMetadata) -> int:
        """Add a repository's packages, from libsolv's own cache of them if there is one. Returns its number."""
        repo = self.libsolv.add_repo(metadata.source.name)
        # In libsolv the higher number wins, in dnf the lower.
        repo.priority = 99 - metadata.source.priority
        self._load(repo, metadata.primary)
        self._metadata[repo.id] = metadata
        self.repositories.append((repo, metadata))
        self.is_ready = False
        return int(repo.id)

    def add_local(self, path: Path, header: RpmHeader, *, digest: str | None = None) -> int:
        """Add an RPM that was just built; it is preferred to everything in the repositories. Returns its number."""
        repo = self.libsolv.add_repo(f"local {path.name}")
        repo.priority = 100
        solvable = repo.add_solvable()
        solvable.name, solvable.arch = header.nevra.name, header.nevra.arch
        evr = header.nevra.evr
        solvable.evr = evr if ":" in evr else f"0:{evr}"
        solvable.add_provides(self._self_provides(solvable))
        for kind, dependencies in (("provides", header.provides), ("requires", header.requires)):
            for dependency in dependencies:
                if not dependency.name.startswith("rpmlib("):
                    getattr(solvable, f"add_{kind}")(self._convert_dependency(dependency))
        for dependency in header.conflicts:
            solvable.add_conflicts(self._convert_dependency(dependency))
        for dependency in header.obsoletes:
            solvable.add_obsoletes(self._convert_dependency(dependency))
        for dependency in header.recommends:
            solvable.add_recommends(self._convert_dependency(dependency))
        for file in header.files:
            solvable.add_provides(self.libsolv.Dep(file.path))
        self._local[solvable.id] = ResolvedPackage(
            nevra=header.nevra,
            metadata=None,
            location=str(path),
            checksum=Checksum(SHA256, digest or sha256_file(path)),
            size=path.stat().st_size,
        )
        self.is_ready = False
        return int(solvable.id)

    def prepare(self) -> None:
        """Index what the packages provide, after packages or file lists were added; before any question."""
        if self.is_ready:
            return
        self.libsolv.addfileprovides()
        self.libsolv.createwhatprovides()
        self._disable_excluded()
        self.is_ready = True

    def load_filelists(self) -> bool:
        """Load the complete file lists of all repositories, once; False when that was done before.

        The primary metadata lists only the files in a few directories (/etc, */bin), and loading all takes seconds.
        """
        if self.has_filelists:
            return False
        self.has_filelists = True
        for repo, metadata in self.repositories:
            if metadata.filelists is not None:
                self._load(repo, metadata.filelists)
        self.is_ready = False
        self.prepare()
        return True

    def _load(self, repo: solv.Repo, file: StoredFile) -> None:
        """Read a file of metadata, whole or not at all. Raises InputError."""
        is_filelists = file.entry.kind == "filelists"
        extend = solv.Repo.REPO_EXTEND_SOLVABLES | solv.Repo.REPO_LOCALPOOL if is_filelists else 0
        cached = self._find_cache(file)
        if cached is not None and not is_filelists and read_cache(repo, cached):
            return
        root, kind = ("filelists", "FL") if is_filelists else ("metadata", None)
        with file.open_plain() as plain:
            try:
                announced = read_declared_count(plain, root)
            except ValueError as error:
                raise file.parse_error(str(error)) from error
            stream = solv.xfopen(str(plain))
            complete = repo.add_rpmmd(stream, kind, extend)
            stream.close()
        if not complete:
            raise file.parse_error(" ".join(self.libsolv.errstr.split()))
        if announced is not None and announced != repo.nsolvables:
            raise file.parse_error(
                f"it announces {announced} packages, and the repository has {repo.nsolvables}"
            )
        if cached is not None and not is_filelists:
            write_cache(repo, cached)

    def _find_cache(self, file: StoredFile) -> Path | None:
        """Where libsolv's form of a file is cached; None for a file without a checksum."""
        checksum = file.entry.checksum
        return self._cache / f"{checksum.value}-{file.entry.kind}.solv" if checksum is not None else None

    def _disable_excluded(self) -> None:
        """Make the packages that a repository's exclude= or includepkgs= leaves out unavailable."""
        excluded = [
            solvable.id
            for repo, metadata in self.repositories
            if metadata.source.exclude or metadata.source.include
            for solvable in repo.solvables
            if _is_excluded(solvable.name, metadata)
        ]
        self._excluded = tuple(excluded)
        if excluded:
            self.libsolv.set_disabled_list(excluded)
            self.libsolv.createwhatprovides()

    # ---- lookup ----------------------------------------------------------------------------------------------

    def has_provider(self, requirement: str) -> bool:
        """True when any package of the pool provides it."""
        return bool(self.find_providers(requirement))

    def find_providers(self, requirement: str) -> tuple[int, ...]:
        """The packages that provide a requirement; of a rich one, those that provide any name in it."""
        self.prepare()
        if requirement.startswith("("):
            names = _list_rich_names(requirement)
            return tuple(sorted({provider for name in names for provider in self.find_providers(name)}))
        providers = [
            solvable.id for solvable in self.libsolv.whatprovides(self.parse_requirement(requirement))
        ]
        if not providers and requirement.startswith("/"):
            providers = [solvable.id for solvable in self.find_file_owners(requirement).solvables()]
            if not providers and self.load_filelists():
                return self.find_providers(requirement)
        return tuple(providers)

    def find_file_owners(self, path: str) -> solv.Selection:
        """The packages that hold a file; libsolv indexes only the files that some package requires."""
        return self.libsolv.select(path, solv.Selection.SELECTION_FILELIST)

    def find_by_name(self, name: str) -> tuple[int, ...]:
        """All packages of a name. Each provides its own name: rpm makes sure of that."""
        self.prepare()
        provides = self.libsolv.whatprovides(self.libsolv.Dep(name))
        return tuple(solvable.id for solvable in provides if solvable.name == name)

    def find_by_name_pattern(self, repository: str, patterns: Sequence[str]) -> tuple[int, ...]:
        """The packages of a repository whose names match one of the patterns (`*`, `?`)."""
        self.prepare()
        return tuple(
            solvable.id
            for repo, metadata in self.repositories
            if patterns and metadata.source.name == repository
            for solvable in repo.solvables
            if any(fnmatch.fnmatchcase(solvable.name, pattern) for pattern in patterns)
        )

    def find_excluded(self, requirement: str) -> tuple[int, ...]:
        """The packages that would provide a requirement if their repository's `exclude` did not leave them out."""
        self.prepare()
        dep = self.parse_requirement(requirement)
        excluded = (self.libsolv.id2solvable(number) for number in self._excluded)
        return tuple(solvable.id for solvable in excluded if solvable.matchesdep(solv.SOLVABLE_PROVIDES, dep))

    def get_nevra(self, number: int) -> Nevra:
        """The identity of a package of the pool."""
        return get_nevra(self.libsolv.id2solvable(number))

    def get_candidate(self, number: int) -> Candidate:
        """What is known of a package of the pool."""
        candidate = self._candidates.get(number)
        if candidate is None:
            solvable = self.libsolv.id2solvable(number)
            candidate = Candidate(
                id=number,
                nevra=get_nevra(solvable),
                repository="" if number in self._local else self._metadata[solvable.repo.id].source.name,
                requires=_format_dependencies(solvable, solv.SOLVABLE_REQUIRES),
                recommends=_format_dependencies(solvable, solv.SOLVABLE_RECOMMENDS),
                license=solvable.lookup_str(solv.SOLVABLE_LICENSE) or "",
            )
            self._candidates[number] = candidate
        return candidate

    def get_resolved(self, number: int) -> ResolvedPackage:
        """Where a package of the pool is, its size and checksum. Raises InputError when its repository gives none."""
        if number in self._local:
            return self._local[number]
        solvable = self.libsolv.id2solvable(number)
        checksum = solvable.lookup_checksum(solv.SOLVABLE_CHECKSUM)
        if checksum is None:
            raise InputError(
                f"the repository {solvable.repo.name} gives no checksum for {get_nevra(solvable)}"
            )
        location, _ = solvable.lookup_location()
        return ResolvedPackage(
            nevra=get_nevra(solvable),
            metadata=self._metadata[solvable.repo.id],
            location=location,
            checksum=make_checksum(checksum.typestr(), checksum.hex()),
            size=solvable.lookup_num(solv.SOLVABLE_DOWNLOADSIZE),
        )

    # ---- dependencies ----------------------------------------------------------------------------------------

    def parse_requirement(self, requirement: str) -> solv.Dep:
        """A requirement as a spec writes it (`name`, `name >= 1.2`, a file, a rich dependency), for libsolv."""
        text = requirement.strip()
        if text.startswith("("):
            return self.libsolv.parserpmrichdep(text)
        words = text.split()
        dep = self.libsolv.Dep(words[0])
        if len(words) == 3:
            dep = dep.Rel(_COMPARISONS[words[1]], self.libsolv.Dep(words[2]))
        return dep

    def _convert_dependency(self, dependency: Dependency) -> solv.Dep:
        if dependency.name.startswith("("):
            return self.libsolv.parserpmrichdep(dependency.name)
        dep = self.libsolv.Dep(dependency.name)
        comparison = _COMPARISONS.get(dependency.flags)
        if not comparison or not dependency.evr:
            return dep
        return dep.Rel(comparison, self.libsolv.Dep(dependency.evr))

    def _self_provides(self, solvable: solv.XSolvable) -> solv.Dep:
        return self.libsolv.Dep(solvable.name).Rel(solv.REL_EQ, self.libsolv.Dep(solvable.evr))


def get_nevra(solvable: solv.XSolvable) -> Nevra:
    """The identity of a package of a pool. Raises InputError when its repository gives it none that is valid."""
    epoch, _, rest = solvable.evr.rpartition(":")
    version, _, release = rest.rpartition("-")
    epoch = epoch or "0"
    if not (solvable.name and solvable.arch and epoch.isascii() and epoch.isdigit() and len(epoch) < 11):
        raise InputError(
            f"the version {solvable.evr!r} of {solvable.name or 'a package'} in {solvable.repo.name} is not valid",
            why="an epoch is a number",
            todo="`exclude` the package in repos.yaml, or report it to the owner of the repository",
        )
    return Nevra(name=solvable.name, epoch=int(epoch), version=version, release=release, arch=solvable.arch)


def _list_rich_names(requirement: str) -> list[str]:
    """The names in a rich dependency, without versions: `(a >= 1 or pkg(b))` gives `a` and `pkg(b)`."""
    names = []
    is_version = False
    for word in requirement.split():
        bare = word.lstrip("(")
        while bare.count(")") > bare.count("("):
            bare = bare[: bare.rindex(")")] + bare[bare.rindex(")") + 1 :]
        if bare in _COMPARISONS:
            # The next word is a version.
            is_version = True
        elif is_version:
            is_version = False
        elif bare and bare not in _RICH_OPERATORS:
            names.append(bare)
    return names


def list_dependencies(solvable: solv.XSolvable, kind: int) -> list[solv.Dep]:
    """All dependencies of a kind (`solv.SOLVABLE_REQUIRES`, …), those of scriptlets and on files included.

    libsolv keeps them in one array with markers in it: behind one are the requirements of scriptlets (`Requires(post)`,
    `pre="1"` in primary), behind another the files of a package. Without an argument it returns only what is in front.
    """
    dependencies = solvable.lookup_deparray(kind, _WITH_MARKERS)
    return [dep for dep in dependencies if dep.id not in _DEPENDENCY_MARKERS]


def _format_dependencies(solvable: solv.XSolvable, kind: int) -> tuple[str, ...]:
    """The dependencies of a kind as a spec would write them, sorted; without rpm's features."""
    texts = {str(dep) for dep in list_dependencies(solvable, kind)}
    return tuple(sorted(text for text in texts if not text.startswith("rpmlib(")))


def _is_excluded(name: str, metadata: RepositoryMetadata) -> bool:
    source = metadata.source
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in source.exclude):
        return True
    return bool(source.include) and not any(fnmatch.fnmatchcase(name, pattern) for pattern in source.include)
