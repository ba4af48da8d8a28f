"""The page of a release: what is in it, where it came from, what was found; made from the manifest, for people."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from altai_build.model.build_graph import BuildGraph, lay_out_graph
from altai_build.model.findings import VerificationReport
from altai_build.model.release import (
    BuildRecord,
    ComponentOrigin,
    Manifest,
    MirrorOrigin,
    ReleasedPackage,
    SpecOrigin,
)
from altai_build.tools.files import write_atomically
from altai_build.tools.page import render_template

REPORT_PATH = "report/index.html"
MAX_DRAWN_BUILDS = 80  # components; the lines of more cannot be told apart


@dataclass(frozen=True)
class PackageRow:
    """One package as the page lists it; `since` is what became of it since the release before."""

    package: ReleasedPackage
    evr: str
    since: str  # "new", "changed" or "unchanged"; "" where no release goes before
    was: str  # the version and release that it replaces
    origin: str
    origin_title: str
    url: str  # where its sources are, if a browser can go there


@dataclass(frozen=True)
class RepositoryRow:
    """One repository with the bytes that are new in it and those that the release before has too."""

    name: str
    source: bool
    packages: int
    size: int
    new: int
    fingerprints: tuple[str, ...]


@dataclass(frozen=True)
class ReportView:
    """All that the page shows."""

    project: str
    manifest: Manifest
    packages: tuple[PackageRow, ...]
    repositories: tuple[RepositoryRow, ...]
    removed: tuple[ReleasedPackage, ...]
    builds: tuple[BuildRecord, ...]
    outcomes: dict[
        str, str
    ]  # component → what became of its packages since the release before; else its status
    build_graph: BuildGraph | None
    verification: VerificationReport
    size: int
    compared: bool  # with the release before

    @property
    def builds_by_component(self) -> dict[str, BuildRecord]:
        """Component → its build."""
        return {build.component: build for build in self.builds}

    def count(self, since: str) -> int:
        """How many packages are `new`, `changed` or `unchanged`."""
        return sum(row.since == since for row in self.packages)


def write_report(
    directory: Path,
    manifest: Manifest,
    verification: VerificationReport,
    *,
    project: str,
    previous: Manifest | None,
    page: Path | None = None,
) -> Path:
    """Write the page into the release at `directory`, or to `page` where that is given; returns its path."""
    place = page or directory / REPORT_PATH
    view = make_report_view(manifest, verification, project=project, previous=previous)
    root = quote(os.path.relpath(directory.absolute(), place.absolute().parent))
    write_atomically(
        place, render_template("report.html", view=view, root=root).encode(), durable=page is not None
    )
    return place


def make_report_view(
    manifest: Manifest, verification: VerificationReport, *, project: str, previous: Manifest | None
) -> ReportView:
    """Decide what the page says."""
    packages = tuple(
        _package_row(one, previous)
        for one in sorted(manifest.packages, key=lambda one: (one.repository, one.file))
    )
    builds = tuple(sorted(manifest.builds, key=lambda build: (-build.seconds, build.component)))
    here = {package.name for package in manifest.packages}
    drawn = {build.component: build.needs for build in manifest.builds}
    return ReportView(
        project=project,
        manifest=manifest,
        packages=packages,
        repositories=_repository_rows(manifest, packages),
        removed=tuple(one for one in previous.packages if one.name not in here) if previous else (),
        builds=builds,
        outcomes={build.component: _outcome(build, packages) for build in builds},
        build_graph=lay_out_graph(drawn) if 0 < len(drawn) <= MAX_DRAWN_BUILDS else None,
        verification=verification,
        size=sum(package.size for package in manifest.packages),
        compared=previous is not None,
    )


def _outcome(build: BuildRecord, packages: tuple[PackageRow, ...]) -> str:
    kinds = {row.since for row in packages if row.package.sourcerpm == build.source} - {""}
    return next((kind for kind in ("changed", "new", "unchanged") if kind in kinds), build.status)


def _package_row(package: ReleasedPackage, previous: Manifest | None) -> PackageRow:
    since, was = _since(package, previous)
    origin, title, url = _origin(package)
    return PackageRow(
        package=package,
        evr=_evr(package),
        since=since,
        was=was,
        origin=origin,
        origin_title=title,
        url=url if url.startswith(("https://", "http://")) else "",
    )


def _since(package: ReleasedPackage, previous: Manifest | None) -> tuple[str, str]:
    if previous is None:
        return "", ""
    old = [
        one
        for one in previous.packages
        if one.name == package.name and _is_source(one) == _is_source(package)
    ]
    if any(one.sha256 == package.sha256 for one in old):
        return "unchanged", ""
    return ("changed", ", ".join(sorted(_evr(one) for one in old))) if old else ("new", "")


def _origin(package: ReleasedPackage) -> tuple[str, str, str]:
    """In a few words, in full, and as a URL."""
    origin = package.origin
    if isinstance(origin, ComponentOrigin):
        path = "the superproject" if origin.path == "." else origin.path
        return f"{path} at {origin.commit[:12]}", f"{origin.url} {origin.commit}", origin.url
    if isinstance(origin, SpecOrigin):
        files = "\n".join(f"{one.file} sha256:{one.sha256}" for one in origin.sources)
        return f"{origin.path} at {origin.commit[:12]}", f"{origin.commit}\n{files}", ""
    assert isinstance(origin, MirrorOrigin)
    needed = f"for {', '.join(origin.needed_by)}" if origin.needed_by else "by name"
    return f"taken over, {needed}", origin.url, origin.url


def _evr(package: ReleasedPackage) -> str:
    epoch = f"{package.epoch}:" if package.epoch else ""
    return f"{epoch}{package.version}-{package.release}"


def _is_source(package: ReleasedPackage) -> bool:
    return package.file.endswith(".src.rpm")


def _repository_rows(manifest: Manifest, packages: tuple[PackageRow, ...]) -> tuple[RepositoryRow, ...]:
    rows = []
    for repository in manifest.repositories:
        inside = [row for row in packages if row.package.repository == repository.name]
        rows.append(
            RepositoryRow(
                name=repository.name,
                source=repository.source,
                packages=len(inside),
                size=sum(row.package.size for row in inside),
                new=sum(row.package.size for row in inside if row.since != "unchanged"),
                fingerprints=repository.fingerprints,
            )
        )
    return tuple(rows)
