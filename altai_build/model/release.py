"""The records of a release, as its manifest `release.json` has them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Union

from altai_build.model.nevra import SOURCE_ARCHES, Nevra
from altai_build.model.release_files import CHECKSUMS_NAME, KEY_FILE_PREFIX, MANIFEST_NAME, REPORT_PATH
from altai_build.model.srpm_making import SrpmMaking

if TYPE_CHECKING:
    from altai_build.model.findings import Waiver


class ReleasePart(Enum):
    """Which files of a release are needed."""

    MANIFEST = "manifest"  # release.json, its signature, the checksums and keys
    METADATA = "metadata"  # also the repodata
    REPORT = "report"  # also the page of the report
    WHOLE = "whole"

    def has(self, name: str) -> bool:
        """True for a file that belongs to it."""
        folder = {ReleasePart.METADATA: "/repodata/", ReleasePart.REPORT: REPORT_PATH}.get(self)
        is_basic = "/" not in name and name.startswith((MANIFEST_NAME, CHECKSUMS_NAME, KEY_FILE_PREFIX))
        return self is ReleasePart.WHOLE or is_basic or (folder is not None and folder in name)


@dataclass(frozen=True)
class Signer:
    """Who signed a package: the key id in the signature and the primary key's fingerprint."""

    key_id: str
    fingerprint: str


@dataclass(frozen=True)
class SourceFile:
    """One source of a third-party package."""

    file: str
    sha256: str


@dataclass(frozen=True)
class ComponentOrigin:
    """Built from a pinned commit."""

    kind: ClassVar[str] = "component"
    path: str
    commit: str
    url: str
    build_key: str


@dataclass(frozen=True)
class SpecOrigin:
    """Built from a folder of specs/ and checksummed sources."""

    kind: ClassVar[str] = "spec"
    path: str
    commit: str
    sources: tuple[SourceFile, ...]
    build_key: str


@dataclass(frozen=True)
class MirrorOrigin:
    """Taken unchanged from a mirrored repository."""

    kind: ClassVar[str] = "mirror"
    url: str
    sha256: str
    needed_by: tuple[str, ...]


BuildOrigin = Union[ComponentOrigin, SpecOrigin]
Origin = Union[ComponentOrigin, SpecOrigin, MirrorOrigin]
ORIGIN_KINDS = (ComponentOrigin.kind, SpecOrigin.kind, MirrorOrigin.kind)


@dataclass(frozen=True)
class ReleasedPackage:
    """One RPM of a release; `file` is its name within the repository's folder."""

    name: str
    epoch: int
    version: str
    release: str
    arch: str
    file: str
    repository: str
    sha256: str
    size: int
    signer: Signer
    sourcerpm: str
    origin: Origin

    @property
    def nevra(self) -> Nevra:
        """The identity as one value."""
        return Nevra(
            name=self.name, epoch=self.epoch, version=self.version, release=self.release, arch=self.arch
        )

    @property
    def is_source(self) -> bool:
        """True for a source package."""
        return self.arch in SOURCE_ARCHES

    @property
    def build_origin(self) -> BuildOrigin | None:
        """The origin of a package that was built; None for one that was taken from a mirror."""
        return None if isinstance(self.origin, MirrorOrigin) else self.origin

    @property
    def path(self) -> str:
        """Where the package is in the release's folder: `repository/file`."""
        return f"{self.repository}/{self.file}"


@dataclass(frozen=True)
class SuperprojectPin:
    """The commit that the release is a function of."""

    url: str
    commit: str
    tag: str | None


@dataclass(frozen=True)
class BuildRecord:
    """How one component was built.

    `buildroot` is the digest of the buildroot's package list, `source` the file name of the source package,
    `source_sha256` its digest before it was signed, `needs` are the components whose packages it needed, `key` is the
    build key in the origins of its packages. `made_with` is what made the source package that the release contains,
    besides the commit; None where that is not known: manifests of earlier versions do not have it. `started` are the
    seconds from the first build of the run that made the release to this one; None where that run did not build it.
    """

    component: str
    status: str
    reason: str
    seconds: float
    buildroot: str
    log: str
    source: str = ""
    needs: tuple[str, ...] = ()
    source_sha256: str = ""
    key: str = ""
    made_with: SrpmMaking | None = None
    started: float | None = None


@dataclass(frozen=True)
class SkippedComponent:
    """A component that was not built, and why."""

    component: str
    reason: str


@dataclass(frozen=True)
class ReleasedRepository:
    """One directory of the release; `key` is the name of the key that signs its packages.

    `further_keys` are the keys that it replaces, which may have signed older packages, and its announced successor.
    """

    name: str
    source: bool  # holds source RPMs: no section in the .repo file
    key: str
    fingerprints: tuple[str, ...]
    further_keys: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of all keys that clients need for it."""
        return (self.key, *self.further_keys)


@dataclass(frozen=True)
class FollowedRelease:
    """A release that a later one follows: its version, and the SHA-256 of its SHA256SUMS."""

    version: str
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """All of release.json; `signed_by` is the name of the key that signs metadata, checksums and manifest.

    `follows` are the releases that were published before it and that no other release follows: `previous`, and seldom
    others (of another series). None: it was made before releases named them. `expected_by` is the time, written like
    `created`, by which the next release is expected; None: at any time, or never.
    """

    version: str
    created: str
    superproject: SuperprojectPin
    previous: str | None
    target: str
    tool_version: str
    signed_by: str
    repositories: tuple[ReleasedRepository, ...]
    packages: tuple[ReleasedPackage, ...]
    builds: tuple[BuildRecord, ...]
    skipped: tuple[SkippedComponent, ...]
    waivers: tuple[Waiver, ...] = ()  # those in repos.yaml when the release was made
    follows: tuple[FollowedRelease, ...] | None = None
    expected_by: str | None = None


_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def format_created(epoch: int) -> str:
    """A commit's time as the manifest writes it: `2013-02-28T12:00:00Z`."""
    return datetime.fromtimestamp(epoch, tz=timezone.utc).strftime(_TIME_FORMAT)


def format_expected_by(expected: float | date | None, epoch: int) -> str | None:
    """When the next release is expected: so many seconds after the commit's time, or at the end of a day."""
    if expected is None:
        return None
    if isinstance(expected, date):
        return f"{expected.isoformat()}T23:59:59Z"
    return format_created(epoch + int(expected))


def parse_time(text: str) -> datetime:
    """A time as the manifest writes it. Raises ValueError for other text."""
    return datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=timezone.utc)
