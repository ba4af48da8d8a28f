"""Why a component was built or reused, what has changed since, and what would build it again; nothing is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from altai_build.errors import InputError
from altai_build.ledger import Ledger, Outcome, Record, read_outcomes
from altai_build.model.inputs import BUILDROOT, SOURCE
from altai_build.model.matter import Dependants, counted, is_local
from altai_build.pipeline.builds import make_plan
from altai_build.pipeline.ordering import order_of_srpms
from altai_build.pipeline.run import Run
from altai_build.pipeline.srpms import Sourcing, make_srpms_of
from altai_build.pipeline.workshops import open_workshops, target_of
from altai_build.stages.build import (
    Examined,
    Job,
    Workshop,
    examine,
    kept_packages,
    last_build,
    why_built,
)
from altai_build.tools.buildroot import LocalRpm
from altai_build.tools.depsolver import Unsatisfiable
from altai_build.tools.superproject import Sourced


@dataclass(frozen=True)
class Input:
    """One thing that determines the packages: what it was when they were last built, and what it is now."""

    name: str
    status: str  # same, changed, added, removed; not counted: it changed, and the policy does not mind
    then: str | None
    now: str | None


@dataclass(frozen=True)
class Explanation:
    """All that is known of one component's last and next build."""

    component: str
    path: str
    commit: str
    last_run: Outcome | None
    last_changes: tuple[Input, ...]  # what the last run found to differ from the run before it
    last_build: Record | None  # that gave its packages
    would: str  # reuse, build, or unknown: a dependency is built first, and what that gives nobody knows yet
    reason: str
    key: str | None  # of the build that a run would look for; None while a dependency must be built first
    dependants: str  # the policy
    inputs: tuple[Input, ...]
    rebuilt_by: tuple[str, ...]  # what would make a run build it again


def explain(run: Run, revision: str, name: str) -> Explanation:
    """Explain one component as a build of `revision` would find it. Raises InputError for one without packages."""
    planned = make_plan(run, revision, [name], None)
    wanted = {one.component.name for one in planned.discovery.sourced}
    asked = [one for one, reason in planned.reasons.items() if reason == "it was asked for" and one in wanted]
    if len(asked) != 1:
        reasons = [f"  {out.name}: {out.reason}" for out in planned.discovery.left_out]
        raise InputError(
            f"{name} has no packages to explain" if not asked else f"{name} is several components",
            why="\n".join(reasons or [f"  {one}" for one in asked]),
            todo="name one component that is built (`altai-build plan`)",
        )
    sourcing = make_srpms_of(run, planned.discovery)
    for row in sourcing.rows:
        if row.component == asked[0] and row.srpm is None:
            raise InputError(f"{row.component} has no source package", why=row.reason)
    return _Walk(run, sourcing).explain(asked[0])


class _Walk:
    """The components of a plan, looked at one after another in the order of their needs."""

    def __init__(self, run: Run, sourcing: Sourcing) -> None:
        self.run = run
        self.ordered = order_of_srpms(run, sourcing)
        self.workshops = open_workshops(run, [sourced for sourced, _ in sourcing.made])
        self.outcomes = read_outcomes(run.workspace.outcomes)
        self.rpms: dict[str, tuple[LocalRpm, ...]] = {}
        self.unknown: dict[str, str] = dict.fromkeys(self.ordered.lost, "it has no source package")

    def explain(self, name: str) -> Explanation:
        """The explanation of one component; what it needs is looked at first."""
        order = self.ordered.order
        if name in order.stuck:
            circles = "\n".join(order.told(cycle) for cycle in order.cycles)
            raise InputError(
                f"{name} waits for a circle of build dependencies",
                why=circles,
                todo="declare a first pass by components.NAME.bootstrap in repos.yaml",
            )
        others = [one for wave in order.waves for one in wave if one != name and name not in order.needs[one]]
        self._settle([one for one in others if one not in self.ordered.lost])
        sourced, _ = self.ordered.made[name]
        ledger, workshop, last = self.run.ledger, self._workshop(sourced), self._last(name)
        pending = [one for one in self.ordered.needs(name) if one in self.unknown]
        inputs: tuple[Input, ...] = ()
        key = None
        try:
            found = self._examine(name)
        except Unsatisfiable as error:
            would, reason = _verdict(None, last, pending)
            reason = reason or "; ".join(error.problems)
        else:
            would, reason = _verdict(found, last, pending)
            key = None if pending else found.key
            then = found.earlier or last
            inputs = _compared(then.inputs if then else (), found.inputs, workshop.dependants, ledger)
        outcome = self.outcomes.get(name)
        return Explanation(
            component=name,
            path=sourced.component.path,
            commit=sourced.component.commit,
            last_run=outcome,
            last_changes=_last_changes(outcome, workshop.dependants, ledger),
            last_build=last,
            would=would,
            reason=reason,
            key=key,
            dependants=workshop.dependants.value,
            inputs=inputs,
            rebuilt_by=_rebuilt_by(sourced, workshop, inputs),
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
        self.rpms[name] = found.rpms or (kept_packages(last, self.run.workspace) if last else ())
        waits = [one for one in self.ordered.needs(name) if one in self.unknown]
        if found.earlier is None or waits:
            self.unknown[name] = f"waits for {waits[0]}" if waits else "its inputs changed"

    def _examine(self, name: str) -> Examined:
        """What a run would find; where the declared needs do not do, with all packages that are known."""
        try:
            return self._examine_with(name, self.ordered.needs(name))
        except Unsatisfiable:
            firsts = self.ordered.order.first_passes
            return self._examine_with(name, sorted(one for one in self.rpms if one not in firsts))

    def _examine_with(self, name: str, others: Sequence[str]) -> Examined:
        sourced, srpm = self.ordered.made[name]
        job = Job(
            component=name,
            commit=sourced.component.commit,
            srpm=srpm.path,
            srpm_sha256=srpm.sha256,
            header=self.ordered.headers[name],
            local=tuple(rpm for one in others for rpm in self.rpms.get(one, ())),
            cpus=1,
            macros=self.ordered.macros.get(name, ()),
        )
        return examine(job, self._workshop(sourced), self.run.workspace, self.run.ledger)

    def _workshop(self, sourced: Sourced) -> Workshop:
        return self.workshops[target_of(self.run.config, sourced).name]


def _verdict(found: Examined | None, last: Record | None, pending: list[str]) -> tuple[str, str]:
    if found is not None and found.earlier is not None and not pending:
        return "reuse", "all that determines it is as it was when it was built"
    if last is None:
        return "build", why_built((), None)
    if pending:
        return "unknown", f"{', '.join(pending)} would be built first; what that changes here is known then"
    if found is None:
        return "unknown", ""
    return "build", why_built(found.inputs, last)


def _last_changes(outcome: Outcome | None, policy: Dependants, ledger: Ledger) -> tuple[Input, ...]:
    """What differs between the builds that a component's packages came from after the last run and before it."""
    before = ledger.find("build", outcome.before) if outcome else None
    after = ledger.find("build", outcome.key) if outcome else None
    if before is None or after is None:
        return ()
    rows = _compared(before.inputs, after.inputs, policy, ledger)
    return tuple(one for one in rows if one.status != "same")


def _compared(
    before: Sequence[tuple[str, str]], now: Sequence[tuple[str, str]], policy: Dependants, ledger: Ledger
) -> tuple[Input, ...]:
    """Every input of two builds, and behind the source package's those that it was made from."""
    rows = []
    sources = {one.artefacts[0].sha256: dict(one.inputs) for one in ledger.all("srpm") if one.artefacts}
    for name, value, here in _pairs(dict(before), dict(now)):
        rows.append(Input(name=name, status=_status(value, here, policy), then=value, now=here))
        if name == SOURCE:
            pairs = _pairs(sources.get(value or "", {}), sources.get(here or "", {}))
            rows += [
                Input(name=f"{SOURCE}: {part}", status=_status(one, other, policy), then=one, now=other)
                for part, one, other in pairs
            ]
    return tuple(rows)


def _pairs(before: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str | None, str | None]]:
    return [(name, before.get(name), now.get(name)) for name in dict.fromkeys((*now, *before))]


def _status(then: str | None, now: str | None, policy: Dependants) -> str:
    if then is None:
        return "added"
    if now is None:
        return "removed"
    if then == now:
        return "same"
    return "not counted" if counted(then, policy) == counted(now, policy) else "changed"


_COUNTS = {
    Dependants.REBUILD: "a rebuild of {} that changes its version, dependencies, scripts or files",
    Dependants.HEADERS: "a rebuild of {} that changes what it provides or requires",
    Dependants.NEVER: "",
}


def _rebuilt_by(sourced: Sourced, workshop: Workshop, inputs: tuple[Input, ...]) -> tuple[str, ...]:
    component = sourced.component
    roots = [one for one in inputs if one.name.startswith(BUILDROOT) and one.now is not None]
    ours = [one.name[len(BUILDROOT) :] for one in roots if one.now is not None and is_local(one.now)]
    lines = [
        f"another commit than {component.commit[:12]} at {component.path}",
        f"other macros of target {workshop.target.name}, another stamp or generated source in repos.yaml",
        f"another content of the mock configuration {workshop.target.mock_config}, or another builder "
        f"than {workshop.builder.name}",
        "another version of altai-build or of rpm",
    ]
    policy = _COUNTS[workshop.dependants]
    lines += [policy.format(name) for name in ours if policy]
    others = len(roots) - len(ours)
    if others:
        lines.append(f"another version or other bytes of one of {others} packages of its buildroot")
    return tuple(lines)
