"""Where a superproject stands: what is configured, released, changed since, built last, and wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from altai_build.model.gitlink import GitlinkChange
from altai_build.model.trust import TrustLevel

if TYPE_CHECKING:
    from altai_build.model.release import BuildRecord


@dataclass(frozen=True)
class Problem:
    """Something that is wrong, and what to do about it."""

    what: str
    todo: str


@dataclass(frozen=True)
class ReleaseChanges:
    """What differs between the latest release and HEAD; the parts that are not known are None."""

    version: str
    created: str
    commit: str
    packages: int
    commits: int | None = None  # of the superproject since
    components: tuple[GitlinkChange, ...] | None = None
    files: tuple[str, ...] | None = None  # of the superproject itself: specs, repos.yaml, keys
    dependents: tuple[str, ...] = ()  # components that needed a changed one when that release was built
    trust: TrustLevel | None = None  # whose signature its manifest has


@dataclass(frozen=True)
class ChannelStatus:
    """What a channel shows; what is not known, or not to be believed, is None, and a problem says why."""

    name: str
    release: str | None
    since: str | None
    behind: int | None  # how many of the published releases are later


@dataclass(frozen=True)
class Status:
    """All of it. What could not be read is None, and a problem says why."""

    project: str | None
    config: str | None  # the file
    target: str | None
    mock_config: str | None
    head: str | None
    components: int | None  # gitlinks at HEAD
    specs: int | None  # folders with third-party specs at HEAD
    signing_keys: tuple[str, ...]
    published: tuple[str, ...] | None  # versions, lowest first
    latest: ReleaseChanges | None
    channels: tuple[ChannelStatus, ...] | None
    last_run: Mapping[str, tuple[str, ...]]  # status → the components that had it when they were built last
    running: str | None  # the run that builds now
    problems: tuple[Problem, ...]


def find_dependents(changed: Collection[str], builds: Sequence[BuildRecord]) -> tuple[str, ...]:
    """The components that needed one of these, directly or through others, by the builds of a release; sorted."""
    found = set(changed)
    pending = True
    while pending:
        more = {build.component for build in builds if not found.isdisjoint(build.needs)} - found
        found |= more
        pending = bool(more)
    return tuple(sorted(found - set(changed)))


def suggest_next_version(version: str | None) -> str:
    """A version after this one: its last number plus one; 1.0.0 after none, VERSION where there is no number."""
    if version is None:
        return "1.0.0"
    head, _, last = version.rpartition(".")
    if not (last.isascii() and last.isdigit()) or len(last) > 9:
        return "VERSION"
    return f"{head}.{int(last) + 1}" if head else str(int(last) + 1)
