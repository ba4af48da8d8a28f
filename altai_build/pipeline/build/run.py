"""Source packages → binary packages: the components of a plan built in the order of their dependencies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from altai_build.ledger import read_outcomes
from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus
from altai_build.model.remaining_time import RemainingTime
from altai_build.model.task_view import TaskForecast
from altai_build.pipeline.build.executor import Executor, NoExecutor
from altai_build.pipeline.build.journal import open_journal
from altai_build.pipeline.build.ordering import BuildOrder, order_srpms, order_with_revealed_needs
from altai_build.pipeline.build.plan import BuildPlan
from altai_build.pipeline.build.results import (
    describe_selection,
    fail_duplicate_packages,
    fail_with_bootstrap_builds,
    list_rows,
    record_outcomes,
)
from altai_build.pipeline.build.revealed_needs import (
    NeedsWatch,
    RevealedNeed,
    read_revealed_needs,
    write_revealed_needs,
)
from altai_build.pipeline.build.schedule import Schedule
from altai_build.pipeline.build.srpms import SrpmBatch, make_discovered_srpms
from altai_build.pipeline.build.toolchains import component_target, open_build_environments, open_executor
from altai_build.pipeline.run import Run
from altai_build.stages.build.cache import ReleasedBuild
from altai_build.stages.build.environment import BuildEnvironment
from altai_build.stages.build.known_builds import KnownBuilds


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
    find_released: Callable[[str], ReleasedBuild | None] | None = None,
    is_trial: bool = False,
    only_known: bool = False,
) -> BuildRun:
    """Make source packages, then binary packages, of everything in the plan.

    A failure blocks what depends on it and nothing else, unless `fail_fast`. A result whose names an earlier release
    gave to other packages is built again as the commit's next rebuild. What the workspace does not have may come from
    `find_released`: the build with a key in a release. Of a trial, builds that have failed are not repeated, and what
    earlier runs noted of the components stays. With `only_known` nothing is built: where something would have to be,
    BuildNeeded is raised. Errors of the machine or of the configuration
    are raised; failed components are rows. The caller holds the workspace.
    """
    run.workspace.remove_leftovers()
    names = [source.component.name for source in build_plan.discovery.sourced]
    with open_journal(run.workspace, names) as journal:
        environments = open_build_environments(run, build_plan.discovery.sourced)
        srpm_batch = make_discovered_srpms(run, build_plan.discovery, version=version)
        build_order = order_srpms(run, srpm_batch)
        known = KnownBuilds(run.workspace.known_builds)
        last_keys = {name: outcome.key for name, outcome in read_outcomes(run.workspace.outcomes).items()}
        total = len(build_order.srpms)
        targets = {
            source.component.name: component_target(run.config, source).name for source, _ in srpm_batch.srpms
        }
        open_it: Callable[[], Executor] = partial(
            NoExecutor.open if only_known else open_executor, run, environments, limit=total
        )
        with closing(open_it()) as executor:
            for name, environment in environments.items():
                with run.reporter.run_step(f"base buildroot of {name} ({environment.builder.name})"):
                    executor.prepare(name, environment.resolver.base_buildroot)
            forecast = _make_forecast(build_order, executor.slots)
            with run.reporter.track("packages", total, forecast=forecast) as progress:
                build_order, results = _build_in_order(
                    run,
                    build_order,
                    partial(
                        Schedule,
                        run=run,
                        environments=environments,
                        maker=srpm_batch.maker,
                        executor=executor,
                        progress=progress,
                        fail_fast=fail_fast,
                        has_no_name_conflict=has_no_name_conflict,
                        find_released=find_released,
                        last_keys=last_keys,
                        trusts_failures=is_trial,
                        known=known,
                        journal=journal,
                    ),
                    _list_base_packages(run, srpm_batch, environments),
                )
                bootstrap_builds = build_order.order.bootstrap_builds
                built = results
                results = fail_duplicate_packages(results, bootstrap_builds, run.config, targets)
                results = fail_with_bootstrap_builds(results, bootstrap_builds)
                for name, result in results.items():
                    if result is not built[name]:
                        progress.finish(name, result.status.value, result.reason)
        known.save()
        if not is_trial:
            record_outcomes(run.workspace, results, bootstrap_builds, last_keys)
    results = describe_selection(results, build_plan.reasons)
    return BuildRun(
        build_plan=replace(build_plan, order=build_order.order),
        srpm_batch=srpm_batch,
        results=results,
        rows=tuple(list_rows(srpm_batch.results, results)),
    )


def _make_forecast(build_order: BuildOrder, jobs: int) -> TaskForecast:
    """What is known of the builds before they begin: how long each took last, and which packages it needs."""
    unmeasured = frozenset(one.name for one in build_order.components if one.seconds is None)
    order = build_order.order
    return TaskForecast(
        items=[name for name in order.seconds if name in build_order.srpms],
        seconds={name: seconds for name, seconds in order.seconds.items() if name not in unmeasured},
        needs=lambda name: [needed for needed in build_order.needs(name) if needed in build_order.srpms],
        describe_left=RemainingTime(order=order, jobs=jobs, unmeasured=unmeasured).describe,
    )


def _list_base_packages(
    run: Run, srpm_batch: SrpmBatch, environments: Mapping[str, BuildEnvironment]
) -> dict[str, frozenset[str]]:
    """Component → the names of the packages in the base of its buildroot."""
    names = {
        target: frozenset(package.nevra.name for package in environment.resolver.base)
        for target, environment in environments.items()
    }
    return {
        source.component.name: names[component_target(run.config, source).name]
        for source, _ in srpm_batch.srpms
    }


def _build_in_order(
    run: Run,
    build_order: BuildOrder,
    make_schedule: Callable[..., Schedule],
    base_packages: Mapping[str, frozenset[str]],
) -> tuple[BuildOrder, Mapping[str, BuildResult]]:
    """Build everything; where builds reveal that others lacked packages, again by an order with these needs.

    What is not affected is not built again. Returns the order in the end, and what became of the components.
    """
    known = set(read_revealed_needs(run.workspace.revealed_needs))
    ignored: frozenset[RevealedNeed] = frozenset()
    previous: Schedule | None = None
    while True:
        watch = NeedsWatch(build_order.components, base_packages)
        schedule = make_schedule(build_order=build_order, watch=watch, previous=previous, ignored=ignored)
        results = schedule.build_all()
        known |= schedule.revealed
        if not schedule.overtaken:
            write_revealed_needs(run.workspace.revealed_needs, known & schedule.found, results)
            return build_order, results
        build_order, left_out = order_with_revealed_needs(build_order, sorted(schedule.revealed))
        for need in left_out:
            run.reporter.warn(
                f"{need.component} is built without {need.capability} of {need.needed}, "
                f"which needs {need.component} to be built"
            )
        ignored |= frozenset(left_out)
        previous = schedule
