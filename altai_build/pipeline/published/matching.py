"""How a query of `which` matches the packages of a manifest: by name, NEVRA or parts of it, range, file, source."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path

from altai_build.model.inventory import MatchKind, PackageMatch
from altai_build.model.nevra import parse_nevra
from altai_build.model.release import Manifest, ReleasedPackage
from altai_build.tools.files import sha256_file
from altai_build.tools.rpm.versions import compare_evr

_SHA256 = re.compile(r"[0-9a-f]{64}")
# At least as many digits as git itself prints. A release number has a `g` before them.
_COMMIT = re.compile(r"g?([0-9a-f]{4,64})")
_RANGE = re.compile(r"(?P<name>[^\s<>=]+)\s*(?P<comparison><=|>=|==|=|<|>)\s*(?P<evr>[^\s<>=]+)")
_ORDERS = {"<": (-1,), "<=": (-1, 0), "=": (0,), "==": (0,), ">=": (0, 1), ">": (1,)}


@dataclass(frozen=True)
class VersionRange:
    """`nova < 2012.2`: packages of a name (or pattern) whose version compares so, by rpm's rules."""

    name: str
    comparison: str
    evr: str

    def has(self, package: ReleasedPackage) -> bool:
        """True for a package in the range. A range without a release is about versions alone, as in rpm."""
        if not fnmatch.fnmatchcase(package.name, self.name):
            return False
        nevra = package.nevra
        release = nevra.release if "-" in self.evr else ""
        own = f"{nevra.epoch}:{nevra.version}{'-' if release else ''}{release}"
        return compare_evr(own, self.evr) in _ORDERS[self.comparison]


@dataclass(frozen=True)
class Query:
    """What was asked for; `digest` is the SHA-256 that it is, or that the file on this machine has."""

    text: str
    local_rpm: Path | None
    digest: str
    range: VersionRange | None

    @property
    def commit(self) -> str | None:
        """The beginning of a commit's id, if it can be one."""
        match = _COMMIT.fullmatch(self.text.lower())
        return match[1] if match else None


def read_query(text: str) -> Query:
    """A query as the user wrote it. Raises InputError for a file that cannot be read."""
    path = Path(text)
    local_rpm = path if text.endswith(".rpm") and path.is_file() else None
    match = _RANGE.fullmatch(text.strip())
    return Query(
        text=text,
        local_rpm=local_rpm,
        digest=sha256_file(local_rpm) if local_rpm is not None else text.lower(),
        range=VersionRange(match["name"], match["comparison"], match["evr"]) if match else None,
    )


def match_package(manifest: Manifest, package: ReleasedPackage, query: Query) -> PackageMatch | None:
    """How a package matches a query; None if it does not."""
    if _SHA256.fullmatch(query.digest) and package.sha256 == query.digest:
        is_renamed = query.local_rpm is not None and query.local_rpm.name != package.file
        note = f"released as {package.file}" if is_renamed else ""
        return PackageMatch(release=manifest.version, how=MatchKind.SHA256, package=package, note=note)
    file = query.text.rpartition("/")[2]
    if package.file == file or package.path == query.text:
        note = "" if query.local_rpm is None else f"{query.local_rpm} has different bytes"
        return PackageMatch(release=manifest.version, how=MatchKind.FILE, package=package, note=note)
    how = None if query.local_rpm is not None else _match_identity(package, query)
    if (
        how is None
        and package.sourcerpm
        and file.removesuffix(".rpm") == package.sourcerpm.removesuffix(".rpm")
    ):
        how = MatchKind.SOURCE
    return PackageMatch(release=manifest.version, how=how, package=package) if how is not None else None


def _match_identity(package: ReleasedPackage, query: Query) -> MatchKind | None:
    if query.range is not None:
        return MatchKind.RANGE if query.range.has(package) else None
    if fnmatch.fnmatchcase(package.name, query.text):
        return MatchKind.NAME
    nevra = package.nevra
    # With the epoch, which rpm -q does not print, and without.
    versions = {nevra.version, f"{nevra.epoch}:{nevra.version}"}
    full = {f"{nevra.name}-{version}-{nevra.release}" for version in versions}
    spellings = full | {f"{one}.{nevra.arch}" for one in full} | {f"{nevra.name}-{one}" for one in versions}
    is_spelling = any(fnmatch.fnmatchcase(one, query.text) for one in spellings)
    return MatchKind.NEVRA if is_spelling or parse_nevra(query.text) == nevra else None


def match_source_name(manifest: Manifest, package: ReleasedPackage, query: Query) -> PackageMatch | None:
    """A package whose source package has the name that was asked for."""
    name = package.sourcerpm.rsplit("-", 2)[0]
    if not package.sourcerpm or not fnmatch.fnmatchcase(name, query.text):
        return None
    return PackageMatch(
        release=manifest.version, how=MatchKind.SOURCE, package=package, note=package.sourcerpm
    )
