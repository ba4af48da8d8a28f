"""Everything that the page of a release is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from altai_build.model.bill_of_materials import PackageDescription
from altai_build.model.findings import VerificationReport
from altai_build.model.release import Manifest
from altai_build.model.release_changes import ReleaseDiff, ReleaseNotes
from altai_build.model.unknown import Unknown
from altai_build.model.upgrade import UpgradeReport

Descriptions = Mapping[str, PackageDescription]


@dataclass(frozen=True)
class PreviousRelease:
    """The release that this one follows, what differs, and which commits lie between them."""

    manifest: Manifest
    diff: ReleaseDiff
    notes: ReleaseNotes | Unknown
    descriptions: Descriptions | Unknown


@dataclass(frozen=True)
class ReleaseKey:
    """A public key that came with a release; `name` is that of its file without the prefix."""

    name: str
    fingerprint: str
    user_id: str
    # "YYYY-MM-DD"; "" for one that does not expire.
    expires: str


@dataclass(frozen=True)
class ClientFiles:
    """What a machine needs to use a release: the .repo file, its text, and the URL of the release in it."""

    name: str
    text: str
    url: str


@dataclass(frozen=True)
class ReportInputs:
    """What the page shows.

    `previous` is None for a first release. `documents` are the bills of materials that the release has. `descriptions`
    are by the packages' paths.
    """

    project: str
    manifest: Manifest
    verification: VerificationReport
    previous: PreviousRelease | Unknown | None
    upgrades: UpgradeReport | Unknown
    descriptions: Descriptions | Unknown
    keys: tuple[ReleaseKey, ...] | Unknown
    client: ClientFiles | Unknown
    documents: tuple[str, ...]
