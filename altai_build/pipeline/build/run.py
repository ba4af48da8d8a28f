"""Source packages → binary packages: the components of a plan built in the order of their dependencies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

from altai_build.ledger import read_outcomes
from altai_build.model.build import BuildResult, ComponentStatus
from altai_build.pipeline.build.ordering import order_srpms
from altai_build.pipeline.build.plan import BuildPlan
from altai_build.pipeline.build.results import (
    describe_selection,
    fail_duplicate_packages,
    fail_with_bootstrap_builds,
    list_rows,
    record_outcomes,
)
from altai_build.pipeline.build.schedule import Schedule
from altai_build.pipeline.build.srpms import SrpmBatch, make_discovered_srpms
from altai_build.pipeline.build.toolchains import open_build_environments, open_executor
from altai_build.pipeline.run import Run


@dataclass(frozen=True)
class BuildRun:
    """What became of a plan."""

    build_plan: BuildPlan
    srpm_batch: SrpmBatch
    results: Mapping[str, BuildResult]  # of everything that has a source package, bootstrap builds included
    rows: tuple[BuildResult, ...]  # of every component in the plan, in the superproject's order

    @property
    def exit_code(self) -> int:
        """0 when nothing failed; 3 when only input was at fault, else 5."""
        codes = {row.exit_code for row in self.rows if row.status is ComponentStatus.FAILED}
        return 0 if not codes else (3 if codes == {3} else 5)


def build_all(
    run: Run,
    build_plan: BuildPlan,
    *,
    version: str | None = None,
    fail_fast: bool = False,
    has_no_name_conflict: Callable[[BuildResult], bool] = lambda result: True,
) -> BuildRun:
    """Make source packages, then binary packages, of everything in the plan.

    A failure blocks what depends on it and nothing else, unless `fail_fast`. A result whose names an earlier release
    gave to other packages is built again as the commit's next rebuild. Errors of the machine or of the configuration
    are raised; failed components are rows. The caller holds the workspace.
    """
    run.workspace.remove_leftovers()
    environments = open_build_environments(run, build_plan.discovery.sourced)
    srpm_batch = make_discovered_srpms(run, build_plan.discovery, version=version)
    build_order = order_srpms(run, srpm_batch)
    last_keys = {name: outcome.key for name, outcome in read_outcomes(run.workspace.outcomes).items()}
    total = len(build_order.srpms)
    with closing(open_executor(run, environments, limit=total)) as executor:
        for name, environment in environments.items():
            with run.reporter.run_step(f"base buildroot of {name} ({environment.builder.name})"):
                executor.prepare(name, environment.resolver.base_buildroot)
        with run.reporter.track("packages", total) as progress:
            results = Schedule(
                run=run,
                build_order=build_order,
                environments=environments,
                maker=srpm_batch.maker,
                executor=executor,
                progress=progress,
                fail_fast=fail_fast,
                has_no_name_conflict=has_no_name_conflict,
                last_keys=last_keys,
            ).build_all()
    bootstrap_builds = build_order.order.bootstrap_builds
    results = fail_duplicate_packages(results, bootstrap_builds)
    results = fail_with_bootstrap_builds(results, bootstrap_builds)
    record_outcomes(run.workspace, results, bootstrap_builds, last_keys)
    results = describe_selection(results, build_plan.reasons)
    return BuildRun(
        build_plan=replace(build_plan, order=build_order.order),
        srpm_batch=srpm_batch,
        results=results,
        rows=tuple(list_rows(srpm_batch.results, results)),
    )
