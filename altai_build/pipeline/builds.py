"""srpm → build: the chosen components in the order of their dependencies, independent ones side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace

from altai_build.ledger import Outcome, read_outcomes, write_outcomes
from altai_build.model.component import BuildResult
from altai_build.model.order import Order
from altai_build.model.plan import Failure, Status
from altai_build.pipeline.ordering import Ordered, order_of_srpms, static_order
from altai_build.pipeline.run import Run
from altai_build.pipeline.schedule import Schedule
from altai_build.pipeline.selection import EVERYTHING, choose_components
from altai_build.pipeline.srpms import Sourcing, choose, make_srpms_of
from altai_build.pipeline.workshops import open_workshops
from altai_build.stages.build import Built
from altai_build.stages.discover import Discovery, discover
from altai_build.tools.specreader import SpecReader


@dataclass(frozen=True)
class Planned:
    """Which components are worked on, why each, and in which order."""

    discovery: Discovery  # the chosen part
    order: Order
    reasons: dict[str, str]  # component → why it is in the plan

    @property
    def commits(self) -> dict[str, str]:
        """The commit of everything in the order, first passes included."""
        known = {one.component.name: one.component.commit for one in self.discovery.sourced}
        return {**known, **{first: known[one] for first, one in self.order.first_passes.items()}}


@dataclass(frozen=True)
class Building:
    """What became of a plan."""

    planned: Planned
    sourcing: Sourcing
    built: dict[str, Built]
    rows: tuple[BuildResult, ...]

    @property
    def exit_code(self) -> int:
        """0 when nothing failed; 3 when only input was at fault, else 5."""
        codes = {row.exit_code for row in self.rows if row.status is Status.FAILED}
        return 0 if not codes else (3 if codes == {3} else 5)


def make_plan(run: Run, revision: str, names: Sequence[str], changed_since: str | None) -> Planned:
    """The named components, or those changed since a revision with all that depend on them, or all; in order.

    What a chosen component needs of the others is part of the plan too: its packages are reused or built.
    """
    run.workspace.prepare()
    with SpecReader(cache=run.workspace.specs) as reader:
        whole = discover(run.superproject, run.config, revision, jobs=run.jobs, reader=reader)
    everything = static_order(run, whole.sourced)
    reasons = choose_components(run, whole, everything, revision, names, changed_since)
    if names or changed_since:
        kept = [one.component.name for one in whole.sourced if one.component.name in reasons]
        out = {out.name for out in whole.left_out if out.name in reasons or out.path in names}
        part = choose(whole, [*kept, *sorted(out)]) if kept or out else _none(whole)
        order = static_order(run, part.sourced)
    else:
        part, order = whole, everything
    reasons.update(
        {first: f"{one} needs it for its second pass" for first, one in order.first_passes.items()}
    )
    return Planned(discovery=part, order=order, reasons=reasons)


def _none(whole: Discovery) -> Discovery:
    return Discovery(commit=whole.commit, time=whole.time, sourced=(), left_out=())


def build_all(
    run: Run,
    planned: Planned,
    *,
    version: str | None = None,
    fail_fast: bool = False,
    is_free: Callable[[Built], bool] = lambda built: True,
) -> Building:
    """Make source packages, then binary packages, of everything in the plan.

    A failure blocks what depends on it and nothing else, unless `fail_fast`. A result whose names are not free (an
    earlier release gave them to other bytes) is built again as the commit's next rebuild. Errors of machine or
    configuration are raised; failed components are rows. The caller holds the workspace.
    """
    run.workspace.sweep()
    workshops = open_workshops(run, planned.discovery.sourced)
    sourcing = make_srpms_of(run, planned.discovery, version=version)
    ordered = order_of_srpms(run, sourcing)
    before = {name: one.key for name, one in read_outcomes(run.workspace.outcomes).items()}
    schedule = Schedule(run, ordered, workshops, sourcing.maker, fail_fast, is_free, before)
    for workshop in workshops.values():
        with run.story.step(f"base root of {workshop.target.name} ({workshop.builder.name})"):
            workshop.prepare()
    built = _without_twins(schedule.work(), ordered.order.first_passes)
    _write_down(run, sourcing, built, before)
    return Building(
        planned=Planned(discovery=planned.discovery, order=ordered.order, reasons=planned.reasons),
        sourcing=sourcing,
        built=built,
        rows=_rows(planned, ordered, sourcing, built),
    )


def _without_twins(built: Mapping[str, Built], first_passes: Container[str]) -> dict[str, Built]:
    """Components that made packages of one file name have failed: no repository can hold both."""
    makers: dict[str, list[str]] = {}
    for name, result in built.items():
        if name not in first_passes:
            for rpm in result.rpms:
                makers.setdefault(rpm.path.name, []).append(name)
    judged = dict(built)
    for file, names in makers.items():
        if len(names) > 1:
            both = " and ".join(sorted(names))
            reason = f"{both} both produce {file}: give one of the packages another name or version"
            judged.update(
                {one: replace(built[one], status=Status.FAILED, reason=reason, rpms=()) for one in names}
            )
    return judged


def _write_down(run: Run, sourcing: Sourcing, built: Mapping[str, Built], before: Mapping[str, str]) -> None:
    commits = {sourced.component.name: sourced.component.commit for sourced, _ in sourcing.made}
    now = int(time.time())
    write_outcomes(
        run.workspace.outcomes,
        (
            Outcome(
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
    planned: Planned, ordered: Ordered, sourcing: Sourcing, built: dict[str, Built]
) -> tuple[BuildResult, ...]:
    rows = []
    made = {sourced.component.name: srpm for sourced, srpm in sourcing.made}
    for first, component in ordered.order.first_passes.items():
        if built[first].status is Status.FAILED:  # that the second is blocked then tells nobody anything
            built[component] = replace(built[first], reason=f"in its first pass: {built[first].reason}")
    for row in sourcing.rows:
        result = built.get(row.component) if row.srpm is not None else None
        if result is None:
            rows.append(
                BuildResult(
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
        chosen = planned.reasons.get(row.component, EVERYTHING)
        if result.status is Status.BUILT and chosen != EVERYTHING:
            reason = f"{chosen}; {result.reason}"
        if result.failure is Failure.DEPENDENCIES and chosen != EVERYTHING:
            reason = f"{result.reason}; components that are not in this plan were not asked"
        rows.append(
            BuildResult(
                component=row.component,
                commit=row.commit,
                status=result.status,
                srpm=str(result.srpm or made[row.component].path),
                rpms=tuple(str(rpm.path) for rpm in result.rpms),
                log=str(result.log) if result.log else None,
                seconds=round(result.seconds, 3),
                reason=reason,
                exit_code=5 if result.status in (Status.FAILED, Status.BLOCKED) else 0,
            )
        )
    return tuple(rows)
