"""Why a component was built or reused, what has changed since, and what would rebuild it; nothing is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from altai_build.errors import InputError
from altai_build.ledger import ComponentOutcome, Ledger, Record, read_outcomes
from altai_build.model.build_inputs import (
    BUILDROOT_PREFIX,
    SOURCE_PACKAGE,
    BuildInputs,
    InputChange,
    compare_inputs,
)
from altai_build.model.component import Component
from altai_build.model.order import Order
from altai_build.model.package import LocalRpm
from altai_build.model.package_fingerprint import RebuildPolicy, is_local_package
from altai_build.pipeline.build.component_names import select_by_name
from altai_build.pipeline.build.ordering import order_srpms
from altai_build.pipeline.build.plan import plan_build
from altai_build.pipeline.build.srpms import SrpmBatch, make_discovered_srpms
from altai_build.pipeline.build.toolchains import component_target, list_build_macros, open_build_environments
from altai_build.pipeline.build.work_trees import warn_of_work_trees
from altai_build.pipeline.run import Run
from altai_build.stages.build.cache import BuildCache, ReleasedBuild, describe_rebuild_reason
from altai_build.stages.build.environment import BuildEnvironment, ComponentBuild
from altai_build.stages.build.lookup import BuildLookup, look_up_build
from altai_build.stages.srpm import SrpmNotMade
from altai_build.tools.git.component_source import ComponentSource
from altai_build.tools.progress import ProgressReporter
from altai_build.tools.solver.resolve import Unsatisfiable


@dataclass(frozen=True)
class BuildExplanation:
    """Everything known about one component's last and next build; the keys of `explain --json`."""

    component: str
    path: str
    commit: str
    last_run: ComponentOutcome | None
    last_changes: tuple[InputChange, ...]  # what the last run found to differ from the run before it
    last_build: Record | None  # that its packages came from
    # reuse, build, blocked: a dependency cannot be read, or unknown: one is built first, with a result nobody knows yet
    would: str
    reason: str
    key: str | None  # of the build that a run would look for; None while a dependency must be built first
    dependants: str  # the rebuild policy
    inputs: tuple[InputChange, ...]
    rebuilt_by: tuple[str, ...]  # what would make a run build it again


class ReleasedPackages(Protocol):
    """The builds in a release."""

    def find(self, key: str) -> ReleasedBuild | None:
        """The build with a key."""

    def has_commit_of(self, component: Component) -> bool:
        """Whether packages were built from the component's commit."""

    def describe_commit(self, component: Component) -> str:
        """The same as a reason."""


def explain_component(
    run: Run, revision: str, name: str, released: ReleasedPackages | None = None
) -> BuildExplanation:
    """Explain one component as a build of `revision` would find it, one that may use what was `released`.

    Raises InputError for a component without packages.
    """
    build_plan = plan_build(run, revision, [name], None)
    discovery = build_plan.discovery
    requested = [sourced.component.name for sourced in select_by_name(discovery, [name]).sourced]
    for unreadable in discovery.unreadable:
        if name in (unreadable.name, unreadable.path) and unreadable.error is not None:
            raise unreadable.error
    if len(requested) != 1:
        reasons = [f"  {out.name}: {out.reason}" for out in discovery.without_srpm]
        raise InputError(
            f"{name} names {len(requested)} components"
            if requested
            else f"{name} has no packages to explain",
            why="\n".join(reasons or [f"  {component}" for component in requested]),
            todo="name one component that is built (`altai-build plan`)",
        )
    _refuse_cycle(build_plan.order, requested[0])
    if revision == "HEAD":
        warn_of_work_trees(
            run,
            [sourced for sourced in discovery.sourced if sourced.component.name == requested[0]],
            taken="only the pinned commit is compared",
        )
    # What each source package is made from decides whether there is one: progress of making them would be confusing.
    quiet = replace(run, reporter=ProgressReporter(quiet=True, log=run.reporter.log))
    srpm_batch = make_discovered_srpms(quiet, discovery, only_stored=True)
    batch = replace(srpm_batch, maker=replace(srpm_batch.maker, only_stored=False))
    explainer = _BuildExplainer(run, batch, released)
    if requested[0] in build_plan.blocked:
        return explainer.explain_blocked(requested[0], build_plan.blocked[requested[0]])
    for result in srpm_batch.results:
        if result.component == requested[0] and result.srpm is None:
            if isinstance(result.error, SrpmNotMade):
                return explainer.explain_without_srpm(requested[0], result.error)
            raise InputError(f"{result.component} has no source package", why=result.reason)
    return explainer.explain(requested[0])


def _refuse_cycle(order: Order, name: str) -> None:
    if name in order.blocked_by_cycle:
        raise InputError(
            f"{name} is blocked by a build dependency cycle",
            why="\n".join(order.describe_cycle(cycle) for cycle in order.cycles),
            todo="declare a bootstrap build by components.NAME.bootstrap in repos.yaml",
        )


class _BuildExplainer:
    """The components of a plan, looked up one after another in the order of their needs."""

    def __init__(self, run: Run, srpm_batch: SrpmBatch, released: ReleasedPackages | None) -> None:
        self.run = run
        self.released = released
        self.build_order = order_srpms(run, srpm_batch)
        self.sources = {sourced.component.name: sourced for sourced in srpm_batch.discovery.sourced}
        self.environments = open_build_environments(run, list(self.sources.values()), can_build=False)
        self.cache = BuildCache(run.workspace, run.ledger, released.find if released is not None else None)
        self.outcomes = read_outcomes(run.workspace.outcomes)
        self.rpms: dict[str, tuple[LocalRpm, ...]] = {}
        # Components that would be built first.
        self.pending = set(self.build_order.unavailable)

    def explain(self, name: str) -> BuildExplanation:
        """The explanation of one component; those that may provide what it needs are looked up first."""
        self._look_up_others(name)
        sourced = self.sources[name]
        environment, last = self._environment(sourced), self._last_build(name)
        pending = [needed for needed in self.build_order.needs(name) if needed in self.pending]
        inputs: tuple[InputChange, ...] = ()
        key = None
        try:
            lookup = self._look_up(name)
        except Unsatisfiable as error:
            would, reason = self._predict(sourced.component, None, last, pending)
            reason = reason or "; ".join(error.problems)
        else:
            would, reason = self._predict(sourced.component, lookup, last, pending)
            key = None if pending else lookup.resolved.key
            then = lookup.cached_record or last
            inputs = _compare_with_sources(
                then.inputs if then else (), lookup.resolved.inputs, environment.policy, self.run.ledger
            )
        return self._describe(name, last, would, reason, inputs=inputs, key=key)

    def explain_blocked(self, name: str, reason: str) -> BuildExplanation:
        """The explanation of a component that needs one that cannot be read."""
        return self._describe(name, self._last_build(name), "blocked", reason)

    def explain_without_srpm(self, name: str, not_made: SrpmNotMade) -> BuildExplanation:
        """The explanation of a component whose source package would be made first: by what that would be made from."""
        last = self._last_build(name)
        policy = self._environment(self.sources[name]).policy
        made = {record.key: record.artefacts for record in self.run.ledger.all("srpm")}
        then = dict(last.inputs).get(SOURCE_PACKAGE) if last else None
        if then is not None and then in {artefact.sha256 for artefact in made.get(not_made.key, ())}:
            reason = "its source package in the workspace is missing or damaged, and is made again first"
            return self._describe(name, last, "unknown", reason)
        before = _find_srpm_inputs(self.run.ledger, then)
        inputs = [InputChange(name=SOURCE_PACKAGE, status="changed", then=then, now=None)] if then else []
        inputs += _name_srpm_inputs(compare_inputs(before, not_made.inputs, policy))
        reason = f"{SOURCE_PACKAGE} changed" if last else describe_rebuild_reason((), None)
        if unmet := self._find_unmet(name):
            return self._describe(name, last, "unknown", "; ".join(unmet), inputs=tuple(inputs))
        would, reason = self._say_what_is_released(self.sources[name].component, reason)
        return self._describe(name, last, would, reason, inputs=tuple(inputs))

    def _say_what_is_released(self, component: Component, reason: str) -> tuple[str, str]:
        """What a run would do, and why, where the workspace has nothing and not all inputs are known yet."""
        if self.released is None:
            return "build", reason
        reason = f"{reason}; {self.released.describe_commit(component)}"
        return "unknown" if self.released.has_commit_of(component) else "build", reason

    def _predict(
        self, component: Component, lookup: BuildLookup | None, last: Record | None, pending: Sequence[str]
    ) -> tuple[str, str]:
        """What a run would do, and why."""
        if lookup is not None and not pending:
            if lookup.cached_record is not None:
                return "reuse", "none of its inputs has changed since it was built"
            if lookup.released is not None:
                return "reuse", f"release {lookup.released.release} has the packages of the same inputs"
        is_known = lookup is not None and not lookup.is_estimate and not pending
        if last is None:
            reason = describe_rebuild_reason((), None)
            return ("build", reason) if is_known else self._say_what_is_released(component, reason)
        if pending:
            return (
                "unknown",
                f"{', '.join(pending)} would be built first; the effect on this component is not known yet",
            )
        if lookup is None:
            return "unknown", ""
        reason = describe_rebuild_reason(lookup.resolved.inputs, last)
        return ("build", reason) if is_known else self._say_what_is_released(component, reason)

    def _find_unmet(self, name: str) -> Sequence[str]:
        """The requirements in the spec of a component that nothing meets, unless what is built first may do it."""
        self._look_up_others(name)
        sourced = self.sources[name]
        local = [rpm for rpms in self.rpms.values() for rpm in rpms]
        try:
            self._environment(sourced).resolver.resolve_build_requires(sourced.info.build_requires, local)
        except Unsatisfiable as error:
            return () if self.pending - {name} else error.problems
        return ()

    def _describe(
        self,
        name: str,
        last: Record | None,
        would: str,
        reason: str,
        *,
        inputs: tuple[InputChange, ...] = (),
        key: str | None = None,
    ) -> BuildExplanation:
        sourced, outcome = self.sources[name], self.outcomes.get(name)
        environment = self._environment(sourced)
        return BuildExplanation(
            component=name,
            path=sourced.component.path,
            commit=sourced.component.commit,
            last_run=outcome,
            last_changes=_find_last_changes(outcome, environment.policy, self.run.ledger),
            last_build=last,
            would=would,
            reason=reason,
            key=key,
            dependants=environment.policy.value,
            inputs=inputs,
            rebuilt_by=_list_rebuild_causes(sourced, environment, inputs),
        )

    def _last_build(self, name: str) -> Record | None:
        outcome = self.outcomes.get(name)
        return self.cache.last_build(name, outcome.key if outcome else "")

    def _look_up_others(self, name: str) -> None:
        """Find what a run would do with all components that do not need `name`.

        As in a run, those whose requirements are not met are tried again when all others have been looked up.
        """
        order = self.build_order.order
        _refuse_cycle(order, name)
        waiting = [
            other
            for wave in order.waves
            for other in wave
            if other != name
            and other not in self.build_order.unavailable
            and not order.needs.includes(other, name)
        ]
        while waiting:
            unmet = []
            for other in waiting:
                try:
                    self._look_up_needed(other)
                except Unsatisfiable:
                    unmet.append(other)
            if len(unmet) == len(waiting):
                self.pending.update(unmet)
                return
            waiting = unmet

    def _look_up_needed(self, name: str) -> None:
        """The packages of a component; those of its last build stand in where it would be built first."""
        lookup = self._look_up(name)
        released = lookup.released.rpms if lookup.released is not None else ()
        self.rpms[name] = lookup.rpms or released or self.cache.read_packages(self._last_build(name))
        is_there = lookup.cached_record is not None or lookup.released is not None
        if not is_there or self.pending.intersection(self.build_order.needs(name)):
            self.pending.add(name)

    def _look_up(self, name: str) -> BuildLookup:
        """What a run would find: with the needs that specs declare, else with all packages that are known."""
        try:
            return self._look_up_with(name, self.build_order.needs(name))
        except Unsatisfiable:
            bootstrap_builds = self.build_order.order.bootstrap_builds
            return self._look_up_with(name, sorted(self.rpms.keys() - bootstrap_builds.keys()))

    def _look_up_with(self, name: str, needed: Sequence[str]) -> BuildLookup:
        sourced, srpm = self.build_order.srpms[name]
        build = ComponentBuild(
            component=name,
            commit=sourced.component.commit,
            srpm=srpm.path,
            srpm_sha256=srpm.sha256,
            header=self.build_order.headers[name],
            local=tuple(rpm for other in needed for rpm in self.rpms.get(other, ())),
            cpus=1,
            macros=list_build_macros(
                self.run.config, sourced.component, self.build_order.macros.get(name, ())
            ),
        )
        return look_up_build(build, self._environment(sourced), self.cache)

    def _environment(self, sourced: ComponentSource) -> BuildEnvironment:
        return self.environments[component_target(self.run.config, sourced).name]


def _find_last_changes(
    outcome: ComponentOutcome | None, policy: RebuildPolicy, ledger: Ledger
) -> tuple[InputChange, ...]:
    """How the build that a component's packages come from since the last run differs from the one before."""
    before = ledger.find("build", outcome.before) if outcome else None
    after = ledger.find("build", outcome.key) if outcome else None
    if before is None or after is None:
        return ()
    changes = _compare_with_sources(before.inputs, after.inputs, policy, ledger)
    return tuple(change for change in changes if change.status != "same")


def _compare_with_sources(
    before: BuildInputs, now: BuildInputs, policy: RebuildPolicy, ledger: Ledger
) -> tuple[InputChange, ...]:
    """Every input of two builds; after the source package the inputs that it was made from."""
    changes = []
    for change in compare_inputs(before, now, policy):
        changes.append(change)
        if change.name == SOURCE_PACKAGE:
            then, here = (_find_srpm_inputs(ledger, digest) for digest in (change.then, change.now))
            changes += _name_srpm_inputs(compare_inputs(then, here, policy))
    return tuple(changes)


def _find_srpm_inputs(ledger: Ledger, digest: str | None) -> BuildInputs:
    """What a source package was made from; nothing where that is not recorded."""
    for record in ledger.all("srpm"):
        if record.artefacts and record.artefacts[0].sha256 == digest:
            return record.inputs
    return ()


def _name_srpm_inputs(changes: Sequence[InputChange]) -> list[InputChange]:
    return [replace(change, name=f"{SOURCE_PACKAGE}: {change.name}") for change in changes]


_REBUILD_CAUSES = {
    RebuildPolicy.REBUILD: "a rebuild of {} that changes its version, dependencies, scripts or files",
    RebuildPolicy.HEADERS: "a rebuild of {} that changes what it provides or requires",
    RebuildPolicy.NEVER: "",
}


def _list_rebuild_causes(
    sourced: ComponentSource, environment: BuildEnvironment, inputs: Sequence[InputChange]
) -> tuple[str, ...]:
    component, target = sourced.component, environment.target
    causes = [
        f"another commit than {component.commit[:12]} at {component.path}",
        f"other macros of target {target.name}, another release.stamp or generated source in repos.yaml",
        f"another content of the mock configuration {target.mock_config}, or another builder than "
        f"{environment.builder.name}",
        "another version of altai-build or of rpm",
    ]
    buildroot = {
        change.name[len(BUILDROOT_PREFIX) :]: change.now
        for change in inputs
        if change.name.startswith(BUILDROOT_PREFIX) and change.now is not None
    }
    local = [name for name, value in buildroot.items() if is_local_package(value)]
    cause = _REBUILD_CAUSES[environment.policy]
    causes += [cause.format(name) for name in local if cause]
    others = len(buildroot) - len(local)
    if others:
        causes.append(
            f"another version of, or other bytes in, a package of its buildroot ({others} from other repositories)"
        )
    return tuple(causes)
