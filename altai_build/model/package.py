"""What an RPM says of itself, as typed records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from altai_build.model.nevra import Nevra
from altai_build.model.openpgp import Signature


@dataclass(frozen=True)
class Dependency:
    """One requirement or capability: a name, and a comparison with a version where one is given."""

    name: str
    flags: str  # "", "<", "<=", "=", ">=" or ">"
    evr: str

    def __str__(self) -> str:
        return f"{self.name} {self.flags} {self.evr}" if self.flags else self.name


@dataclass(frozen=True)
class FileEntry:
    """One file of a package; `digest` is empty for what is not a regular file."""

    path: str
    mode: int
    owner: str
    group: str
    size: int
    digest: str
    flags: int  # rpm's RPMFILE_* bits
    link_target: str


@dataclass(frozen=True)
class RpmHeader:
    """The header of one RPM file; text that is not UTF-8 keeps its bytes as surrogates."""

    nevra: Nevra
    is_source: bool
    sourcerpm: str  # "" for a source package
    summary: str
    license: str
    vendor: str
    url: str
    size: int  # bytes of the file on disk
    installed_size: int
    build_time: datetime
    provides: tuple[Dependency, ...]
    requires: tuple[Dependency, ...]
    conflicts: tuple[Dependency, ...]
    obsoletes: tuple[Dependency, ...]
    recommends: tuple[Dependency, ...]
    files: tuple[FileEntry, ...]
    scripts: tuple[str, ...]  # scriptlets, triggers and file capabilities, each with its tag before it
    changelog: str  # text of the newest entry
    payload_compressor: str
    file_digest_algorithm: str
    header_digest: str  # SHA-256 of the header, or its SHA-1 in packages older than rpm 4.14
    payload_digest: str  # "" in packages older than rpm 4.14
    signature: Signature | None


@dataclass(frozen=True)
class LocalRpm:
    """An RPM built in this run, as build dependencies may need it."""

    path: Path
    header: RpmHeader
    sha256: str
