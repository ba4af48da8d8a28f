"""Where a machine must be after an upgrade, and what is wrong with it when it is elsewhere."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from altai_build.model.findings import Finding, Severity
from altai_build.model.nevra import Nevra
from altai_build.model.upgrade import AllowedDowngrade, Profile, Side, UpgradePackage
from altai_build.tools.rpm.header import compare_evr
from altai_build.tools.solver.upgrades import UpgradeSolver

CLIENT_SIDES = (Side.NEW, Side.BASE)  # the repositories of a client that is upgraded

# Rules that say a package is not at the new release's version; distro-sync must leave none of them.
NOT_UPDATED_RULES = ("downgrade", "left-behind", "lost", "obsoleted")


@dataclass(frozen=True)
class UpgradePolicy:
    """What repos.yaml says of upgrades."""

    profiles: tuple[Profile, ...] = ()
    allowed: tuple[AllowedDowngrade, ...] = ()

    def reason(self, name: str) -> str | None:
        """Why a package may go down; None when it may not."""
        return next((one.reason for one in self.allowed if one.package == name), None)


class UpgradeEvaluator:
    """The comparison of machines before and after an upgrade between two releases of a pool."""

    def __init__(
        self, old: str, new: str, pool: UpgradeSolver, policy: UpgradePolicy, ours: frozenset[str]
    ) -> None:
        """`ours` are the names that the new release builds itself: losing those to the system is an error."""
        self.old, self.new = old, new
        self.pool, self.policy, self.ours = pool, policy, ours
        self.before = group_by_name(pool.packages(Side.OLD))
        self.after = group_by_name(pool.packages(Side.NEW))
        self.where = ""  # the scenario under way, as problems name it

    @functools.cached_property
    def base(self) -> dict[str, list[UpgradePackage]]:
        """The system's packages by name: thousands, and seldom asked for."""
        return group_by_name(self.pool.packages(Side.BASE))

    # ---- ends --------------------------------------------------------------------------------------------------

    def compare_machines(self, machine: frozenset[int], end: frozenset[int]) -> Iterator[Finding]:
        """Where the packages of the earlier release did not become those of the new one."""
        left = group_by_name(self.pool.package(one) for one in end)
        came = [self.pool.package(one) for one in sorted(end - machine)]
        for number in sorted(machine):
            package = self.pool.package(number)
            if package.side is Side.OLD:
                yield from self._compare_package(package, left.get(package.name, []), came, machine)

    def _compare_package(
        self,
        package: UpgradePackage,
        left: list[UpgradePackage],
        came: list[UpgradePackage],
        machine: frozenset[int],
    ) -> Iterator[Finding]:
        targets = self.after.get(package.name, [])
        if not left:
            yield from self._check_removed(package, bool(targets), came)
        elif not targets:
            yield from self._check_orphaned(package, left)
        else:
            same_arch = [one for one in left if one.nevra.arch == package.nevra.arch]
            for one in same_arch or left:
                yield from self._check_updated(package, one, targets, machine)

    def _check_removed(
        self, package: UpgradePackage, wanted: bool, came: list[UpgradePackage]
    ) -> Iterator[Finding]:
        """A package that is no longer there: fine if the new release has another one take its place."""
        heirs = [one for one in came if self.pool.find_obsoleted(one.solver_id, {package.name: [package]})]
        ours = [one for one in heirs if one.side is Side.NEW]
        if ours and not wanted:
            return
        if ours:
            message = (
                f"{ours[0].nevra} of {self.new} obsoletes it, although {self.new} has {package.name} itself"
            )
            fix = f"narrow the Obsoletes of {ours[0].name}, or leave {package.name} out of the release"
            yield self.problem("obsoleted", Severity.ERROR, package.name, message, fix)
        elif heirs:
            message = f"{heirs[0].nevra} of {heirs[0].repository} obsoletes it"
            severity = Severity.ERROR if wanted and package.name in self.ours else Severity.WARNING
            fix = f"raise the epoch of {package.name} above what {heirs[0].name} obsoletes, or rename it"
            yield self.problem("replaced", severity, package.name, message, fix)
        else:
            message = f"{package.nevra} is removed, and nothing takes its place"
            fix = "see what the new packages conflict with, and let them obsolete it instead"
            yield self.problem("lost", Severity.ERROR, package.name, message, fix)

    def _check_orphaned(self, package: UpgradePackage, left: list[UpgradePackage]) -> Iterator[Finding]:
        """A package that the new release has no longer; the system may have it."""
        if any(one.nevra == package.nevra for one in left) and not self._is_in_base(package):
            yield self.problem(
                "left-over",
                Severity.WARNING,
                package.name,
                f"{package.nevra} stays installed; {self.new} has it no longer and nothing obsoletes it",
                f"if it is to go, write `Obsoletes: {package.name} <= {package.nevra.evr}` in a package of {self.new}",
            )

    def _is_in_base(self, package: UpgradePackage) -> bool:
        offered = self.base.get(package.name, [])
        return any(compare_evr(one.nevra.evr, package.nevra.evr) >= 0 for one in offered)

    def _check_updated(
        self,
        package: UpgradePackage,
        left: UpgradePackage,
        targets: list[UpgradePackage],
        machine: frozenset[int],
    ) -> Iterator[Finding]:
        """A package that the new release has too: it must be there in the new release's version."""
        if any(one.nevra == left.nevra for one in targets):
            yield from self._check_vendor_and_arch(
                package, next(one for one in targets if one.nevra == left.nevra)
            )
            return
        target = find_upgrade_target(package, targets)
        order = compare_evr(left.nevra.evr, target.nevra.evr)
        if left.side is Side.BASE:
            yield self._report_base_replacement(left, target)
        elif order > 0:
            yield self.report_downgrade(left, target)
        elif order == 0:
            yield self.problem(
                "arch-change",
                Severity.WARNING,
                left.name,
                f"{left.nevra} stays; {self.new} has the same version for {target.nevra.arch}",
                "raise the release of the package, so that it is an update",
            )
        else:
            why = self.pool.explain_not_installable(machine, target.solver_id, CLIENT_SIDES)
            reason = (
                summarize_problems(why) if why else f"{target.nevra.arch} does not replace {left.nevra.arch}"
            )
            yield self.problem(
                "left-behind",
                Severity.ERROR,
                left.name,
                f"{left.nevra} stays, {target.nevra} cannot be installed: {reason}",
                "mend the dependency it names; where an old package is in the way, obsolete it",
            )

    def _report_base_replacement(self, left: UpgradePackage, target: UpgradePackage) -> Finding:
        ours = left.name in self.ours
        return self.problem(
            "replaced",
            Severity.ERROR if ours else Severity.WARNING,
            left.name,
            f"{left.repository} offers {left.nevra}, which update prefers to {target.nevra}",
            f"{suggest_epoch([left.nevra], target.nevra)}, or leave {left.name} to the system"
            if ours
            else "lock the newer version (`altai-build deps lock --update`)",
        )

    def report_downgrade(self, left: UpgradePackage, target: UpgradePackage) -> Finding:
        """A package that is newer than the new release's: a note where repos.yaml allows it."""
        reason = self.policy.reason(left.name)
        message = f"{left.nevra} stays, {self.new} has the older {target.nevra.evr}"
        if reason is not None:
            return self.problem(
                "downgrade",
                Severity.NOTE,
                left.name,
                f"{message}; allowed: {reason}",
                "machines have to be taken there with distro-sync",
            )
        earlier = [one.nevra for one in self.before.get(left.name, [])]
        return self.problem(
            "downgrade",
            Severity.ERROR,
            left.name,
            message,
            f"{suggest_epoch(earlier, target.nevra)}, release a higher version, or declare it in allow_downgrades",
        )

    def _check_vendor_and_arch(self, package: UpgradePackage, target: UpgradePackage) -> Iterator[Finding]:
        """What else is different of a package that arrived."""
        if package.vendor != target.vendor:
            yield self.problem(
                "vendor-change",
                Severity.WARNING,
                package.name,
                f"its vendor was {package.vendor or 'not given'!r} and is {target.vendor or 'not given'!r}; "
                "some package managers keep the old vendor's",
                "build it with the same Vendor as before, if the change is not wanted",
            )
        if package.nevra.arch != target.nevra.arch:
            yield self.problem(
                "arch-change",
                Severity.NOTE,
                package.name,
                f"it was {package.nevra.arch} and is {target.nevra.arch}",
                "nothing has to be done: update takes it",
            )

    def problem(self, rule: str, severity: Severity, subject: str, message: str, fix: str) -> Finding:
        """A problem of upgrades from the earlier release, in the scenario under way."""
        return Finding(
            rule=rule,
            severity=severity,
            upgrade_from=self.old,
            subject=subject,
            message=message,
            fix=fix,
            scenarios=(self.where,) if self.where else (),
        )


def group_by_name(packages: Iterable[UpgradePackage]) -> dict[str, list[UpgradePackage]]:
    """Packages by their names."""
    found: dict[str, list[UpgradePackage]] = defaultdict(list)
    for one in packages:
        found[one.name].append(one)
    return dict(found)


def select_newest_per_arch(packages: Iterable[UpgradePackage]) -> list[UpgradePackage]:
    """One package for each name and architecture, the newest: of two versions nobody installs the older."""
    found: dict[tuple[str, str], list[UpgradePackage]] = defaultdict(list)
    for one in packages:
        found[one.name, one.nevra.arch].append(one)
    return [find_newest(group) for _, group in sorted(found.items())]


def get_newest_ids(packages: list[UpgradePackage]) -> list[int]:
    """The newest of a name, for whichever architecture."""
    evr = find_newest(packages).nevra.evr
    return [one.solver_id for one in packages if one.nevra.evr == evr]


def find_newest(packages: Sequence[UpgradePackage]) -> UpgradePackage:
    """The package of the highest epoch, version and release."""
    return max(packages, key=functools.cmp_to_key(_compare))


def _compare(one: UpgradePackage, two: UpgradePackage) -> int:
    return compare_evr(one.nevra.evr, two.nevra.evr)


def find_upgrade_target(package: UpgradePackage, targets: Sequence[UpgradePackage]) -> UpgradePackage:
    """What a package should become: the newest for its own architecture, else the newest."""
    same = [one for one in targets if one.nevra.arch == package.nevra.arch]
    return find_newest(same or targets)


def suggest_epoch(earlier: Sequence[Nevra], target: Nevra) -> str:
    """`Epoch: N` with the lowest N that makes the target newer than all of these."""
    epoch = max(one.epoch for one in earlier)
    raised = f"{epoch}:{target.version}-{target.release}"
    if any(compare_evr(one.evr, raised) >= 0 for one in earlier):
        epoch += 1
    return f"write `Epoch: {epoch}` in the spec of {target.name}"


def summarize_problems(problems: Sequence[str]) -> str:
    """The first few of the solver's sentences: they tell one story, and its end is far away."""
    shown = "; ".join(problems[:3])
    return f"{shown}; and {len(problems) - 3} more" if len(problems) > 3 else shown
