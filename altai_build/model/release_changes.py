"""What differs between two releases: packages, and the commits of the components they were built from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from altai_build.model.commit import Commit
    from altai_build.model.release import ReleasedPackage


class ChangeKind(str, Enum):
    """How a package changed from one release to another."""

    ADDED = "added"
    REMOVED = "removed"
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    REBUILT = "rebuilt"  # the same version of the same sources, different bytes
    MOVED = "moved"  # the same bytes in another repository


@dataclass(frozen=True)
class PackageChange:
    """One package that differs; `old` is None if it was added, `new` if it was removed."""

    kind: ChangeKind
    old: ReleasedPackage | None
    new: ReleasedPackage | None

    @property
    def package(self) -> ReleasedPackage:
        """The package in the new release, or in the old one if it was removed."""
        package = self.new or self.old
        assert package is not None
        return package

    @property
    def is_moved(self) -> bool:
        """True if the package is in another repository now, whatever else changed."""
        return self.old is not None and self.new is not None and self.old.repository != self.new.repository

    @property
    def size_change(self) -> int:
        """The bytes that the change adds to the release."""
        return (self.new.size if self.new else 0) - (self.old.size if self.old else 0)

    @property
    def is_resized(self) -> bool:
        """True if both releases have the package, with different sizes."""
        return self.old is not None and self.new is not None and self.size_change != 0


@dataclass(frozen=True)
class ReleaseDiff:
    """Everything that differs between the packages of two releases, sorted by kind and name."""

    old: str
    new: str
    changes: tuple[PackageChange, ...]

    def changes_of_kind(self, kind: ChangeKind) -> tuple[PackageChange, ...]:
        """The changes of one kind."""
        return tuple(change for change in self.changes if change.kind is kind)


class ComponentChange(str, Enum):
    """How a component's pin changed."""

    ADDED = "added"
    REMOVED = "removed"
    UPDATED = "updated"
    REWOUND = "rewound"  # the new pin is an ancestor of the old one
    DIVERGED = "diverged"  # neither pin contains the other
    REPLACED = "replaced"  # another repository without common history
    RELOCATED = "relocated"  # the same commit at another path
    SAME = "same pin"  # only the packages differ: rebuilt, moved, or added by other macros
    UNKNOWN = "unknown"  # the commits are not available


@dataclass(frozen=True)
class ComponentNotes:
    """What happened to one component between two releases.

    `commits` are those that the new pin added, newest first; `dropped_commits` those that a rewound or diverged pin
    no longer contains.
    """

    path: str  # in the superproject; "." for its own spec
    old_path: str | None  # its earlier path, if it moved
    component_change: ComponentChange
    old: str | None
    new: str | None
    commits: tuple[Commit, ...]
    dropped_commits: tuple[Commit, ...]
    packages: tuple[PackageChange, ...]
    problem: str = ""  # why the commits are unknown


@dataclass(frozen=True)
class ReleaseNotes:
    """The notes of a release against an earlier one; `third_party` are packages that come from no component."""

    old: str
    new: str
    components: tuple[ComponentNotes, ...]
    third_party: tuple[PackageChange, ...]
