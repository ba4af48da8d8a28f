"""The lock of a release's third-party packages: which files, from where, what requires each, and why it was chosen."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING

from altai_build.model.checksum import Sha256
from altai_build.model.nevra import Nevra

if TYPE_CHECKING:
    from altai_build.model.release import Signer

LOCK_FILE_NAME = "deps.lock.yaml"
FORMAT = 1
# `needed_by` of a package that `packages` of a repository lists.
CONFIG_FILE_NAME = "repos.yaml"
# After the name of an operating system's package in `needed_by`.
BASE_SUFFIX = " (base)"
# Before the names of the operating system's repositories.
BASE_PREFIX = "base/"


class ChoiceRule(str, Enum):
    """What decided for a package among those that satisfy the same requirements."""

    ONLY = "only provider"
    # repos.yaml lists it.
    LISTED = "listed"
    # repos.yaml prefers it.
    PREFERRED = "preferred"
    # Base has a version that is not enough.
    BASE = "base does not satisfy"
    # Some of the others would be better by the rules below, but do not satisfy all requirements, or cannot be installed
    # with the rest.
    FITS = "others do not satisfy"
    # The others are in repositories that come later.
    ORDER = "repository order"
    # The others are for another architecture, as i686 for x86_64.
    NATIVE = "native architecture"
    # The others are older versions.
    NEWEST = "newest"
    # It obsoletes the others: it is their new name.
    RENAMED = "obsoletes the others"
    # It was locked before and still satisfies; `deps lock --update` takes a newer one.
    KEPT = "kept"
    # With the others more packages, or more bytes, would be shipped.
    SMALLEST = "smallest"
    # Nothing else distinguishes it from the others.
    NAME = "first by name"
    # The solver, which is dnf's, prefers it, for example because another package recommends it.
    SOLVER = "preferred by the solver"


@dataclass(frozen=True)
class Choice:
    """Why this package was chosen, and over which others (`NEVRA (repository)`)."""

    rule: ChoiceRule
    over: tuple[str, ...] = ()


@dataclass(frozen=True, order=True)
class Requirement:
    """One requirement that a package is locked for; a weak one is a recommendation."""

    # The name of the package that requires it.
    package: str
    requires: str
    weak: bool = False


@dataclass(frozen=True)
class MirrorPolicy:
    """A repository that packages may be taken from, and which."""

    name: str
    # Names to take with all they require; None: what our packages require.
    packages: tuple[str, ...] | None
    prefer: tuple[str, ...] = ()
    weak: bool = False


@dataclass(frozen=True)
class RepositoryDefinition:
    """The settings of a repository that decide what is locked; the fields have the names of the keys in repos.yaml."""

    url: str
    key: str
    packages: tuple[str, ...] | None
    prefer: tuple[str, ...]
    exclude: tuple[str, ...]
    weak: bool
    # Module, stream.
    modules: tuple[tuple[str, str], ...] = ()

    def list_changed_keys(self, other: RepositoryDefinition) -> list[str]:
        """The keys that have other values in another definition."""
        names = [field.name for field in fields(self)]
        return [name for name in names if getattr(self, name) != getattr(other, name)]


@dataclass(frozen=True)
class LockedRepository:
    """The state of one repository that packages were chosen from; `url` as repos.yaml writes it."""

    # With `base/` in front for the repositories of the operating system.
    name: str
    url: str
    key: str
    # Of its repodata.
    revision: str
    # The checksum of the primary metadata.
    metadata: str
    # Its repomd.xml had a valid signature.
    signed: bool
    # As in repos.yaml: None is "needed".
    packages: tuple[str, ...] | None = None
    prefer: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    # Module, stream.
    modules: tuple[tuple[str, str], ...] = ()
    weak: bool = False

    @property
    def is_base(self) -> bool:
        """True for the repositories of the operating system."""
        return self.name.startswith(BASE_PREFIX)

    @property
    def definition(self) -> RepositoryDefinition:
        """Its settings in repos.yaml."""
        return RepositoryDefinition(
            url=self.url,
            key=self.key,
            packages=self.packages,
            prefer=self.prefer,
            exclude=self.exclude,
            modules=self.modules,
            weak=self.weak,
        )


@dataclass(frozen=True)
class LockedPackage:
    """One package: the file with this checksum, signed by this key."""

    nevra: Nevra
    repository: str
    # Below the repository's URL, or a URL itself.
    location: str
    sha256: Sha256
    # Bytes.
    size: int
    license: str
    signer: Signer
    needed_by: tuple[Requirement, ...]
    choice: Choice

    @property
    def file(self) -> str:
        """Its file name in a release: the canonical one, whatever name its repository gives the file."""
        return self.nevra.filename

    @property
    def path(self) -> str:
        """Where it is in a release's folder: `repository/file`."""
        return f"{self.repository}/{self.file}"

    @property
    def sort_key(self) -> tuple[str, str, str]:
        """By repository, then name, then version and architecture: the order in the file."""
        return (self.repository, self.nevra.name, str(self.nevra))

    @property
    def needed_by_names(self) -> tuple[str, ...]:
        """The names of the packages that need it."""
        return tuple(sorted({need.package for need in self.needed_by}))


@dataclass(frozen=True)
class Lock:
    """All of deps.lock.yaml, sorted."""

    target: str
    repositories: tuple[LockedRepository, ...]
    # The requirements, of our packages and of those here, that the operating system meets.
    from_base: tuple[str, ...]
    packages: tuple[LockedPackage, ...]

    def repository(self, name: str) -> LockedRepository | None:
        """The state of a repository by its name."""
        return next((repository for repository in self.repositories if repository.name == name), None)

    @property
    def size(self) -> int:
        """Bytes of all packages."""
        return sum(package.size for package in self.packages)


@dataclass(frozen=True)
class DependencyStep:
    """One step of a chain: a package, and its requirement that the next package provides."""

    package: str
    requires: str


def find_dependency_chains(lock: Lock, name: str) -> tuple[tuple[DependencyStep, ...], ...]:
    """The shortest chain from each of our packages (or from repos.yaml) down to a locked package, sorted.

    A chain ends with what requires the package itself. Dependency cycles are not followed twice.
    """
    needed_by: Mapping[str, tuple[Requirement, ...]] = {
        package.nevra.name: package.needed_by for package in lock.packages
    }
    found: dict[str, tuple[DependencyStep, ...]] = {}
    # Breadth first, so that the first chain from a package is the shortest.
    pending: deque[tuple[str, tuple[DependencyStep, ...]]] = deque([(name, ())])
    seen = {name}
    while pending:
        top, below = pending.popleft()
        for need in needed_by.get(top, ()):
            chain = (DependencyStep(package=need.package, requires=need.requires), *below)
            if need.package not in needed_by:
                found.setdefault(need.package, chain)
            elif need.package not in seen:
                seen.add(need.package)
                pending.append((need.package, chain))
    return tuple(found[package] for package in sorted(found))


@dataclass(frozen=True)
class LockChange:
    """One difference between what is locked and what would be locked now."""

    # added, removed, upgraded, downgraded, moved or changed.
    kind: str
    repository: str
    name: str
    # NEVRAs.
    old: str | None
    new: str | None
    reason: str
