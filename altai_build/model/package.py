"""The header of an RPM as typed records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from altai_build.model.nevra import Nevra
    from altai_build.model.openpgp import Signature


@dataclass(frozen=True)
class Dependency:
    """One requirement or capability: a name, and optionally a comparison with a version."""

    name: str
    # "", "<", "<=", "=", ">=" or ">".
    flags: str
    evr: str

    def __str__(self) -> str:
        return f"{self.name} {self.flags} {self.evr}" if self.flags else self.name


@dataclass(frozen=True)
class FileEntry:
    """One file of a package; `digest` is empty for everything that is not a regular file."""

    path: str
    mode: int
    owner: str
    group: str
    size: int
    digest: str
    # rpm's RPMFILE_* bits.
    flags: int
    link_target: str


@dataclass(frozen=True)
class RpmHeader:
    """The header of one RPM file; text that is not UTF-8 keeps its bytes as surrogates."""

    nevra: Nevra
    is_source: bool
    # "" for a source package.
    sourcerpm: str
    summary: str
    license: str
    vendor: str
    url: str
    # Bytes of the file on disk.
    size: int
    build_time: datetime
    provides: tuple[Dependency, ...]
    requires: tuple[Dependency, ...]
    conflicts: tuple[Dependency, ...]
    obsoletes: tuple[Dependency, ...]
    recommends: tuple[Dependency, ...]
    files: tuple[FileEntry, ...]
    # Scriptlets, triggers and file capabilities, each with its tag in front.
    scripts: tuple[str, ...]
    # The text of the newest entry.
    changelog: str
    # How many entries the changelog has.
    changelog_size: int
    payload_compressor: str
    file_digest_algorithm: str
    # The SHA-256 of the header; its SHA-1 in packages of rpm before 4.14.
    header_digest: str
    signature: Signature | None


@dataclass(frozen=True)
class LocalRpm:
    """An RPM file on this machine: built in this run, or fetched."""

    path: Path
    header: RpmHeader
    sha256: str
