"""Choose and order the components of a build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from altai_build.model.order import Order
from altai_build.pipeline.build.ordering import static_order
from altai_build.pipeline.build.selection import select_components
from altai_build.pipeline.build.srpms import select_by_name
from altai_build.pipeline.run import Run
from altai_build.stages.discover import Discovery, discover
from altai_build.tools.spec.reader import SpecReader


@dataclass(frozen=True)
class BuildPlan:
    """Which components are worked on, why each, and in which order."""

    discovery: Discovery  # the chosen part
    order: Order
    reasons: dict[str, str]  # component → why it is in the plan

    @property
    def commits(self) -> dict[str, str]:
        """The commit of everything in the order, first passes included."""
        known = {one.component.name: one.component.commit for one in self.discovery.sourced}
        return {**known, **{first: known[one] for first, one in self.order.bootstrap_builds.items()}}


def plan_build(run: Run, revision: str, names: Sequence[str], changed_since: str | None) -> BuildPlan:
    """The named components, or those changed since a revision with all that depend on them, or all; in order.

    What a chosen component needs of the others is part of the plan too: its packages are reused or built.
    """
    run.workspace.prepare()
    with SpecReader(cache=run.workspace.specs) as reader:
        whole = discover(run.superproject, run.config, revision, jobs=run.jobs, reader=reader)
    everything = static_order(run, whole.sourced)
    reasons = select_components(run, whole, everything, revision, names, changed_since)
    if names or changed_since:
        kept = [one.component.name for one in whole.sourced if one.component.name in reasons]
        out = {out.name for out in whole.without_srpm if out.name in reasons or out.path in names}
        part = select_by_name(whole, [*kept, *sorted(out)]) if kept or out else _without_components(whole)
        order = static_order(run, part.sourced)
    else:
        part, order = whole, everything
    reasons.update(
        {first: f"{one} needs it for its second pass" for first, one in order.bootstrap_builds.items()}
    )
    return BuildPlan(discovery=part, order=order, reasons=reasons)


def _without_components(whole: Discovery) -> Discovery:
    return Discovery(commit=whole.commit, time=whole.time, sourced=(), without_srpm=())
