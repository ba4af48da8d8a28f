"""Packages to choose from: repositories and local RPMs loaded into a libsolv pool, and what the pool knows of them."""

from __future__ import annotations

import fnmatch
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import solv

from altai_build.errors import InputError
from altai_build.model.checksum import SHA256, Checksum, make_checksum
from altai_build.model.variables import get_base_arch
from altai_build.tools.files import sha256_file
from altai_build.tools.repo.stored_files import StoredFile, read_declared_count
from altai_build.tools.solver.cache import read_cache, write_cache
from altai_build.tools.solver.dependencies import (
    copy_header,
    format_dependencies,
    get_nevra,
    list_dependencies,
    make_dep,
    read_requirement,
)
from altai_build.tools.solver.patterns import find_matches
from altai_build.tools.solver.rich import list_needed_atoms
from altai_build.tools.url import apply_base

if TYPE_CHECKING:
    from altai_build.model.nevra import Nevra
    from altai_build.model.package import RpmHeader
    from altai_build.tools.repo.metadata import RepositoryMetadata


@cache
def list_solver_versions() -> list[object]:
    """The state of libsolv and of the code that asks it: part of a key of what they found."""
    # Commands that only read releases remember nothing of the kind.
    from altai_build.tools.remembered import digest_code

    libsolv = [path for path in Path(solv.__file__).parent.glob("*.so") if path.is_file()]
    files = [[path.name, (status := path.stat()).st_mtime_ns, status.st_size] for path in sorted(libsolv)]
    return [files, digest_code(Path(__file__), (".", "../chroot", "../repo"))]


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
    # False for an architecture that is installed beside the machine's own, as i686 on x86_64.
    is_native: bool

    @property
    def label(self) -> str:
        """`NEVRA (repository)`, as messages and the lock name it."""
        return f"{self.nevra} ({self.repository or 'ours'})"


class PackagePool:
    """A pool of packages. Not safe for threads: make one for each question, or lock it."""

    def __init__(self, arch: str | None, *, cache: Path) -> None:
        """`arch` is the machine's: other packages provide nothing. None: no machine, packages of all count."""
        # For the other modules of this package, which ask libsolv themselves.
        self.libsolv = solv.Pool()
        self.libsolv.setdisttype(solv.Pool.DISTTYPE_RPM)
        if arch is not None:
            self.libsolv.setarch(arch)
            # As dnf: packages of one name for two architectures (i686 and x86_64) can be installed together.
            self.libsolv.set_flag(solv.Pool.POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1)
        self._base_arch = get_base_arch(arch) if arch is not None else None
        self.repositories: list[tuple[solv.Repo, RepositoryMetadata]] = []
        self.has_filelists = False
        self.is_ready = False
        self._cache = cache
        self._metadata: dict[int, RepositoryMetadata] = {}
        self._local: dict[int, ResolvedPackage] = {}
        self._candidates: dict[int, Candidate] = {}
        self._resolved: dict[int, ResolvedPackage] = {}
        self._excluded: tuple[int, ...] = ()
        # Packages that modules leave out.
        self.filtered: frozenset[int] = frozenset()
        # Package with the dependencies of its header → the package as its repository describes it.
        self._corrected: dict[int, int] = {}

    # ---- loading ---------------------------------------------------------------------------------------------

    def add_repository(self, metadata: RepositoryMetadata) -> int:
        """Add a repository's packages, from libsolv's own cache of them if there is one. Returns its number."""
        repo = self.libsolv.add_repo(metadata.source.name)
        # In libsolv the higher number wins, in dnf the lower.
        repo.priority = 99 - metadata.source.priority
        repo.subpriority = -metadata.source.cost
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
        copy_header(header, solvable)
        self._local[solvable.id] = ResolvedPackage(
            nevra=header.nevra,
            metadata=None,
            location=str(path),
            checksum=Checksum(SHA256, digest or sha256_file(path)),
            size=path.stat().st_size,
        )
        self.is_ready = False
        return int(solvable.id)

    def correct(self, number: int, header: RpmHeader) -> int:
        """Replace what a repository says of a package's dependencies by its header. Returns its new number."""
        original = self._corrected.get(number, number)
        solvable = self.libsolv.id2solvable(original).repo.add_solvable()
        copy_header(header, solvable)
        self._corrected[solvable.id] = original
        self.is_ready = False
        return int(solvable.id)

    def prepare(self) -> None:
        """Index what the packages provide, after packages or file lists were added; before any question."""
        if self.is_ready:
            return
        # All packages count for what is left out; and only setting an empty list makes libsolv's map grow.
        self.libsolv.set_disabled_list([])
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
        present = repo.nsolvables - self._count_corrected(repo)
        if announced is not None and announced != present:
            raise file.parse_error(f"it announces {announced} packages, and the repository has {present}")
        if cached is not None and not is_filelists:
            write_cache(repo, cached)

    def _count_corrected(self, repo: solv.Repo) -> int:
        """The packages that `correct` added to a repository, beside those that its metadata describes."""
        return sum(self.libsolv.id2solvable(number).repo.id == repo.id for number in self._corrected)

    def _find_cache(self, file: StoredFile) -> Path | None:
        """Where libsolv's form of a file is cached; None for a file without a checksum."""
        checksum = file.entry.checksum
        return self._cache / f"{checksum.value}-{file.entry.kind}.solv" if checksum is not None else None

    def _disable_excluded(self) -> None:
        """Make unavailable what a repository's exclude= or includepkgs= leaves out, and what was corrected."""
        sources = [(repo, state.source) for repo, state in self.repositories]
        matches = find_matches(
            (repo for repo, _ in sources),
            (pattern for _, source in sources for pattern in (*source.exclude, *source.include)),
        )
        excluded: list[int] = []
        for repo, source in sources:
            if source.exclude or source.include:
                out = frozenset().union(*(matches[pattern] for pattern in source.exclude))
                only = frozenset().union(*(matches[pattern] for pattern in source.include))
                excluded += [
                    solvable.id
                    for solvable in repo.solvables
                    if solvable.id in out or (source.include and solvable.id not in only)
                ]
        self._excluded = tuple(excluded)
        self.filtered = self._find_filtered()
        disabled = [*excluded, *self.filtered, *self._corrected.values()]
        if disabled:
            self.libsolv.set_disabled_list(disabled)
            self.libsolv.createwhatprovides()

    def _find_filtered(self) -> frozenset[int]:
        """The packages that modules leave out, in all repositories that they filter."""
        states = [state for _, state in self.repositories]
        chosen = dict(choice for state in states for choice in state.source.modules)
        described = [state.modules for state in states if state.modules is not None]
        if not described and not chosen:
            return frozenset()
        # Few repositories have modules.
        from altai_build.tools.repo.modules import read_modules
        from altai_build.tools.solver.modules import find_excluded_packages

        modules = [read_modules(file) for file in described]
        filtered = {repo.id for repo, state in self.repositories if not state.source.module_hotfixes}
        return find_excluded_packages(self.libsolv, modules, chosen, filtered)

    # ---- lookup ----------------------------------------------------------------------------------------------

    def has_provider(self, requirement: str) -> bool:
        """True when any package of the pool provides it."""
        return bool(self.find_providers(requirement))

    def find_providers(self, requirement: str) -> tuple[int, ...]:
        """The packages that provide a requirement; of a rich one, what it needs, but not its conditions."""
        self.prepare()
        requirement = requirement.strip()
        if requirement.startswith("("):
            atoms = {atom.text for atom in list_needed_atoms(read_requirement(requirement))}
            if atoms != {requirement}:
                return tuple(sorted({provider for atom in atoms for provider in self.find_providers(atom)}))
        providers = [
            solvable.id for solvable in self.libsolv.whatprovides(make_dep(self.libsolv, requirement))
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
        dep = make_dep(self.libsolv, requirement)
        return tuple(number for number in self._excluded if self._provides(number, dep))

    def find_filtered(self, requirement: str) -> tuple[int, ...]:
        """The packages that would provide a requirement if modules did not leave them out."""
        self.prepare()
        dep = make_dep(self.libsolv, requirement)
        return tuple(number for number in sorted(self.filtered) if self._provides(number, dep))

    def _provides(self, number: int, dep: solv.Dep) -> bool:
        return bool(self.libsolv.id2solvable(number).matchesdep(solv.SOLVABLE_PROVIDES, dep))

    def get_nevra(self, number: int) -> Nevra:
        """The identity of a package of the pool."""
        return get_nevra(self.libsolv.id2solvable(number))

    def find_obsoleted(self, numbers: Collection[int]) -> frozenset[int]:
        """Those of some packages that others of them obsolete; what they provide does not count."""
        by_name: dict[str, list[int]] = defaultdict(list)
        for number in numbers:
            by_name[self.libsolv.id2solvable(number).name].append(number)
        return frozenset(
            other
            for number in numbers
            for dep in list_dependencies(self.libsolv.id2solvable(number), solv.SOLVABLE_OBSOLETES)
            for other in by_name.get(str(dep).split()[0], ())
            if other != number and self.libsolv.id2solvable(other).matchesdep(solv.SOLVABLE_NAME, dep)
        )

    def get_candidate(self, number: int) -> Candidate:
        """What is known of a package of the pool."""
        candidate = self._candidates.get(number)
        if candidate is None:
            solvable = self.libsolv.id2solvable(number)
            candidate = Candidate(
                id=number,
                nevra=get_nevra(solvable),
                repository=self.get_repository(number),
                requires=format_dependencies(solvable, solv.SOLVABLE_REQUIRES),
                is_native=self._base_arch is None
                or solvable.arch == "noarch"
                or get_base_arch(solvable.arch) == self._base_arch,
            )
            self._candidates[number] = candidate
        return candidate

    def get_repository(self, number: int) -> str:
        """The name of a package's repository; "" for a local RPM."""
        if number in self._local:
            return ""
        return self._metadata[self.libsolv.id2solvable(number).repo.id].source.name

    def get_recommends(self, number: int) -> tuple[str, ...]:
        """What a package of the pool recommends."""
        return format_dependencies(self.libsolv.id2solvable(number), solv.SOLVABLE_RECOMMENDS)

    def get_license(self, number: int) -> str:
        """The license of a package of the pool."""
        original = self.libsolv.id2solvable(self._corrected.get(number, number))
        return original.lookup_str(solv.SOLVABLE_LICENSE) or ""

    def get_resolved(self, number: int) -> ResolvedPackage:
        """Where a package of the pool is, its size and checksum. Raises InputError when its repository gives none."""
        found = self._local.get(number) or self._resolved.get(number)
        if found is None:
            found = self._resolved[number] = self._resolve(number)
        return found

    def _resolve(self, number: int) -> ResolvedPackage:
        solvable = self.libsolv.id2solvable(self._corrected.get(number, number))
        checksum = solvable.lookup_checksum(solv.SOLVABLE_CHECKSUM)
        if checksum is None:
            raise InputError(
                f"the repository {solvable.repo.name} gives no checksum for {get_nevra(solvable)}"
            )
        location, _ = solvable.lookup_location()
        if not location:
            raise InputError(
                f"the repository {solvable.repo.name} does not say where {get_nevra(solvable)} is",
                todo="`exclude` the package in repos.yaml, or report it to the repository's owner",
            )
        # xml:base
        base = solvable.lookup_str(solv.SOLVABLE_MEDIABASE) or ""
        return ResolvedPackage(
            nevra=get_nevra(solvable),
            metadata=self._metadata[solvable.repo.id],
            location=apply_base(base, location),
            checksum=make_checksum(checksum.typestr(), checksum.hex()),
            size=solvable.lookup_num(solv.SOLVABLE_DOWNLOADSIZE),
        )
