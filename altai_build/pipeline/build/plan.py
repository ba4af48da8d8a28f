"""Choose the components of a build, and order them."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from altai_build.pipeline.build.component_names import warn_of_empty_folders, warn_of_unknown_settings
from altai_build.pipeline.build.ordering import get_unreadable_name, static_order
from altai_build.pipeline.build.selection import Dependents, select_components
from altai_build.stages.discover.components import Discovery, discover
from altai_build.tools.spec.reader import SpecReader

if TYPE_CHECKING:
    from altai_build.model.order import Order
    from altai_build.pipeline.run import Run


@dataclass(frozen=True)
class BuildPlan:
    """Which components are built, why each, and in which order."""

    discovery: Discovery  # of these components
    order: Order
    reasons: dict[str, str]  # component → why it is in the plan
    # Component → why it cannot be built, for those that may need a component that cannot be read.
    blocked: Mapping[str, str] = field(default_factory=dict)

    @property
    def commits(self) -> dict[str, str]:
        """The commit of everything in the order, bootstrap builds included."""
        commits = {source.component.name: source.component.commit for source in self.discovery.sourced}
        bootstrap_builds = self.order.bootstrap_builds
        return {**commits, **{build: commits[name] for build, name in bootstrap_builds.items()}}

    @cached_property
    def buildable(self) -> Order:
        """The order without the components that are blocked: what a build of the plan takes its time for."""
        return self.order.without(self.blocked) if self.blocked else self.order


def discover_all(run: Run, revision: str) -> Discovery:
    """All components of a revision; warns of settings and folders that are of none."""
    run.workspace.prepare()
    with SpecReader(cache=run.workspace.specs) as reader:
        whole = discover(run.superproject, run.config, run.workspace, revision, jobs=run.jobs, reader=reader)
    warn_of_unknown_settings(run, whole)
    warn_of_empty_folders(run, whole)
    return whole


def plan_build(
    run: Run,
    revision: str,
    names: Sequence[str],
    changed_since: str | None,
    dependents: Dependents = Dependents.ALL,
    *,
    whole: Discovery | None = None,
) -> BuildPlan:
    """Plan the named components, or those changed since a revision with their `dependents`, or all.

    The other components that these need are in the plan too: their packages are reused or built. `whole` is what
    `discover_all` found, where that is known.
    """
    if whole is None:
        whole = discover_all(run, revision)
    whole_order = static_order(run, whole.sourced, whole.unreadable)
    reasons = select_components(run, whole, whole_order, revision, names, changed_since, dependents)
    discovery = _select(whole, reasons, names) if names or changed_since else whole
    is_whole = discovery is whole and not whole.unreadable
    order = whole_order if is_whole else static_order(run, discovery.sourced)
    for build, name in order.bootstrap_builds.items():
        reasons[build] = f"{name} is in a build dependency cycle"
    blocked = _find_blocked(whole, discovery, whole_order)
    return BuildPlan(discovery=discovery, order=order, reasons=reasons, blocked=blocked)


def _find_blocked(whole: Discovery, discovery: Discovery, whole_order: Order) -> dict[str, str]:
    """The components that may need one that cannot be read; that one's packages are never replaced by others."""
    taken = {source.component.name for source in whole.sourced}
    unreadable = sorted({get_unreadable_name(one, taken) for one in whole.unreadable})
    names = [source.component.name for source in discovery.sourced]
    return {
        name: f"needs {needed}, which cannot be read"
        for needed in reversed(unreadable)
        for name in names
        if whole_order.needs.includes(name, needed)
    }


def _select(whole: Discovery, reasons: Container[str], names: Container[str]) -> Discovery:
    """The components that there is a reason for, and those without a source package that were named."""
    return Discovery(
        commit=whole.commit,
        time=whole.time,
        sourced=tuple(source for source in whole.sourced if source.component.name in reasons),
        without_srpm=tuple(
            out
            for out in whole.without_srpm
            if out.name in reasons or out.path in reasons or out.path in names
        ),
    )
