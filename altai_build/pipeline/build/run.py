"""srpm → build: the chosen components in the order of their dependencies, independent ones side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace

from altai_build.ledger import ComponentOutcome, read_outcomes, write_outcomes
from altai_build.model.build import ComponentStatus, FailureKind
from altai_build.model.component import BuildRow
from altai_build.pipeline.build.ordering import BuildOrder, order_srpms
from altai_build.pipeline.build.plan import BuildPlan
from altai_build.pipeline.build.schedule import Schedule
from altai_build.pipeline.build.selection import ALL_COMPONENTS_REASON
from altai_build.pipeline.build.srpms import SrpmBatch, make_discovered_srpms
from altai_build.pipeline.build.toolchains import open_build_environments
from altai_build.pipeline.run import Run
from altai_build.stages.build import BuildResult


@dataclass(frozen=True)
class BuildRun:
    """What became of a plan."""

    build_plan: BuildPlan
    srpm_batch: SrpmBatch
    built: dict[str, BuildResult]
    rows: tuple[BuildRow, ...]

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
    has_no_name_conflict: Callable[[BuildResult], bool] = lambda built: True,
) -> BuildRun:
    """Make source packages, then binary packages, of everything in the plan.

    A failure blocks what depends on it and nothing else, unless `fail_fast`. A result whose names are not free (an
    earlier release gave them to other bytes) is built again as the commit's next rebuild. Errors of machine or
    configuration are raised; failed components are rows. The caller holds the workspace.
    """
    run.workspace.remove_leftovers()
    environments = open_build_environments(run, build_plan.discovery.sourced)
    srpm_batch = make_discovered_srpms(run, build_plan.discovery, version=version)
    build_order = order_srpms(run, srpm_batch)
    before = {name: one.key for name, one in read_outcomes(run.workspace.outcomes).items()}
    schedule = Schedule(
        run, build_order, environments, srpm_batch.maker, fail_fast, has_no_name_conflict, before
    )
    for environment in environments.values():
        with run.story.run_step(f"base root of {environment.target.name} ({environment.builder.name})"):
            environment.prepare()
    built = _fail_duplicate_packages(schedule.work(), build_order.order.bootstrap_builds)
    _record_builds(run, srpm_batch, built, before)
    return BuildRun(
        build_plan=BuildPlan(
            discovery=build_plan.discovery, order=build_order.order, reasons=build_plan.reasons
        ),
        srpm_batch=srpm_batch,
        built=built,
        rows=_rows(build_plan, build_order, srpm_batch, built),
    )


def _fail_duplicate_packages(
    built: Mapping[str, BuildResult], bootstrap_builds: Container[str]
) -> dict[str, BuildResult]:
    """Components that made packages of one file name have failed: no repository can hold both."""
    makers: dict[str, list[str]] = {}
    for name, result in built.items():
        if name not in bootstrap_builds:
            for rpm in result.rpms:
                makers.setdefault(rpm.path.name, []).append(name)
    judged = dict(built)
    for file, names in makers.items():
        if len(names) > 1:
            both = " and ".join(sorted(names))
            reason = f"{both} both produce {file}: give one of the packages another name or version"
            judged.update(
                {
                    one: replace(built[one], status=ComponentStatus.FAILED, reason=reason, rpms=())
                    for one in names
                }
            )
    return judged


def _record_builds(
    run: Run, srpm_batch: SrpmBatch, built: Mapping[str, BuildResult], before: Mapping[str, str]
) -> None:
    commits = {sourced.component.name: sourced.component.commit for sourced, _ in srpm_batch.srpms}
    now = int(time.time())
    write_outcomes(
        run.workspace.outcomes,
        (
            ComponentOutcome(
                component=name,
                commit=commits[name],
                status=one.status.value,
                reason=one.reason,
                key=one.key if one.rpms else before.get(name, ""),
                time=now,
                before=before.get(name, ""),
            )
            for name, one in built.items()
            if name in commits
        ),
    )


def _rows(
    build_plan: BuildPlan, build_order: BuildOrder, srpm_batch: SrpmBatch, built: dict[str, BuildResult]
) -> tuple[BuildRow, ...]:
    rows = []
    made = {sourced.component.name: srpm for sourced, srpm in srpm_batch.srpms}
    for first, component in build_order.order.bootstrap_builds.items():
        if (
            built[first].status is ComponentStatus.FAILED
        ):  # that the second is blocked then tells nobody anything
            built[component] = replace(built[first], reason=f"in its first pass: {built[first].reason}")
    for row in srpm_batch.results:
        result = built.get(row.component) if row.srpm is not None else None
        if result is None:
            rows.append(
                BuildRow(
                    component=row.component,
                    commit=row.commit,
                    status=row.status,
                    srpm=None,
                    rpms=(),
                    log=None,
                    seconds=0.0,
                    reason=row.reason,
                    exit_code=row.exit_code,
                )
            )
            continue
        reason = result.reason
        chosen = build_plan.reasons.get(row.component, ALL_COMPONENTS_REASON)
        if result.status is ComponentStatus.BUILT and chosen != ALL_COMPONENTS_REASON:
            reason = f"{chosen}; {result.reason}"
        if result.failure is FailureKind.DEPENDENCIES and chosen != ALL_COMPONENTS_REASON:
            reason = f"{result.reason}; components that are not in this plan were not asked"
        rows.append(
            BuildRow(
                component=row.component,
                commit=row.commit,
                status=result.status,
                srpm=str(result.srpm or made[row.component].path),
                rpms=tuple(str(rpm.path) for rpm in result.rpms),
                log=str(result.log) if result.log else None,
                seconds=round(result.seconds, 3),
                reason=reason,
                exit_code=5 if result.status in (ComponentStatus.FAILED, ComponentStatus.BLOCKED) else 0,
            )
        )
    return tuple(rows)
