"""The HTML report of a release, made from its manifest: packages, origins, builds and findings."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from altai_build.model.build_graph import BuildGraph, lay_out_graph
from altai_build.model.findings import VerificationReport
from altai_build.model.release import (
    BuildRecord,
    ComponentOrigin,
    Manifest,
    Origin,
    ReleasedPackage,
    SpecOrigin,
)
from altai_build.model.release_files import REPORT_PATH, STATEMENTS_FOLDER
from altai_build.tools.files import write_atomically
from altai_build.tools.html_page import render_template

MAX_GRAPH_NODES = 80  # edges of a larger graph cannot be told apart


@dataclass(frozen=True)
class PackageRow:
    """One package in the report."""

    package: ReleasedPackage
    change: str  # since the previous release: "new", "changed" or "unchanged"; "" without a previous release
    replaces: str  # the version and release in the previous release, if changed
    origin: str
    origin_title: str  # the origin in full
    url: str  # of the sources, if a browser can open it
    source: str  # path of its source package in the release; "" where that is not in it
    provenance: str  # path of the statement about its build in the release; "" for a package from a mirror


@dataclass(frozen=True)
class RepositoryRow:
    """One repository in the report."""

    name: str
    source: bool
    packages: int
    size: int
    new_size: int  # bytes that the previous release does not have
    fingerprints: tuple[str, ...]


@dataclass(frozen=True)
class ReportView:
    """Everything that the report shows."""

    project: str
    manifest: Manifest
    packages: tuple[PackageRow, ...]
    repositories: tuple[RepositoryRow, ...]
    removed: tuple[ReleasedPackage, ...]
    builds: tuple[BuildRecord, ...]
    # Component → change of its packages since the previous release; without one, the status of its build.
    changes: dict[str, str]
    build_graph: BuildGraph | None
    verification: VerificationReport
    size: int
    has_previous: bool

    @property
    def builds_by_component(self) -> dict[str, BuildRecord]:
        """Component → its build."""
        return {build.component: build for build in self.builds}

    def count(self, change: str) -> int:
        """The number of packages that are `new`, `changed` or `unchanged`."""
        return sum(row.change == change for row in self.packages)


def write_report(
    directory: Path,
    manifest: Manifest,
    verification: VerificationReport,
    *,
    project: str,
    previous: Manifest | None,
    page: Path | None = None,
) -> Path:
    """Write the report into the release at `directory`, or to `page` if given; returns its path."""
    path = page or directory / REPORT_PATH
    view = make_report_view(manifest, verification, project=project, previous=previous)
    root = quote(os.path.relpath(directory.absolute(), path.absolute().parent))
    html = render_template("report.html", view=view, root=root)
    # Names from git may have bytes that are not UTF-8.
    write_atomically(path, html.encode("utf-8", "backslashreplace"), durable=page is not None)
    return path


def make_report_view(
    manifest: Manifest, verification: VerificationReport, *, project: str, previous: Manifest | None
) -> ReportView:
    """Decide what the report shows."""
    earlier = _group_by_name(previous.packages) if previous is not None else None
    sources = {package.file: package.path for package in manifest.packages if package.is_source}
    packages = tuple(
        _make_package_row(package, earlier, sources)
        for package in sorted(manifest.packages, key=lambda package: (package.repository, package.file))
    )
    builds = tuple(sorted(manifest.builds, key=lambda build: (-build.seconds, build.component)))
    names = {package.name for package in manifest.packages}
    needs = {build.component: build.needs for build in manifest.builds}
    return ReportView(
        project=project,
        manifest=manifest,
        packages=packages,
        repositories=tuple(_make_repository_rows(manifest, packages)),
        removed=tuple(package for package in previous.packages if package.name not in names)
        if previous is not None
        else (),
        builds=builds,
        changes=_find_component_changes(builds, packages),
        build_graph=lay_out_graph(needs) if 0 < len(needs) <= MAX_GRAPH_NODES else None,
        verification=verification,
        size=sum(package.size for package in manifest.packages),
        has_previous=previous is not None,
    )


_Group = tuple[str, bool]  # name, and whether it is a source package


def _group_by_name(packages: Iterable[ReleasedPackage]) -> dict[_Group, list[ReleasedPackage]]:
    groups: dict[_Group, list[ReleasedPackage]] = defaultdict(list)
    for package in packages:
        groups[package.name, package.is_source].append(package)
    return groups


def _find_component_changes(builds: Iterable[BuildRecord], packages: Iterable[PackageRow]) -> dict[str, str]:
    changes: dict[str, set[str]] = defaultdict(set)
    for row in packages:
        changes[row.package.sourcerpm].add(row.change)
    return {
        build.component: next(
            (change for change in ("changed", "new", "unchanged") if change in changes[build.source]),
            build.status,
        )
        for build in builds
    }


def _make_package_row(
    package: ReleasedPackage,
    earlier: Mapping[_Group, Sequence[ReleasedPackage]] | None,
    sources: Mapping[str, str],
) -> PackageRow:
    change, replaces = _compare_with_previous(package, earlier)
    origin, title, url = _describe_origin(package.origin)
    return PackageRow(
        package=package,
        change=change,
        replaces=replaces,
        origin=origin,
        origin_title=title,
        url=url if url.startswith(("https://", "http://")) else "",
        source=sources.get(package.sourcerpm, ""),
        provenance=f"{STATEMENTS_FOLDER}/{package.path}.json" if package.build_origin else "",
    )


def _compare_with_previous(
    package: ReleasedPackage, earlier: Mapping[_Group, Sequence[ReleasedPackage]] | None
) -> tuple[str, str]:
    """(change, what it replaces)."""
    if earlier is None:
        return "", ""
    namesakes = earlier.get((package.name, package.is_source), ())
    if not namesakes:
        return "new", ""
    if any(namesake.sha256 == package.sha256 for namesake in namesakes):
        return "unchanged", ""
    return "changed", ", ".join(sorted(namesake.nevra.evr for namesake in namesakes))


def _describe_origin(origin: Origin) -> tuple[str, str, str]:
    """(short, in full, URL)."""
    if isinstance(origin, ComponentOrigin):
        path = "the superproject" if origin.path == "." else origin.path
        return f"{path} at {origin.commit[:12]}", f"{origin.url} {origin.commit}", origin.url
    if isinstance(origin, SpecOrigin):
        files = "\n".join(f"{source.file} sha256:{source.sha256}" for source in origin.sources)
        return f"{origin.path} at {origin.commit[:12]}", f"{origin.commit}\n{files}", ""
    reason = f"needed by {', '.join(origin.needed_by)}" if origin.needed_by else "listed in repos.yaml"
    return f"mirrored, {reason}", origin.url, origin.url


def _make_repository_rows(manifest: Manifest, packages: Sequence[PackageRow]) -> Iterator[RepositoryRow]:
    for repository in manifest.repositories:
        rows = [row for row in packages if row.package.repository == repository.name]
        yield RepositoryRow(
            name=repository.name,
            source=repository.source,
            packages=len(rows),
            size=sum(row.package.size for row in rows),
            new_size=sum(row.package.size for row in rows if row.change != "unchanged"),
            fingerprints=repository.fingerprints,
        )
