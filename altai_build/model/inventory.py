"""The packages of a release for an auditor, and the matches of a search over releases."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from altai_build.model.release import ReleasedPackage


@dataclass(frozen=True)
class InventoryEntry:
    """One package of a release; `signer_name` is the key's user id, `needed_by` names the packages that require it.

    `license` is what the package declares; "" where it is not known.
    """

    package: ReleasedPackage
    signer_name: str
    license: str
    needed_by: tuple[str, ...]


@dataclass(frozen=True)
class PackageFilter:
    """Which packages to list; None means any."""

    repository: str | None = None
    origin: str | None = None  # a kind, or a component's path
    name: str | None = None  # a pattern with * and ?

    def is_match(self, entry: InventoryEntry) -> bool:
        """True for a package to list."""
        package = entry.package
        path = getattr(package.origin, "path", None)
        return (
            (self.repository is None or package.repository == self.repository)
            and (self.origin is None or self.origin in (package.origin.kind, path))
            and (self.name is None or fnmatch.fnmatchcase(package.name, self.name))
        )


@dataclass(frozen=True)
class InventoryTotal:
    """The packages and bytes of one repository or signer."""

    what: str
    packages: int
    size: int


def compute_totals(
    entries: Iterable[InventoryEntry],
) -> tuple[tuple[InventoryTotal, ...], tuple[InventoryTotal, ...]]:
    """Totals by repository, and by signer (fingerprint and name)."""
    listed = list(entries)
    by_repository = _sum_by_name((entry.package.repository, entry.package.size) for entry in listed)
    by_signer = _sum_by_name((describe_signer(entry), entry.package.size) for entry in listed)
    return by_repository, by_signer


def describe_signer(entry: InventoryEntry) -> str:
    """`FINGERPRINT name`, or the part of it that is known."""
    signer = entry.package.signer
    fingerprint = signer.fingerprint or signer.key_id
    return f"{fingerprint} {entry.signer_name}".strip() or "unsigned"


def _sum_by_name(sizes: Iterable[tuple[str, int]]) -> tuple[InventoryTotal, ...]:
    totals: dict[str, list[int]] = {}
    for name, size in sizes:
        totals.setdefault(name, []).append(size)
    return tuple(
        InventoryTotal(what=name, packages=len(listed), size=sum(listed))
        for name, listed in sorted(totals.items())
    )


class MatchKind(str, Enum):
    """What matched."""

    NAME = "name"
    NEVRA = "nevra"  # whole, or name and version
    RANGE = "range"  # of versions
    FILE = "file"  # the file name of the RPM
    CONTENT = "content"  # a file that the package installs
    SOURCE = "source"  # the package was built from the source package
    PROVIDES = "provides"  # a capability of the package
    SHA256 = "sha256"
    COMMIT = "commit"  # the package was built from the commit
    CONTAINED = "contained"  # the package was built from a commit that contains it
    RELEASE = "release"  # the superproject commit of the release, or one in its history


@dataclass(frozen=True)
class PackageMatch:
    """A match of a search; `package` is None if the release itself matches."""

    release: str
    how: MatchKind
    package: ReleasedPackage | None
    note: str = ""
