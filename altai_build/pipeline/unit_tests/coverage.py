"""The coverage of the components that a run tested, compared with the release before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.model.coverage import AnyCoverage, Coverage, UnknownCoverage, merge_coverage
from altai_build.model.coverage_table import CoverageTable, MeasuredComponent, make_coverage_table
from altai_build.model.release import MirrorOrigin
from altai_build.model.unit_tests import SuiteStatus, TestResult
from altai_build.pipeline.published.catalog import open_catalog
from altai_build.pipeline.published.releases import load_manifest
from altai_build.pipeline.unit_tests.plan import TestPlan, get_test_settings
from altai_build.stages.coverage_store import Baseline, find_coverage, store_coverage
from altai_build.tools.coverage.paths import ComponentFiles
from altai_build.tools.coverage.reader import read_coverage

if TYPE_CHECKING:
    from altai_build.pipeline.run import Run
    from altai_build.tools.git.superproject import ComponentSource

# How a note of a result begins that says why nothing measured.
_UNMEASURED = "coverage is not measured"
_COMPLETE = (SuiteStatus.PASSED, SuiteStatus.FLAKY)


@dataclass(frozen=True)
class ReleasedCommits:
    """The release that coverage is compared with, and the commits that it was built from, by component path.

    `version` is "" where there is none; `reason` then says why.
    """

    version: str
    commits: Mapping[str, str]
    reason: str = ""


def find_released_commits(run: Run) -> ReleasedCommits:
    """The commits of the latest release."""
    if run.config.release is None:
        return ReleasedCommits("", {}, "repos.yaml defines no releases")
    with open_catalog(run, None) as catalog:
        version = catalog.find_latest()
        if version is None:
            return ReleasedCommits("", {}, "there is no release yet")
        manifest = load_manifest(catalog.find(version))
    origins = (package.origin for package in manifest.packages)
    return ReleasedCommits(
        version,
        {origin.path: origin.commit for origin in origins if not isinstance(origin, MirrorOrigin)},
    )


def measure_coverage(
    run: Run, plan: TestPlan, results: Iterable[TestResult], baseline: Baseline | None = None
) -> CoverageTable:
    """Read the coverage that the suites left, keep it, and compare it; a component without a suite is not in it.

    `baseline` is that of an earlier job. The caller holds the workspace.
    """
    released = find_released_commits(run)
    sources = {source.component.name: source for source in plan.build_plan.discovery.sourced}
    components = [
        _measure(run, sources[result.component], result, released, baseline)
        for result in results
        if result.suite is not None
    ]
    return make_coverage_table(components, released.version)


def _measure(
    run: Run,
    source: ComponentSource,
    result: TestResult,
    released: ReleasedCommits,
    baseline: Baseline | None,
) -> MeasuredComponent:
    component = source.component
    settings = get_test_settings(run.config, component.name, component.path)
    coverage = _read(source, result, settings.directory or "")
    if isinstance(coverage, Coverage):
        store_coverage(run.workspace, component.name, component.commit, coverage)
    before: AnyCoverage = UnknownCoverage(released.reason)
    if released.version:
        commit = released.commits.get(component.path)
        before = (
            find_coverage(run.workspace, component.name, commit, baseline)
            if commit is not None
            else UnknownCoverage(f"release {released.version} does not have it")
        )
    return MeasuredComponent(
        component=component.name,
        commit=component.commit,
        coverage=coverage,
        omit=settings.coverage.omit,
        goal=settings.coverage.goal,
        release=released.version,
        before=before,
    )


def _read(source: ComponentSource, result: TestResult, directory: str) -> AnyCoverage:
    """The coverage of a complete run: what tests would have covered that were not run is not known."""
    if result.status not in _COMPLETE or result.outcome is None:
        return UnknownCoverage(
            "its tests failed"
            if result.status is SuiteStatus.FAILED
            else "its tests did not run to their end"
        )
    if not result.outcome.coverage:
        reasons = [note for note in result.notes if note.startswith(_UNMEASURED)]
        return UnknownCoverage(reasons[0] if reasons else "its suite left no coverage report")
    files = ComponentFiles(
        frozenset(entry.path for entry in source.tree if entry.is_file),
        _list_roots(result.outcome.folder, directory),
    )
    found: Coverage | None = None
    errors = []
    for name, data in sorted(result.outcome.coverage.items()):
        try:
            coverage = read_coverage(name, data, files).coverage
        except InputError as error:
            errors.append(f"{error.what}: {error.why}")
            continue
        found = merge_coverage(found, coverage) if found is not None else coverage
    return found if found is not None and not errors else UnknownCoverage("; ".join(errors))


def _list_roots(folder: str, directory: str) -> tuple[str, ...]:
    """Where the top of the component's files was: the suite may run in a folder below it."""
    suffix = f"/{directory.strip('/')}"
    above = [folder[: -len(suffix)]] if directory and folder.endswith(suffix) else []
    return tuple(root for root in (*above, folder) if root.startswith("/"))
