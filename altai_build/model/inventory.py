"""What an auditor asks of releases: the packages of one with all that is known of them, and where a thing is."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from altai_build.model.release import ReleasedPackage


@dataclass(frozen=True)
class InventoryEntry:
    """One package of a release; `signer_name` is the key's user id, `needed_by` the packages there that require it."""

    package: ReleasedPackage
    signer_name: str
    needed_by: tuple[str, ...]


@dataclass(frozen=True)
class PackageFilter:
    """Which packages are asked for; None: whichever."""

    repository: str | None = None
    origin: str | None = None  # a kind, or a component's path
    name: str | None = None  # a pattern with * and ?

    def is_match(self, entry: InventoryEntry) -> bool:
        """True for a package that is asked for."""
        package = entry.package
        path = getattr(package.origin, "path", None)
        return (
            (self.repository is None or package.repository == self.repository)
            and (self.origin is None or self.origin in (package.origin.kind, path))
            and (self.name is None or fnmatch.fnmatchcase(package.name, self.name))
        )


@dataclass(frozen=True)
class InventoryTotal:
    """How many packages and bytes come under one word."""

    what: str
    packages: int
    size: int


def compute_totals(
    entries: Iterable[InventoryEntry],
) -> tuple[tuple[InventoryTotal, ...], tuple[InventoryTotal, ...]]:
    """Totals by repository, and by signer (fingerprint and name)."""
    rows = list(entries)
    by_repository = _sum((one.package.repository, one.package.size) for one in rows)
    by_signer = _sum((describe_signer(one), one.package.size) for one in rows)
    return by_repository, by_signer


def describe_signer(entry: InventoryEntry) -> str:
    """`FINGERPRINT name`, or what is known of it."""
    signer = entry.package.signer
    fingerprint = signer.fingerprint or signer.key_id
    return f"{fingerprint} {entry.signer_name}".strip() or "unsigned"


def _sum(rows: Iterable[tuple[str, int]]) -> tuple[InventoryTotal, ...]:
    counts: dict[str, tuple[int, int]] = {}
    for what, size in rows:
        packages, bytes_ = counts.get(what, (0, 0))
        counts[what] = (packages + 1, bytes_ + size)
    return tuple(
        InventoryTotal(what=what, packages=n, size=size) for what, (n, size) in sorted(counts.items())
    )


class MatchKind(str, Enum):
    """By what a package was found."""

    NAME = "name"
    NEVRA = "nevra"
    FILE = "file"  # the name of the package's own file
    CONTENT = "content"  # a file that the package installs
    SHA256 = "sha256"
    COMMIT = "commit"  # built from that very commit
    CONTAINED = "contained"  # built from a commit that has that one in its history
    RELEASE = "release"  # the superproject's commit, or one in its history


@dataclass(frozen=True)
class PackageMatch:
    """A release that has what was asked for; `package` is None where the release itself is meant."""

    release: str
    how: MatchKind
    package: ReleasedPackage | None
    note: str = ""
