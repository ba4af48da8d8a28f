"""A CI job: what is built and tested of a change, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from altai_build.model.coverage_table import NO_COVERAGE, CoverageTable
from altai_build.pipeline.build.plan import plan_build
from altai_build.pipeline.build.run import build_all
from altai_build.pipeline.build.selection import Dependents
from altai_build.pipeline.published.releases import PublishedReleases
from altai_build.pipeline.unit_tests.coverage import measure_coverage
from altai_build.pipeline.unit_tests.locking import fetch_locked
from altai_build.pipeline.unit_tests.plan import plan_tests
from altai_build.pipeline.unit_tests.run import run_tests

if TYPE_CHECKING:
    from altai_build.model.gitlink import CommitId
    from altai_build.model.unit_tests import TestResult
    from altai_build.pipeline.build.plan import BuildPlan
    from altai_build.pipeline.build.run import BuildRun
    from altai_build.pipeline.ci import Change
    from altai_build.pipeline.published.released_builds import ReleasedBuilds
    from altai_build.pipeline.run import Run
    from altai_build.pipeline.unit_tests.plan import TestPlan
    from altai_build.stages.coverage_store import Baseline


@dataclass(frozen=True)
class ChangePlan:
    """What is built for a change; `tests` are the unit tests that run then, None where they are left out."""

    build: BuildPlan
    tests: TestPlan | None


@dataclass(frozen=True)
class BuiltChange:
    """What became of a change: its builds, its unit tests and their coverage."""

    build_run: BuildRun
    tests: tuple[TestResult, ...] = ()
    coverage: CoverageTable = NO_COVERAGE


def plan_change(run: Run, change: Change, dependents: Dependents, *, with_tests: bool) -> ChangePlan | None:
    """What is built and tested; all components where there is nothing to compare with, None where nothing changed."""
    since = change.compared.commit[:12] if change.compared.commit is not None else None
    tests = plan_tests(run, change.built, (), since, dependents) if with_tests else None
    build = tests.build_plan if tests is not None else plan_build(run, change.built, (), since, dependents)
    if not build.discovery.sourced and not build.discovery.without_srpm:
        return None
    return ChangePlan(build, tests)


def build_change(
    run: Run,
    plan: ChangePlan,
    released: ReleasedBuilds | None,
    *,
    since: CommitId | None = None,
    baseline: Baseline | None = None,
    affected: bool = False,
) -> BuiltChange:
    """Build and test a change, with the packages of a release where their inputs are the same.

    Coverage is compared with that of the commit `since`, which an earlier job may have left as `baseline`. With
    `affected` only tests run that the change affects, as far as that is known. The caller holds the workspace.
    """
    published = PublishedReleases.load(
        run.config.get_release_settings().directory, *([released.directory] if released is not None else [])
    )
    build_run = build_all(
        run,
        plan.build,
        has_no_name_conflict=published.has_no_name_conflict,
        find_released=released.find if released is not None else None,
    )
    if plan.tests is None:
        return BuiltChange(build_run)
    tests = run_tests(run, plan.tests, build_run, affected=affected, locked=fetch_locked(run, plan.tests))
    return BuiltChange(build_run, tests, measure_coverage(run, plan.tests, tests, baseline, since=since))
