"""The coverage of the components that a run tested, compared with the release before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.model.coverage import AnyCoverage, Coverage, EarlierState, UnknownCoverage, merge_coverage
from altai_build.model.coverage_table import CoverageTable, MeasuredComponent, make_coverage_table
from altai_build.model.release import MirrorOrigin
from altai_build.model.unit_tests import SuiteStatus, TestResult
from altai_build.pipeline.build.pins import read_pins
from altai_build.pipeline.published.catalog import open_catalog
from altai_build.pipeline.published.releases import load_manifest
from altai_build.pipeline.unit_tests.plan import TestPlan, get_test_settings
from altai_build.stages.coverage_store import Baseline, find_coverage, store_coverage
from altai_build.tools.coverage.paths import ComponentFiles
from altai_build.tools.coverage.reader import read_coverage

if TYPE_CHECKING:
    from altai_build.model.component import Component
    from altai_build.model.gitlink import CommitId
    from altai_build.pipeline.run import Run
    from altai_build.tools.git.component_source import ComponentSource

# How a note of a result begins that says why nothing measured.
_UNMEASURED = "coverage is not measured"
_COMPLETE = (SuiteStatus.PASSED, SuiteStatus.FLAKY)


@dataclass(frozen=True)
class EarlierCommits:
    """What coverage is compared with, and the commits that it was made of, by component path.

    `since` is None where there is nothing; `reason` then says why.
    """

    since: EarlierState | None
    commits: Mapping[str, str]
    reason: str = ""


def find_released_commits(run: Run) -> EarlierCommits:
    """The commits of the latest release."""
    if run.config.release is None:
        return EarlierCommits(None, {}, "repos.yaml defines no releases")
    with open_catalog(run, None) as catalog:
        version = catalog.find_latest()
        if version is None:
            return EarlierCommits(None, {}, "there is no release yet")
        manifest = load_manifest(catalog.find(version))
    origins = (package.origin for package in manifest.packages)
    return EarlierCommits(
        EarlierState(release=version),
        {origin.path: origin.commit for origin in origins if not isinstance(origin, MirrorOrigin)},
    )


def find_pinned_commits(run: Run, commit: CommitId) -> EarlierCommits:
    """The commits that a commit of the superproject pins."""
    pins = read_pins(run, commit)
    return EarlierCommits(EarlierState(commit=commit), {path: pin.link.commit for path, pin in pins.items()})


def measure_coverage(
    run: Run,
    plan: TestPlan,
    results: Iterable[TestResult],
    baseline: Baseline | None = None,
    *,
    since: CommitId | None = None,
) -> CoverageTable:
    """Read the coverage that the suites left, keep it, and compare it; a component without a suite is not in it.

    It is compared with what a commit of the superproject pins, `since`, and with the latest release where there is no
    such commit or its coverage is not known. `baseline` is that of an earlier job. The caller holds the workspace.
    """
    earlier = [find_pinned_commits(run, since)] if since is not None else []
    earlier.append(find_released_commits(run))
    sources = {source.component.name: source for source in plan.build_plan.discovery.sourced}
    components = [
        _measure(run, sources[result.component], result, earlier, baseline)
        for result in results
        if result.suite is not None
    ]
    return make_coverage_table(components, earlier[0].since)


def _measure(
    run: Run,
    source: ComponentSource,
    result: TestResult,
    earlier: Sequence[EarlierCommits],
    baseline: Baseline | None,
) -> MeasuredComponent:
    component = source.component
    settings = get_test_settings(run.config, component.name, component.path)
    coverage = _read(source, result, settings.directory or "")
    if isinstance(coverage, Coverage):
        store_coverage(run.workspace, component.name, component.commit, coverage)
    found = [(one.since, _find_before(run, component, one, baseline)) for one in earlier]
    first = found[0][1]
    since, before = next((pair for pair in found if isinstance(pair[1], Coverage)), found[0])
    note = f"it is compared with {since}: {first.reason}" if isinstance(first, UnknownCoverage) else ""
    return MeasuredComponent(
        component=component.name,
        commit=component.commit,
        coverage=coverage,
        omit=settings.coverage.omit,
        goal=settings.coverage.goal,
        since=since,
        before=before,
        note=note if before is not first else "",
    )


def _find_before(
    run: Run, component: Component, earlier: EarlierCommits, baseline: Baseline | None
) -> AnyCoverage:
    if earlier.since is None:
        return UnknownCoverage(earlier.reason)
    commit = earlier.commits.get(component.path)
    if commit is None:
        return UnknownCoverage(f"{earlier.since} does not have it")
    return find_coverage(run.workspace, component.name, commit, baseline)


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
