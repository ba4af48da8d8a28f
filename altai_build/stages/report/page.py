"""The HTML page of a release: what it shows, and the file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from altai_build.model.build_timeline import BuildTimeline, TimedBuild, plan_timeline, read_timeline
from altai_build.model.commit import Commit, without_merges
from altai_build.model.component_status import ComponentStatus
from altai_build.model.findings import Finding, Severity, Waiver
from altai_build.model.notes_text import describe_pin_change, group_components, name_component
from altai_build.model.release import BuildRecord, Manifest
from altai_build.model.release_changes import ChangeKind, ComponentNotes, PackageChange
from altai_build.model.release_files import REPORT_PATH
from altai_build.model.unknown import Unknown
from altai_build.model.upgrade import UpgradeReport
from altai_build.stages.report.graph import GraphPicture, draw_dependencies
from altai_build.stages.report.inputs import PreviousRelease, ReportInputs
from altai_build.stages.report.packages import (
    LicenseRow,
    PackageRow,
    RepositoryRow,
    make_license_rows,
    make_package_rows,
    make_repository_rows,
)
from altai_build.stages.report.upgrades import UpgradeTable, make_upgrade_table
from altai_build.tools.files import write_atomically
from altai_build.tools.html_page import render_page

MOST_COMMITS = 100  # of one component in the notes
_LONGEST_TIME = 10 * 365 * 86400.0  # seconds that a build can have taken


@dataclass(frozen=True)
class NotedComponent:
    """A component in the release notes; `more` counts the commits that are left out."""

    name: str
    headline: str
    problem: str
    commits: tuple[Commit, ...]
    dropped: tuple[Commit, ...]
    more: int
    packages: tuple[PackageChange, ...]


@dataclass(frozen=True)
class WaiverRow:
    """A waiver of the release, and how many of its findings it covers."""

    waiver: Waiver
    findings: int


@dataclass(frozen=True)
class ReportView:
    """Everything that the page shows."""

    inputs: ReportInputs
    packages: tuple[PackageRow, ...]
    repositories: tuple[RepositoryRow, ...]
    licenses: tuple[LicenseRow, ...] | Unknown
    builds: tuple[BuildRecord, ...]
    notes: tuple[tuple[str, tuple[NotedComponent, ...]], ...] | Unknown
    graph: GraphPicture | Unknown
    timeline: BuildTimeline | Unknown | None  # None: nothing was built for this release
    plan: BuildTimeline | Unknown
    waivers: tuple[WaiverRow, ...]
    upgrades: UpgradeTable | Unknown
    size: int

    @property
    def manifest(self) -> Manifest:
        """The manifest of the release."""
        return self.inputs.manifest

    @property
    def previous(self) -> PreviousRelease | None:
        """The previous release, if there is one and it is known."""
        return self.inputs.previous if isinstance(self.inputs.previous, PreviousRelease) else None

    @property
    def previous_size(self) -> int:
        """The size of the packages of the previous release."""
        return sum(package.size for package in self.previous.manifest.packages) if self.previous else 0

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings: those of the verification, and those about upgrades."""
        upgrades = self.inputs.upgrades
        return (
            *self.inputs.verification.findings,
            *(upgrades.findings if isinstance(upgrades, UpgradeReport) else ()),
        )

    @property
    def timed(self) -> dict[str, TimedBuild]:
        """Component → when it was built, for those whose times are known."""
        timeline = self.timeline
        return (
            {build.component: build for build in timeline.builds}
            if isinstance(timeline, BuildTimeline)
            else {}
        )

    @property
    def worst(self) -> str:
        """The severity of the worst finding; "" where there is none."""
        found = {finding.severity for finding in self.findings}
        return next((severity.value for severity in Severity if severity in found), "")

    def count(self, kind: ChangeKind) -> int:
        """How many packages changed in this way since the previous release."""
        return len(self.previous.diff.changes_of_kind(kind)) if self.previous else 0


def write_report(
    directory: Path, inputs: ReportInputs, *, page: Path | None = None, url: str | None = None
) -> Path:
    """Write the page into the release at `directory`, or to `page` if given; returns its path.

    `url` is where the release is, if `directory` is a copy that will be removed: links lead there.
    """
    path = page or directory / REPORT_PATH
    root = url or quote(os.path.relpath(directory.absolute(), path.absolute().parent))
    write_atomically(path, format_report(inputs, root), durable=page is not None)
    return path


def format_report(inputs: ReportInputs, root: str) -> bytes:
    """The page; `root` is the URL of the release, seen from the page. The same inputs give the same bytes."""
    view = make_report_view(inputs)
    return render_page("report", view=view, root=root, kinds=tuple(ChangeKind))


def make_report_view(inputs: ReportInputs) -> ReportView:
    """Decide what the page shows."""
    packages = make_package_rows(inputs)
    builds = tuple(sorted(inputs.manifest.builds, key=lambda build: build.component))
    run = read_timeline(builds)
    return ReportView(
        inputs=inputs,
        packages=packages,
        repositories=tuple(make_repository_rows(inputs, packages)),
        licenses=make_license_rows(inputs),
        builds=builds,
        notes=_make_notes(inputs),
        graph=draw_dependencies(inputs, [row.package for row in packages]),
        timeline=_check_times(run) if run is not None else _explain_missing_times(builds),
        plan=_check_times(plan_timeline(builds)),
        waivers=_make_waiver_rows(inputs),
        upgrades=inputs.upgrades
        if isinstance(inputs.upgrades, Unknown)
        else make_upgrade_table(inputs.upgrades),
        size=sum(package.size for package in inputs.manifest.packages),
    )


def _explain_missing_times(builds: Sequence[BuildRecord]) -> Unknown | None:
    if any(build.status == ComponentStatus.BUILT for build in builds):
        return Unknown(
            "release.json does not say when builds began: earlier versions of altai-build did not note it"
        )
    return None


def _check_times(timeline: BuildTimeline) -> BuildTimeline | Unknown:
    if not timeline.builds:
        return Unknown("for no component is it recorded how long its build took")
    if (
        any(build.started < 0 or build.seconds < 0 for build in timeline.builds)
        or timeline.length > _LONGEST_TIME
    ):
        return Unknown("the times in release.json are negative, or longer than ten years")
    return timeline


def _make_notes(inputs: ReportInputs) -> tuple[tuple[str, tuple[NotedComponent, ...]], ...] | Unknown:
    """Headings with components; nothing without a previous release."""
    if isinstance(inputs.previous, Unknown):
        return inputs.previous
    if inputs.previous is None:
        return ()
    notes = inputs.previous.notes
    if isinstance(notes, Unknown):
        return notes
    return tuple(
        (title, tuple(_make_component(component) for component in group))
        for title, group in group_components(notes)
    )


def _make_component(component: ComponentNotes) -> NotedComponent:
    commits, dropped = without_merges(component.commits), without_merges(component.dropped_commits)
    return NotedComponent(
        name=name_component(component),
        headline=describe_pin_change(component),
        problem=component.problem,
        commits=tuple(commits[:MOST_COMMITS]),
        dropped=tuple(dropped[:MOST_COMMITS]),
        more=max(0, len(commits) - MOST_COMMITS) + max(0, len(dropped) - MOST_COMMITS),
        packages=component.packages,
    )


def _make_waiver_rows(inputs: ReportInputs) -> tuple[WaiverRow, ...]:
    """The waivers of the release and those that findings carry, which a later repos.yaml may have."""
    found = list(inputs.verification.findings)
    if isinstance(inputs.upgrades, UpgradeReport):
        found += inputs.upgrades.findings
    used = Counter(_list_waivers(found))
    return tuple(
        WaiverRow(waiver, used[waiver]) for waiver in dict.fromkeys((*inputs.manifest.waivers, *used))
    )


def _list_waivers(findings: Iterable[Finding]) -> list[Waiver]:
    return [finding.waiver for finding in findings if finding.waiver is not None]
