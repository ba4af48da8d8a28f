"""Prove that a machine with any earlier release is led to exactly the new one by `update`, or say what is in the way.

Starts: all of an earlier release, each of its packages alone with what it requires, and the profiles of repos.yaml. The
questions go to libsolv with the flags that dnf gives it; what counts as an end is decided by rules/upgrade.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from altai_build.model.audit import Severity
from altai_build.model.upgrade import (
    Outcome,
    Package,
    Problem,
    Profile,
    Scenario,
    Side,
    Start,
    UpgradeReport,
    merge,
)
from altai_build.rules.upgrade import (
    CLIENT,
    MISSES,
    Ends,
    Wishes,
    best,
    brief,
    by_kind,
    by_name,
    epoch_cure,
    newest,
)
from altai_build.tools.depsolver import Unsatisfiable
from altai_build.tools.rpmfile import compare_evr
from altai_build.tools.upgrades import Upgrades

_EARLIER = (Side.OLD, Side.BASE)  # the repositories of a client that was installed from the earlier release
_AT_MOST = (*_EARLIER, Side.LATER)  # of one that has the upstreams of mirrored packages enabled besides


@dataclass(frozen=True)
class Judged:
    """What the check of one earlier release found."""

    release: str
    scenarios: tuple[Scenario, ...]
    problems: tuple[Problem, ...]


def check_upgrade(old: str, new: str, pool: Upgrades, wishes: Wishes, *, ours: frozenset[str]) -> Judged:
    """Every start from release `old` in a pool with its packages, those of `new` and the system's.

    `ours` are the names that the new release builds itself: losing those to the system is an error.
    """
    return _Check(pool, wishes, Ends(old, new, pool, wishes, ours)).run()


def report(release: str, judged: Sequence[Judged], more: Sequence[Problem], wishes: Wishes) -> UpgradeReport:
    """All answers as one, with the permissions to downgrade that nothing uses."""
    problems = [*more, *(problem for one in judged for problem in one.problems)]
    used = {one.subject for one in problems if one.rule == "downgrade"}
    problems += [
        Problem(
            rule="allow-downgrades",
            severity=Severity.WARNING,
            release="",
            subject=one.package,
            message="no upgrade to this release takes it down",
            cure="take it out of allow_downgrades",
        )
        for one in wishes.allowed
        if judged and one.package not in used
    ]
    return UpgradeReport(
        release=release,
        releases=tuple(one.release for one in judged),
        scenarios=tuple(scenario for one in judged for scenario in one.scenarios),
        problems=merge(problems),
    )


class _Check:
    """The upgrades from one release to another."""

    def __init__(self, pool: Upgrades, wishes: Wishes, ends: Ends) -> None:
        self.pool, self.wishes, self.ends = pool, wishes, ends
        self.scenarios: list[Scenario] = []
        self.problems: list[Problem] = []
        self.seen: set[str] = set()  # names that some machine had installed

    def run(self) -> Judged:
        """All starts, one after another."""
        groups = [[one.id] for one in by_kind(self.pool.packages(Side.OLD))]
        self._all(groups)
        # All questions of one kind in one go: what is offered need not be changed between them.
        alone = [(self.pool.package(group[0]), self._machine_with(group)) for group in groups]
        for package, machine in alone:
            if machine is not None:
                self._judge(Start.ALONE, package.name, machine)
        for profile in self.wishes.profiles:
            self._profile(profile)
        self.ends.where = ""
        self._unseen()
        return Judged(release=self.ends.old, scenarios=tuple(self.scenarios), problems=merge(self.problems))

    # ---- starts ------------------------------------------------------------------------------------------------

    def _all(self, groups: list[list[int]]) -> None:
        self.ends.where = Start.ALL.value
        try:
            machine = self._install(groups)
        except Unsatisfiable as error:
            self._tell(
                "not-together",
                Severity.NOTE,
                self.ends.old,
                f"its packages cannot all be installed together: {brief(error.problems)}",
                "nothing has to be done; as many as fit were taken",
            )
            machine = self.pool.install(groups, _AT_MOST, weak=True)
        self._judge(Start.ALL, "", machine)

    def _machine_with(self, group: list[int]) -> frozenset[int] | None:
        """One package alone with what it requires; None, and a problem, where that cannot be."""
        package = self.pool.package(group[0])
        self.ends.where = f"{Start.ALONE.value} {package.name}"
        try:
            return self._install([group])
        except Unsatisfiable as error:
            self._end(Start.ALONE, package.name, (), Outcome.NOT_INSTALLABLE)
            self._tell(
                "not-installable",
                Severity.WARNING,
                str(package.nevra),
                f"nobody can have installed it: {brief(error.problems)}",
                "nothing can be done for the earlier release; its versions were compared all the same",
            )
            return None

    def _install(self, groups: Sequence[Sequence[int]]) -> frozenset[int]:
        """A machine with these packages; with the help of mirrored upstreams where there is no other way."""
        try:
            return self.pool.install(groups, _EARLIER)
        except Unsatisfiable:
            return self.pool.install(groups, _AT_MOST)

    def _profile(self, profile: Profile) -> None:
        self.ends.where = f"{Start.PROFILE.value} {profile.name}"
        before, after, base = self.ends.before, self.ends.after, self.ends.base
        known = [name for name in profile.packages if name in before or name in base]
        for name in profile.packages:
            if name not in known and name not in after:
                self._tell(
                    "profile",
                    Severity.WARNING,
                    name,
                    f"the profile {profile.name} names it, and neither release nor the system has it",
                    "mend the name in repos.yaml, or take it out",
                )
        groups = [best(before.get(name) or base[name]) for name in known]
        if not groups:
            self._end(Start.PROFILE, profile.name, (), Outcome.NOT_INSTALLABLE)
            return
        try:
            machine = self._install(groups)
        except Unsatisfiable as error:
            self._end(Start.PROFILE, profile.name, (), Outcome.NOT_INSTALLABLE)
            self._tell(
                "not-installable",
                Severity.WARNING,
                profile.name,
                f"the profile's packages cannot be installed together: {brief(error.problems)}",
                "mend the profile in repos.yaml",
            )
            return
        self._judge(Start.PROFILE, profile.name, machine)

    # ---- ends --------------------------------------------------------------------------------------------------

    def _judge(self, start: Start, name: str, machine: frozenset[int]) -> None:
        """Update the machine, and compare what it then has with what it should have."""
        self.ends.where = f"{start.value} {name}".strip()
        self.seen.update(self.pool.package(one).name for one in machine)
        try:
            end = self.pool.update(machine, CLIENT)
        except Unsatisfiable as error:
            self.problems.append(self._impossible("update", error))
            self._end(start, name, machine, Outcome.FAILED)
            return
        problems = list(self.ends.compare(machine, end))
        if start is not Start.ALONE:
            problems += self._stays(end)
        outcome = Outcome.OK
        if any(one.rule == "downgrade" and one.severity is Severity.NOTE for one in problems):
            problems, outcome = self._synchronise(machine, problems)
        if any(one.severity is Severity.ERROR for one in problems):
            outcome = Outcome.FAILED
        self.problems += problems
        self._end(start, name, machine, outcome)

    def _synchronise(self, machine: frozenset[int], problems: list[Problem]) -> tuple[list[Problem], Outcome]:
        """Whether distro-sync gets to where a declared downgrade keeps `update` from.

        What `update` leaves behind because of it is no fault then; a downgrade that is not declared stays one.
        """
        try:
            end = self.pool.synchronise(machine, CLIENT)
        except Unsatisfiable as error:
            return [*problems, self._impossible("distro-sync", error)], Outcome.FAILED
        missed = [one for one in self.ends.compare(machine, end) if one.rule in MISSES]
        undeclared = {one.subject for one in problems if _is_undeclared(one)}
        kept = [one for one in problems if one.rule not in MISSES or one.rule == "downgrade"]
        failed = [
            self.ends.problem(
                "distro-sync",
                Severity.ERROR,
                one.subject,
                f"distro-sync does not get there either: {one.message}",
                one.cure,
            )
            for one in missed
            if one.subject not in undeclared
        ]
        return [*kept, *failed], Outcome.SYNC

    def _impossible(self, verb: str, error: Unsatisfiable) -> Problem:
        """The package manager refuses to do anything at all."""
        return self.ends.problem(
            verb,
            Severity.ERROR,
            self.ends.new,
            f"{verb} is impossible: {brief(error.problems)}",
            "mend the dependencies it names",
        )

    def _stays(self, end: frozenset[int]) -> Iterator[Problem]:
        """A second update must have nothing to do, or every night's update would change the machine."""
        again = self.pool.update(end, CLIENT)
        for number in sorted(again - end):
            package = self.pool.package(number)
            yield self.ends.problem(
                "unstable",
                Severity.ERROR,
                package.name,
                f"a second update installs {package.nevra} from {package.repository}",
                "see which packages obsolete each other",
            )

    def _unseen(self) -> None:
        """Packages that no machine could be given: their versions can be compared all the same."""
        for name, packages in self.ends.before.items():
            targets = self.ends.after.get(name, [])
            if name not in self.seen and targets:
                old, target = newest(packages), newest(targets)
                if compare_evr(old.nevra.evr, target.nevra.evr) > 0:
                    self.problems.append(self.ends.downgrade(old, target))

    def _tell(self, rule: str, severity: Severity, subject: str, message: str, cure: str) -> None:
        self.problems.append(self.ends.problem(rule, severity, subject, message, cure))

    def _end(self, start: Start, name: str, machine: Iterable[int], outcome: Outcome) -> None:
        installed = sum(self.pool.package(one).side is Side.OLD for one in machine)
        self.scenarios.append(
            Scenario(release=self.ends.old, start=start, name=name, installed=installed, outcome=outcome)
        )


def _is_undeclared(problem: Problem) -> bool:
    return problem.rule == "downgrade" and problem.severity is Severity.ERROR


# ---- the release alone -------------------------------------------------------------------------------------------


def check_alone(release: str, pool: Upgrades, *, ours: frozenset[str], later: bool) -> Iterator[Problem]:
    """What is wrong with a release whatever one comes from: obsoletes that go round, and packages that others replace.

    `later`: the pool has the upstreams of what the release mirrors, which clients may have enabled too.
    """
    yield from _obsoleted(release, pool)
    groups = [[one.id] for one in by_kind(pool.packages(Side.NEW))]
    machine = pool.install(groups, CLIENT, weak=True)
    mine = by_name(pool.package(one) for one in machine if pool.package(one).side is Side.NEW)
    for side in (Side.BASE, *((Side.LATER,) if later else ())):
        sides = CLIENT if side is Side.BASE else (*CLIENT, side)
        for number in sorted(pool.update(machine, sides) - machine):
            package = pool.package(number)
            if package.side is side:
                yield from _replaced(package, mine, pool, ours)


def _replaced(
    package: Package, mine: Mapping[str, Sequence[Package]], pool: Upgrades, ours: frozenset[str]
) -> Iterator[Problem]:
    """The packages of the release that a package from elsewhere takes the place of."""
    obsoleted = pool.obsoleted_by(package.id, mine)
    for one in (one for group in mine.values() for one in group):
        if one.name != package.name and one.id not in obsoleted:
            continue
        word = "obsoletes" if one.id in obsoleted else "is newer than"
        severity, cure = (
            Severity.NOTE,
            "lock the newer version (`altai-build deps lock --update`) if it is wanted",
        )
        if one.name in ours:
            severity = Severity.ERROR if package.side is Side.BASE else Severity.WARNING
            cure = f"{epoch_cure([package.nevra], one.nevra)}, or have clients exclude it from {package.repository}"
        yield Problem(
            rule="replaced",
            severity=severity,
            release="",
            subject=one.name,
            message=f"{package.nevra} of {package.repository} {word} {one.nevra}: a later update takes it",
            cure=cure,
        )


def _obsoleted(release: str, pool: Upgrades) -> Iterator[Problem]:
    """Packages that obsolete each other, round and round, or one of their own release."""
    everyone = {one.id: one for side in CLIENT for one in pool.packages(side)}
    names = by_name(everyone.values())
    edges = {number: found for number in everyone if (found := pool.obsoleted_by(number, names))}
    for one in pool.packages(Side.NEW):
        path = _way_back(one.id, edges)
        if path is not None and one.id == min(step for step in path if everyone[step].side is Side.NEW):
            steps = " → ".join(str(everyone[step].nevra) for step in (*path, path[0]))
            yield Problem(
                rule="obsoletes-loop",
                severity=Severity.ERROR,
                release="",
                subject=one.name,
                message=f"each obsoletes the next: {steps}",
                cure="give the Obsoletes an upper bound: `Obsoletes: NAME < VERSION`",
            )
        for target in sorted(edges.get(one.id, ())) if path is None else ():
            if everyone[target].side is Side.NEW:
                yield Problem(
                    rule="obsoleted",
                    severity=Severity.ERROR,
                    release="",
                    subject=everyone[target].name,
                    message=f"{one.nevra} obsoletes it, and {release} has both",
                    cure=f"narrow the Obsoletes of {one.name}, or leave {everyone[target].name} out",
                )


def _way_back(start: int, edges: Mapping[int, frozenset[int]]) -> list[int] | None:
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
