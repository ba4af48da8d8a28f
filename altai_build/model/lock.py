"""The lock of a release's third-party packages: which exact ones, from where, who needs each, and why that one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from altai_build.model.checksum import Sha256
from altai_build.model.nevra import Nevra
from altai_build.model.release import Signer

LOCK_FILE_NAME = "deps.lock.yaml"
FORMAT = 1
CONFIG_FILE_NAME = "repos.yaml"  # who needs a package that is named in a repository's `packages`
BASE_SUFFIX = " (base)"  # after the name of a package of the system that needs one


class ChoiceRule(str, Enum):
    """What decided for a package among those that would do."""

    ONLY = "only provider"
    LISTED = "listed"  # repos.yaml names it
    PREFERRED = "preferred"  # repos.yaml prefers it
    BASE = "base does not satisfy"  # base has another version, which is not enough
    ORDER = "repository order"  # the others are in repositories that come later
    NEWEST = "newest"  # the others are older versions of it
    KEPT = "kept"  # it was locked before and still does; `deps lock --update` takes a newer one
    SMALLEST = "smallest"  # with it fewer packages, or fewer bytes, are shipped
    NAME = "first by name"  # the others would be as good


@dataclass(frozen=True)
class Choice:
    """Why this package, and which others (`NEVRA (repository)`) would have done or were looked at."""

    rule: ChoiceRule
    over: tuple[str, ...] = ()


@dataclass(frozen=True, order=True)
class Requirement:
    """One requirement that a package is there for; a weak one is a recommendation."""

    package: str  # the name of who requires it
    requires: str
    weak: bool = False


@dataclass(frozen=True)
class LockedRepository:
    """The state of one repository that a choice was made from; `url` as repos.yaml writes it."""

    name: str  # of base repositories with `base/` before it
    url: str
    key: str
    revision: str  # of its repodata
    metadata: str  # the checksum of the primary metadata
    signed: bool  # its repomd.xml carried a signature, which was right
    packages: tuple[str, ...] | None = None  # as in repos.yaml: None is "needed"
    prefer: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    weak: bool = False

    @property
    def definition(self) -> tuple[object, ...]:
        """What repos.yaml says of it, as far as it decides what is locked."""
        return (self.url, self.key, self.packages, self.prefer, self.exclude, self.weak)


@dataclass(frozen=True)
class LockedPackage:
    """One package as it must be: these bytes, signed by this key."""

    nevra: Nevra
    repository: str
    location: str  # below the repository's URL
    sha256: Sha256
    size: int  # bytes
    license: str
    signer: Signer
    needed_by: tuple[Requirement, ...]
    choice: Choice

    @property
    def file(self) -> str:
        """Its file name in a release."""
        return self.location.rpartition("/")[2]

    @property
    def path(self) -> str:
        """Where it is in a release's folder: `repository/file`."""
        return f"{self.repository}/{self.file}"

    @property
    def needed_by_names(self) -> tuple[str, ...]:
        """The names of the packages that need it."""
        return tuple(sorted({need.package for need in self.needed_by}))


@dataclass(frozen=True)
class Lock:
    """All of deps.lock.yaml, sorted."""

    target: str
    repositories: tuple[LockedRepository, ...]
    from_base: tuple[str, ...]  # requirements, of ours and of the packages here, that the system itself meets
    packages: tuple[LockedPackage, ...]

    def repository(self, name: str) -> LockedRepository | None:
        """The state of a repository by its name."""
        return next((one for one in self.repositories if one.name == name), None)

    @property
    def size(self) -> int:
        """Bytes of all packages."""
        return sum(one.size for one in self.packages)


@dataclass(frozen=True)
class DependencyStep:
    """One step of a chain: a package, and the requirement by which the next one follows."""

    package: str
    requires: str


def find_dependency_chains(lock: Lock, name: str) -> tuple[tuple[DependencyStep, ...], ...]:
    """The shortest chain from each of our packages (or from repos.yaml) down to a locked package, sorted.

    A chain ends with the package itself; it is cut where it would come back to a package.
    """
    needed_by: Mapping[str, tuple[Requirement, ...]] = {
        one.nevra.name: one.needed_by for one in lock.packages
    }
    found: dict[str, tuple[DependencyStep, ...]] = {}
    pending: list[tuple[str, tuple[DependencyStep, ...]]] = [(name, ())]
    seen = {name}
    for top, below in _iterate_growing_list(pending):
        for need in needed_by.get(top, ()):
            chain = (DependencyStep(package=need.package, requires=need.requires), *below)
            if need.package not in needed_by:
                found.setdefault(need.package, chain)
            elif need.package not in seen:
                seen.add(need.package)
                pending.append((need.package, chain))
    return tuple(found[one] for one in sorted(found))


def _iterate_growing_list(
    pending: list[tuple[str, tuple[DependencyStep, ...]]],
) -> Iterator[tuple[str, tuple[DependencyStep, ...]]]:
    """Each entry of a list that grows while it is worked on: breadth first, so that the first chain is shortest."""
    at = 0
    while at < len(pending):
        yield pending[at]
        at += 1


@dataclass(frozen=True)
class LockChange:
    """One difference between what is locked and what would be locked now."""

    kind: str  # added, removed, upgraded, downgraded, moved or changed
    repository: str
    name: str
    old: str | None  # NEVRA
    new: str | None
    reason: str
