"""Prove that a machine with any earlier release is led to exactly the new one by `update`, or say what is in the way.

Starts: all of an earlier release, each of its packages alone with what it requires, and the profiles of repos.yaml. The
questions go to libsolv with the flags that dnf gives it; what counts as an end is decided by rules/upgrade.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from altai_build.model.findings import Finding, Severity
from altai_build.model.upgrade import (
    Profile,
    Scenario,
    ScenarioKind,
    Side,
    UpgradeOutcome,
    UpgradePackage,
    UpgradeReport,
    merge_findings,
)
from altai_build.rules.upgrade import (
    CLIENT_SIDES,
    NOT_UPDATED_RULES,
    UpgradeEvaluator,
    UpgradePolicy,
    find_newest,
    get_newest_ids,
    group_by_name,
    select_newest_per_arch,
    suggest_epoch,
    summarize_problems,
)
from altai_build.tools.rpm.header import compare_evr
from altai_build.tools.solver.resolve import Unsatisfiable
from altai_build.tools.solver.upgrades import UpgradeSolver

_EARLIER = (Side.OLD, Side.BASE)  # the repositories of a client that was installed from the earlier release
_AT_MOST = (*_EARLIER, Side.UPSTREAM)  # of one that has the upstreams of mirrored packages enabled besides


@dataclass(frozen=True)
class UpgradeCheck:
    """What the check of one earlier release found."""

    release: str
    scenarios: tuple[Scenario, ...]
    findings: tuple[Finding, ...]


def check_upgrade(
    old: str, new: str, pool: UpgradeSolver, policy: UpgradePolicy, *, ours: frozenset[str]
) -> UpgradeCheck:
    """Every start from release `old` in a pool with its packages, those of `new` and the system's.

    `ours` are the names that the new release builds itself: losing those to the system is an error.
    """
    return _Check(pool, policy, UpgradeEvaluator(old, new, pool, policy, ours)).run()


def report(
    release: str, judged: Sequence[UpgradeCheck], more: Sequence[Finding], policy: UpgradePolicy
) -> UpgradeReport:
    """All answers as one, with the permissions to downgrade that nothing uses."""
    problems = [*more, *(problem for one in judged for problem in one.findings)]
    used = {one.subject for one in problems if one.rule == "downgrade"}
    problems += [
        Finding(
            rule="allow-downgrades",
            severity=Severity.WARNING,
            subject=one.package,
            message="no upgrade to this release takes it down",
            fix="take it out of allow_downgrades",
        )
        for one in policy.allowed
        if judged and one.package not in used
    ]
    return UpgradeReport(
        release=release,
        releases=tuple(one.release for one in judged),
        scenarios=tuple(scenario for one in judged for scenario in one.scenarios),
        findings=merge_findings(problems),
    )


class _Check:
    """The upgrades from one release to another."""

    def __init__(self, pool: UpgradeSolver, policy: UpgradePolicy, evaluator: UpgradeEvaluator) -> None:
        self.pool, self.policy, self.evaluator = pool, policy, evaluator
        self.scenarios: list[Scenario] = []
        self.problems: list[Finding] = []
        self.seen: set[str] = set()  # names that some machine had installed

    def run(self) -> UpgradeCheck:
        """All starts, one after another."""
        groups = [[one.solver_id] for one in select_newest_per_arch(self.pool.packages(Side.OLD))]
        self._check_groups(groups)
        # All questions of one kind in one go: what is offered need not be changed between them.
        alone = [(self.pool.package(group[0]), self._machine_with(group)) for group in groups]
        for package, machine in alone:
            if machine is not None:
                self._check_scenario(ScenarioKind.SINGLE_PACKAGE, package.name, machine)
        for profile in self.policy.profiles:
            self._check_profile(profile)
        self.evaluator.where = ""
        self._check_uninstallable()
        return UpgradeCheck(
            release=self.evaluator.old,
            scenarios=tuple(self.scenarios),
            findings=merge_findings(self.problems),
        )

    # ---- starts ------------------------------------------------------------------------------------------------

    def _check_groups(self, groups: list[list[int]]) -> None:
        self.evaluator.where = ScenarioKind.ALL.value
        try:
            machine = self._install(groups)
        except Unsatisfiable as error:
            self._add_problem(
                "not-together",
                Severity.NOTE,
                self.evaluator.old,
                f"its packages cannot all be installed together: {summarize_problems(error.problems)}",
                "nothing has to be done; as many as fit were taken",
            )
            machine = self.pool.install(groups, _AT_MOST, weak=True)
        self._check_scenario(ScenarioKind.ALL, "", machine)

    def _machine_with(self, group: list[int]) -> frozenset[int] | None:
        """One package alone with what it requires; None, and a problem, where that cannot be."""
        package = self.pool.package(group[0])
        self.evaluator.where = f"{ScenarioKind.SINGLE_PACKAGE.value} {package.name}"
        try:
            return self._install([group])
        except Unsatisfiable as error:
            self._add_scenario(ScenarioKind.SINGLE_PACKAGE, package.name, (), UpgradeOutcome.NOT_INSTALLABLE)
            self._add_problem(
                "not-installable",
                Severity.WARNING,
                str(package.nevra),
                f"nobody can have installed it: {summarize_problems(error.problems)}",
                "nothing can be done for the earlier release; its versions were compared all the same",
            )
            return None

    def _install(self, groups: Sequence[Sequence[int]]) -> frozenset[int]:
        """A machine with these packages; with the help of mirrored upstreams where there is no other way."""
        try:
            return self.pool.install(groups, _EARLIER)
        except Unsatisfiable:
            return self.pool.install(groups, _AT_MOST)

    def _check_profile(self, profile: Profile) -> None:
        self.evaluator.where = f"{ScenarioKind.PROFILE.value} {profile.name}"
        before, after, base = self.evaluator.before, self.evaluator.after, self.evaluator.base
        known = [name for name in profile.packages if name in before or name in base]
        for name in profile.packages:
            if name not in known and name not in after:
                self._add_problem(
                    "profile",
                    Severity.WARNING,
                    name,
                    f"the profile {profile.name} names it, and neither release nor the system has it",
                    "mend the name in repos.yaml, or take it out",
                )
        groups = [get_newest_ids(before.get(name) or base[name]) for name in known]
        if not groups:
            self._add_scenario(ScenarioKind.PROFILE, profile.name, (), UpgradeOutcome.NOT_INSTALLABLE)
            return
        try:
            machine = self._install(groups)
        except Unsatisfiable as error:
            self._add_scenario(ScenarioKind.PROFILE, profile.name, (), UpgradeOutcome.NOT_INSTALLABLE)
            self._add_problem(
                "not-installable",
                Severity.WARNING,
                profile.name,
                f"the profile's packages cannot be installed together: {summarize_problems(error.problems)}",
                "mend the profile in repos.yaml",
            )
            return
        self._check_scenario(ScenarioKind.PROFILE, profile.name, machine)

    # ---- ends --------------------------------------------------------------------------------------------------

    def _check_scenario(self, kind: ScenarioKind, name: str, machine: frozenset[int]) -> None:
        """Update the machine, and compare what it then has with what it should have."""
        self.evaluator.where = f"{kind.value} {name}".strip()
        self.seen.update(self.pool.package(one).name for one in machine)
        try:
            end = self.pool.update(machine, CLIENT_SIDES)
        except Unsatisfiable as error:
            self.problems.append(self._make_refusal_problem("update", error))
            self._add_scenario(kind, name, machine, UpgradeOutcome.FAILED)
            return
        problems = list(self.evaluator.compare_machines(machine, end))
        if kind is not ScenarioKind.SINGLE_PACKAGE:
            problems += self._check_second_update(end)
        outcome = UpgradeOutcome.OK
        if any(one.rule == "downgrade" and one.severity is Severity.NOTE for one in problems):
            problems, outcome = self._try_distro_sync(machine, problems)
        if any(one.severity is Severity.ERROR for one in problems):
            outcome = UpgradeOutcome.FAILED
        self.problems += problems
        self._add_scenario(kind, name, machine, outcome)

    def _try_distro_sync(
        self, machine: frozenset[int], problems: list[Finding]
    ) -> tuple[list[Finding], UpgradeOutcome]:
        """Whether distro-sync gets to where a declared downgrade keeps `update` from.

        What `update` leaves behind because of it is no fault then; a downgrade that is not declared stays one.
        """
        try:
            end = self.pool.distro_sync(machine, CLIENT_SIDES)
        except Unsatisfiable as error:
            return [*problems, self._make_refusal_problem("distro-sync", error)], UpgradeOutcome.FAILED
        missed = [
            one for one in self.evaluator.compare_machines(machine, end) if one.rule in NOT_UPDATED_RULES
        ]
        undeclared = {one.subject for one in problems if _is_undeclared(one)}
        kept = [one for one in problems if one.rule not in NOT_UPDATED_RULES or one.rule == "downgrade"]
        failed = [
            self.evaluator.problem(
                "distro-sync",
                Severity.ERROR,
                one.subject,
                f"distro-sync does not get there either: {one.message}",
                one.fix,
            )
            for one in missed
            if one.subject not in undeclared
        ]
        return [*kept, *failed], UpgradeOutcome.DISTRO_SYNC

    def _make_refusal_problem(self, verb: str, error: Unsatisfiable) -> Finding:
        """The package manager refuses to do anything at all."""
        return self.evaluator.problem(
            verb,
            Severity.ERROR,
            self.evaluator.new,
            f"{verb} is impossible: {summarize_problems(error.problems)}",
            "mend the dependencies it names",
        )

    def _check_second_update(self, end: frozenset[int]) -> Iterator[Finding]:
        """A second update must have nothing to do, or every night's update would change the machine."""
        again = self.pool.update(end, CLIENT_SIDES)
        for number in sorted(again - end):
            package = self.pool.package(number)
            yield self.evaluator.problem(
                "unstable",
                Severity.ERROR,
                package.name,
                f"a second update installs {package.nevra} from {package.repository}",
                "see which packages obsolete each other",
            )

    def _check_uninstallable(self) -> None:
        """Packages that no machine could be given: their versions can be compared all the same."""
        for name, packages in self.evaluator.before.items():
            targets = self.evaluator.after.get(name, [])
            if name not in self.seen and targets:
                old, target = find_newest(packages), find_newest(targets)
                if compare_evr(old.nevra.evr, target.nevra.evr) > 0:
                    self.problems.append(self.evaluator.report_downgrade(old, target))

    def _add_problem(self, rule: str, severity: Severity, subject: str, message: str, fix: str) -> None:
        self.problems.append(self.evaluator.problem(rule, severity, subject, message, fix))

    def _add_scenario(
        self, kind: ScenarioKind, name: str, machine: Iterable[int], outcome: UpgradeOutcome
    ) -> None:
        installed = sum(self.pool.package(one).side is Side.OLD for one in machine)
        self.scenarios.append(
            Scenario(release=self.evaluator.old, kind=kind, name=name, installed=installed, outcome=outcome)
        )


def _is_undeclared(problem: Finding) -> bool:
    return problem.rule == "downgrade" and problem.severity is Severity.ERROR


# ---- the release alone -------------------------------------------------------------------------------------------


def check_single_release(
    release: str, pool: UpgradeSolver, *, ours: frozenset[str], later: bool
) -> Iterator[Finding]:
    """What is wrong with a release whatever one comes from: obsoletes that go round, and packages that others replace.

    `later`: the pool has the upstreams of what the release mirrors, which clients may have enabled too.
    """
    yield from _find_obsoletes_problems(release, pool)
    groups = [[one.solver_id] for one in select_newest_per_arch(pool.packages(Side.NEW))]
    machine = pool.install(groups, CLIENT_SIDES, weak=True)
    mine = group_by_name(pool.package(one) for one in machine if pool.package(one).side is Side.NEW)
    for side in (Side.BASE, *((Side.UPSTREAM,) if later else ())):
        sides = CLIENT_SIDES if side is Side.BASE else (*CLIENT_SIDES, side)
        for number in sorted(pool.update(machine, sides) - machine):
            package = pool.package(number)
            if package.side is side:
                yield from _find_replaced(package, mine, pool, ours)


def _find_replaced(
    package: UpgradePackage,
    mine: Mapping[str, Sequence[UpgradePackage]],
    pool: UpgradeSolver,
    ours: frozenset[str],
) -> Iterator[Finding]:
    """The packages of the release that a package from elsewhere takes the place of."""
    obsoleted = pool.find_obsoleted(package.solver_id, mine)
    for one in (one for group in mine.values() for one in group):
        if one.name != package.name and one.solver_id not in obsoleted:
            continue
        word = "obsoletes" if one.solver_id in obsoleted else "is newer than"
        severity, fix = (
            Severity.NOTE,
            "lock the newer version (`altai-build deps lock --update`) if it is wanted",
        )
        if one.name in ours:
            severity = Severity.ERROR if package.side is Side.BASE else Severity.WARNING
            fix = f"{suggest_epoch([package.nevra], one.nevra)}, or have clients exclude it from {package.repository}"
        yield Finding(
            rule="replaced",
            severity=severity,
            subject=one.name,
            message=f"{package.nevra} of {package.repository} {word} {one.nevra}: a later update takes it",
            fix=fix,
        )


def _find_obsoletes_problems(release: str, pool: UpgradeSolver) -> Iterator[Finding]:
    """Packages that obsolete each other, round and round, or one of their own release."""
    everyone = {one.solver_id: one for side in CLIENT_SIDES for one in pool.packages(side)}
    names = group_by_name(everyone.values())
    edges = {number: found for number in everyone if (found := pool.find_obsoleted(number, names))}
    for one in pool.packages(Side.NEW):
        path = _find_obsoletes_cycle(one.solver_id, edges)
        if path is not None and one.solver_id == min(
            step for step in path if everyone[step].side is Side.NEW
        ):
            steps = " → ".join(str(everyone[step].nevra) for step in (*path, path[0]))
            yield Finding(
                rule="obsoletes-loop",
                severity=Severity.ERROR,
                subject=one.name,
                message=f"each obsoletes the next: {steps}",
                fix="give the Obsoletes an upper bound: `Obsoletes: NAME < VERSION`",
            )
        for target in sorted(edges.get(one.solver_id, ())) if path is None else ():
            if everyone[target].side is Side.NEW:
                yield Finding(
                    rule="obsoleted",
                    severity=Severity.ERROR,
                    subject=everyone[target].name,
                    message=f"{one.nevra} obsoletes it, and {release} has both",
                    fix=f"narrow the Obsoletes of {one.name}, or leave {everyone[target].name} out",
                )


def _find_obsoletes_cycle(start: int, edges: Mapping[int, frozenset[int]]) -> list[int] | None:
    """The shortest way from a package over its obsoletes back to itself; None when there is none."""
    ways = [[start]]
    reached: set[int] = set()
    while ways:
        way = ways.pop(0)
        for target in sorted(edges.get(way[-1], ())):
            if target == start:
                return way
            if target not in reached:
                reached.add(target)
                ways.append([*way, target])
    return None
