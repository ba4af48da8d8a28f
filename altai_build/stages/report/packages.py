"""What the page shows of packages, repositories and licences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from altai_build.model.bill_of_materials import find_dependents
from altai_build.model.release import (
    ComponentOrigin,
    Manifest,
    Origin,
    ReleasedPackage,
    SpecOrigin,
)
from altai_build.model.release_changes import PackageChange
from altai_build.model.release_files import STATEMENTS_FOLDER
from altai_build.model.unknown import Unknown
from altai_build.stages.report.inputs import Descriptions, PreviousRelease, ReportInputs
from altai_build.tools.url import is_web_url

UNCHANGED = "unchanged"
MOST_NAMES = 40  # of packages that need another one
_MOST_ORIGIN = 2_000  # characters of the origin in full


@dataclass(frozen=True)
class PackageRow:
    """One package in the report."""

    package: ReleasedPackage
    summary: str
    license: str | None  # None: not known; "": the package names none
    change: str  # since the previous release: a kind of change, or "unchanged"; "" where that is not known
    replaces: str  # the version and release in the previous release, if they differ
    origin: str
    origin_title: str  # the origin in full
    url: str  # of the sources, if a browser can open it
    source: str  # path of its source package in the release; "" where that is not in it
    provenance: str  # path of the statement about its build in the release; "" for a package from a mirror
    needed_by: tuple[str, ...] | None  # the first names of packages that need it; None: not known
    needed_by_more: int  # how many more there are


@dataclass(frozen=True)
class RepositoryRow:
    """One repository in the report."""

    name: str
    source: bool
    packages: int
    size: int
    new_size: int  # bytes that the previous release does not have
    previous_size: int | None  # None: the previous release has no such repository, or is not known
    fingerprints: tuple[str, ...]


@dataclass(frozen=True)
class LicenseRow:
    """A licence and how many packages are under it, before too; None where that is not known."""

    name: str
    packages: int
    previous: int | None


def make_package_rows(inputs: ReportInputs) -> tuple[PackageRow, ...]:
    """The packages, by repository and file."""
    manifest = inputs.manifest
    changes = None
    if isinstance(inputs.previous, PreviousRelease):
        changes = {change.new.path: change for change in inputs.previous.diff.changes if change.new}
    sources = {package.file: package.path for package in manifest.packages if package.is_source}
    is_unknown = isinstance(inputs.descriptions, Unknown)
    # Without the repodata only what mirrored packages were locked for is known.
    needed_by = find_dependents(
        manifest, {} if isinstance(inputs.descriptions, Unknown) else inputs.descriptions
    )
    return tuple(
        _make_package_row(
            package,
            inputs.descriptions,
            changes,
            sources,
            None if is_unknown and not needed_by[package.path] else needed_by[package.path],
        )
        for package in sorted(manifest.packages, key=lambda package: (package.repository, package.file))
    )


def _make_package_row(
    package: ReleasedPackage,
    descriptions: Descriptions | Unknown,
    changes: Mapping[str, PackageChange] | None,
    sources: Mapping[str, str],
    needed_by: tuple[str, ...] | None,
) -> PackageRow:
    change, replaces = _describe_change(package, changes)
    origin, title, url = _describe_origin(package.origin)
    described = None if isinstance(descriptions, Unknown) else descriptions.get(package.path)
    return PackageRow(
        package=package,
        summary=described.summary if described else "",
        license=described.license if described else None,
        change=change,
        replaces=replaces,
        origin=origin,
        origin_title=title,
        url=url if is_web_url(url) else "",
        source="" if package.is_source else sources.get(package.sourcerpm, ""),
        provenance=f"{STATEMENTS_FOLDER}/{package.path}.json" if package.build_origin else "",
        needed_by=None if needed_by is None else needed_by[:MOST_NAMES],
        needed_by_more=max(0, len(needed_by or ()) - MOST_NAMES),
    )


def _describe_change(
    package: ReleasedPackage, changes: Mapping[str, PackageChange] | None
) -> tuple[str, str]:
    """(kind of change, what it replaces)."""
    if changes is None:
        return "", ""
    change = changes.get(package.path)
    if change is None:
        return UNCHANGED, ""
    old = change.old
    return change.kind.value, old.nevra.evr if old and old.nevra.evr != package.nevra.evr else ""


def _describe_origin(origin: Origin) -> tuple[str, str, str]:
    """(short, in full, URL)."""
    if isinstance(origin, ComponentOrigin):
        path = "the superproject" if origin.path == "." else origin.path
        return f"{path} at {origin.commit[:12]}", f"{origin.url} {origin.commit}", origin.url
    if isinstance(origin, SpecOrigin):
        files = "\n".join(f"{source.file} sha256:{source.sha256}" for source in origin.sources)
        return f"{origin.path} at {origin.commit[:12]}", f"{origin.commit}\n{files}"[:_MOST_ORIGIN], ""
    return ("mirrored" if origin.needed_by else "mirrored, listed in repos.yaml"), origin.url, origin.url


def make_repository_rows(inputs: ReportInputs, packages: Sequence[PackageRow]) -> Iterator[RepositoryRow]:
    """The repositories in the order of the manifest."""
    before: dict[str, int] = {}
    if isinstance(inputs.previous, PreviousRelease):
        before = {repository.name: 0 for repository in inputs.previous.manifest.repositories}
        for package in inputs.previous.manifest.packages:
            before[package.repository] = before.get(package.repository, 0) + package.size
    for repository in inputs.manifest.repositories:
        rows = [row for row in packages if row.package.repository == repository.name]
        yield RepositoryRow(
            name=repository.name,
            source=repository.source,
            packages=len(rows),
            size=sum(row.package.size for row in rows),
            new_size=sum(row.package.size for row in rows if row.change != UNCHANGED),
            previous_size=before.get(repository.name),
            fingerprints=repository.fingerprints,
        )


def make_license_rows(inputs: ReportInputs) -> tuple[LicenseRow, ...] | Unknown:
    """The licences of binary packages, the most frequent first, and those that no package is under any more."""
    if isinstance(inputs.descriptions, Unknown):
        return inputs.descriptions
    now = _count_licenses(inputs.manifest, inputs.descriptions)
    before: dict[str, int] | None = None
    if isinstance(inputs.previous, PreviousRelease):
        described = inputs.previous.descriptions
        before = (
            None if isinstance(described, Unknown) else _count_licenses(inputs.previous.manifest, described)
        )
    rows = [
        LicenseRow(name, now.get(name, 0), None if before is None else before.get(name, 0))
        for name in now.keys() | (before or {}).keys()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.packages, row.name)))


def _count_licenses(manifest: Manifest, descriptions: Descriptions) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for package in manifest.packages:
        if not package.is_source:
            described = descriptions.get(package.path)
            counts[described.license if described else ""] += 1
    return counts
