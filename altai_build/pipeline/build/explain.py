"""Why a component was built or reused, what has changed since, and what would build it again; nothing is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from altai_build.errors import InputError
from altai_build.ledger import ComponentOutcome, Ledger, Record, read_outcomes
from altai_build.model.fingerprint import RebuildPolicy, get_relevant_part, is_local_package
from altai_build.model.inputs import BUILDROOT_PREFIX, SOURCE_PACKAGE
from altai_build.model.package import LocalRpm
from altai_build.pipeline.build.ordering import order_srpms
from altai_build.pipeline.build.plan import plan_build
from altai_build.pipeline.build.srpms import SrpmBatch, make_discovered_srpms
from altai_build.pipeline.build.toolchains import component_target, open_build_environments
from altai_build.pipeline.run import Run
from altai_build.stages.build import (
    BuildEnvironment,
    BuildJob,
    BuildLookup,
    describe_rebuild_reason,
    last_build,
    look_up_build,
    read_cached_packages,
)
from altai_build.tools.git.superproject import ComponentSource
from altai_build.tools.solver.resolve import Unsatisfiable


@dataclass(frozen=True)
class InputChange:
    """One thing that determines the packages: what it was when they were last built, and what it is now."""

    name: str
    status: str  # same, changed, added, removed; not counted: it changed, and the policy does not mind
    then: str | None
    now: str | None


@dataclass(frozen=True)
class BuildExplanation:
    """All that is known of one component's last and next build."""

    component: str
    path: str
    commit: str
    last_run: ComponentOutcome | None
    last_changes: tuple[InputChange, ...]  # what the last run found to differ from the run before it
    last_build: Record | None  # that gave its packages
    would: str  # reuse, build, or unknown: a dependency is built first, and what that gives nobody knows yet
    reason: str
    key: str | None  # of the build that a run would look for; None while a dependency must be built first
    dependants: str  # the policy
    inputs: tuple[InputChange, ...]
    rebuilt_by: tuple[str, ...]  # what would make a run build it again


def explain_component(run: Run, revision: str, name: str) -> BuildExplanation:
    """Explain one component as a build of `revision` would find it. Raises InputError for one without packages."""
    build_plan = plan_build(run, revision, [name], None)
    wanted = {one.component.name for one in build_plan.discovery.sourced}
    asked = [
        one for one, reason in build_plan.reasons.items() if reason == "it was asked for" and one in wanted
    ]
    if len(asked) != 1:
        reasons = [f"  {out.name}: {out.reason}" for out in build_plan.discovery.without_srpm]
        raise InputError(
            f"{name} has no packages to explain" if not asked else f"{name} is several components",
            why="\n".join(reasons or [f"  {one}" for one in asked]),
            todo="name one component that is built (`altai-build plan`)",
        )
    srpm_batch = make_discovered_srpms(run, build_plan.discovery)
    for result in srpm_batch.results:
        if result.component == asked[0] and result.srpm is None:
            raise InputError(f"{result.component} has no source package", why=result.reason)
    return _BuildExplainer(run, srpm_batch).explain(asked[0])


class _BuildExplainer:
    """The components of a plan, looked at one after another in the order of their needs."""

    def __init__(self, run: Run, srpm_batch: SrpmBatch) -> None:
        self.run = run
        self.build_order = order_srpms(run, srpm_batch)
        self.environments = open_build_environments(run, [sourced for sourced, _ in srpm_batch.srpms])
        self.outcomes = read_outcomes(run.workspace.outcomes)
        self.rpms: dict[str, tuple[LocalRpm, ...]] = {}
        self.unknown: dict[str, str] = dict.fromkeys(self.build_order.unavailable, "it has no source package")

    def explain(self, name: str) -> BuildExplanation:
        """The explanation of one component; what it needs is looked at first."""
        order = self.build_order.order
        if name in order.blocked_by_cycle:
            circles = "\n".join(order.describe_cycle(cycle) for cycle in order.cycles)
            raise InputError(
                f"{name} waits for a circle of build dependencies",
                why=circles,
                todo="declare a first pass by components.NAME.bootstrap in repos.yaml",
            )
        others = [one for wave in order.waves for one in wave if one != name and name not in order.needs[one]]
        self._settle([one for one in others if one not in self.build_order.unavailable])
        sourced, _ = self.build_order.srpms[name]
        ledger, environment, last = self.run.ledger, self._environment(sourced), self._last(name)
        pending = [one for one in self.build_order.needs(name) if one in self.unknown]
        inputs: tuple[InputChange, ...] = ()
        key = None
        try:
            found = self._examine(name)
        except Unsatisfiable as error:
            would, reason = _verdict(None, last, pending)
            reason = reason or "; ".join(error.problems)
        else:
            would, reason = _verdict(found, last, pending)
            key = None if pending else found.key
            then = found.cached_record or last
            inputs = _compared(then.inputs if then else (), found.inputs, environment.dependants, ledger)
        outcome = self.outcomes.get(name)
        return BuildExplanation(
            component=name,
            path=sourced.component.path,
            commit=sourced.component.commit,
            last_run=outcome,
            last_changes=_find_last_changes(outcome, environment.dependants, ledger),
            last_build=last,
            would=would,
            reason=reason,
            key=key,
            dependants=environment.dependants.value,
            inputs=inputs,
            rebuilt_by=_rebuilt_by(sourced, environment, inputs),
        )

    def _last(self, name: str) -> Record | None:
        outcome = self.outcomes.get(name)
        return last_build(self.run.ledger, name, outcome.key if outcome else "")

    def _settle(self, names: Sequence[str]) -> None:
        """Find out what would become of components, as a run would: those whose needs are not met once more when all
        others have been looked at.
        """
        waiting = list(names)
        while waiting:
            left = {}
            for name in waiting:
                try:
                    self._look(name)
                except Unsatisfiable as error:
                    left[name] = "; ".join(error.problems)
            if len(left) == len(waiting):
                self.unknown.update(left)
                return
            waiting = list(left)

    def _look(self, name: str) -> None:
        """The packages of a component; those of its last build stand in where it would be built first."""
        found, last = self._examine(name), self._last(name)
        self.rpms[name] = found.rpms or (read_cached_packages(last, self.run.workspace) if last else ())
        waits = [one for one in self.build_order.needs(name) if one in self.unknown]
        if found.cached_record is None or waits:
            self.unknown[name] = f"waits for {waits[0]}" if waits else "its inputs changed"

    def _examine(self, name: str) -> BuildLookup:
        """What a run would find; where the declared needs do not do, with all packages that are known."""
        try:
            return self._examine_with(name, self.build_order.needs(name))
        except Unsatisfiable:
            firsts = self.build_order.order.bootstrap_builds
            return self._examine_with(name, sorted(one for one in self.rpms if one not in firsts))

    def _examine_with(self, name: str, others: Sequence[str]) -> BuildLookup:
        sourced, srpm = self.build_order.srpms[name]
        job = BuildJob(
            component=name,
            commit=sourced.component.commit,
            srpm=srpm.path,
            srpm_sha256=srpm.sha256,
            header=self.build_order.headers[name],
            local=tuple(rpm for one in others for rpm in self.rpms.get(one, ())),
            cpus=1,
            macros=self.build_order.macros.get(name, ()),
        )
        return look_up_build(job, self._environment(sourced), self.run.workspace, self.run.ledger)

    def _environment(self, sourced: ComponentSource) -> BuildEnvironment:
        return self.environments[component_target(self.run.config, sourced).name]


def _verdict(found: BuildLookup | None, last: Record | None, pending: list[str]) -> tuple[str, str]:
    if found is not None and found.cached_record is not None and not pending:
        return "reuse", "all that determines it is as it was when it was built"
    if last is None:
        return "build", describe_rebuild_reason((), None)
    if pending:
        return "unknown", f"{', '.join(pending)} would be built first; what that changes here is known then"
    if found is None:
        return "unknown", ""
    return "build", describe_rebuild_reason(found.inputs, last)


def _find_last_changes(
    outcome: ComponentOutcome | None, policy: RebuildPolicy, ledger: Ledger
) -> tuple[InputChange, ...]:
    """What differs between the builds that a component's packages came from after the last run and before it."""
    before = ledger.find("build", outcome.before) if outcome else None
    after = ledger.find("build", outcome.key) if outcome else None
    if before is None or after is None:
        return ()
    rows = _compared(before.inputs, after.inputs, policy, ledger)
    return tuple(one for one in rows if one.status != "same")


def _compared(
    before: Sequence[tuple[str, str]], now: Sequence[tuple[str, str]], policy: RebuildPolicy, ledger: Ledger
) -> tuple[InputChange, ...]:
    """Every input of two builds, and behind the source package's those that it was made from."""
    rows = []
    sources = {one.artefacts[0].sha256: dict(one.inputs) for one in ledger.all("srpm") if one.artefacts}
    for name, value, here in _pairs(dict(before), dict(now)):
        rows.append(InputChange(name=name, status=_status(value, here, policy), then=value, now=here))
        if name == SOURCE_PACKAGE:
            pairs = _pairs(sources.get(value or "", {}), sources.get(here or "", {}))
            rows += [
                InputChange(
                    name=f"{SOURCE_PACKAGE}: {part}", status=_status(one, other, policy), then=one, now=other
                )
                for part, one, other in pairs
            ]
    return tuple(rows)


def _pairs(before: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str | None, str | None]]:
    return [(name, before.get(name), now.get(name)) for name in dict.fromkeys((*now, *before))]


def _status(then: str | None, now: str | None, policy: RebuildPolicy) -> str:
    if then is None:
        return "added"
    if now is None:
        return "removed"
    if then == now:
        return "same"
    return "not counted" if get_relevant_part(then, policy) == get_relevant_part(now, policy) else "changed"


_COUNTS = {
    RebuildPolicy.REBUILD: "a rebuild of {} that changes its version, dependencies, scripts or files",
    RebuildPolicy.HEADERS: "a rebuild of {} that changes what it provides or requires",
    RebuildPolicy.NEVER: "",
}


def _rebuilt_by(
    sourced: ComponentSource, environment: BuildEnvironment, inputs: tuple[InputChange, ...]
) -> tuple[str, ...]:
    component = sourced.component
    roots = [one for one in inputs if one.name.startswith(BUILDROOT_PREFIX) and one.now is not None]
    ours = [
        one.name[len(BUILDROOT_PREFIX) :]
        for one in roots
        if one.now is not None and is_local_package(one.now)
    ]
    lines = [
        f"another commit than {component.commit[:12]} at {component.path}",
        f"other macros of target {environment.target.name}, another stamp or generated source in repos.yaml",
        f"another content of the mock configuration {environment.target.mock_config}, or another builder "
        f"than {environment.builder.name}",
        "another version of altai-build or of rpm",
    ]
    policy = _COUNTS[environment.dependants]
    lines += [policy.format(name) for name in ours if policy]
    others = len(roots) - len(ours)
    if others:
        lines.append(f"another version or other bytes of one of {others} packages of its buildroot")
    return tuple(lines)
