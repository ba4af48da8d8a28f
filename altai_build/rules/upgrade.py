"""The rules of an upgrade: what a machine must have after it, and the findings where it has something else."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from altai_build.errors import InputError
from altai_build.model.findings import Finding, Severity
from altai_build.model.nevra import Nevra
from altai_build.model.upgrade import AllowedDowngrade, Profile, Side, UpgradePackage
from altai_build.rules.file_conflicts import find_conflicts, summarize_paths
from altai_build.tools.rpm.versions import compare_evr
from altai_build.tools.solver.upgrades import UpgradeSolver

# The repositories of a client that is upgraded.
CLIENT_SIDES = (Side.NEW, Side.BASE)

# The rules for packages that do not have the new release's version; after distro-sync none of them may apply.
NOT_UPDATED_RULES = ("downgrade", "left-behind", "lost", "obsoleted")

# How many of the solver's sentences a message quotes.
_MAX_PROBLEMS = 3


@dataclass(frozen=True)
class UpgradePolicy:
    """The settings in repos.yaml for upgrades."""

    profiles: tuple[Profile, ...] = ()
    allowed: tuple[AllowedDowngrade, ...] = ()
    # Why every package may be downgraded: the way back to an earlier release. None: only those that are allowed.
    reason_to_go_back: str | None = None

    def find_downgrade_reason(self, name: str) -> str | None:
        """Why a package may be downgraded; None when it may not."""
        reasons = (allowed.reason for allowed in self.allowed if allowed.package == name)
        return next(reasons, self.reason_to_go_back)


class UpgradeEvaluator:
    """Compares machines before and after an upgrade between two releases."""

    def __init__(
        self, old: str, new: str, solver: UpgradeSolver, policy: UpgradePolicy, own_names: frozenset[str]
    ) -> None:
        """`own_names` are the packages that the new release builds itself: base must not replace them."""
        self.old, self.new = old, new
        self.solver, self.policy, self.own_names = solver, policy, own_names
        self.before = group_by_name(solver.packages(Side.OLD))
        self.after = group_by_name(solver.packages(Side.NEW))
        # The current scenario, as findings name it.
        self.scenario = ""

    @functools.cached_property
    def base(self) -> dict[str, list[UpgradePackage]]:
        """The packages of the operating system by name: thousands, and seldom needed."""
        return group_by_name(self.solver.packages(Side.BASE))

    def compare_machines(self, machine: frozenset[int], end: frozenset[int]) -> Iterator[Finding]:
        """The packages of the earlier release that were not updated to those of the new one."""
        installed = group_by_name(self.solver.package(number) for number in end)
        added = [self.solver.package(number) for number in sorted(end - machine)]
        for number in sorted(machine):
            package = self.solver.package(number)
            if package.side is Side.OLD:
                yield from self._compare_package(package, installed.get(package.name, []), added, machine)

    def find_file_conflicts(self, machine: frozenset[int], end: frozenset[int]) -> Iterator[Finding]:
        """Packages of the earlier release that stay, and new ones with other files at their paths: rpm refuses them."""
        staying = [number for number in machine & end if self._is_only_in_old(number)]
        added = [number for number in end - machine if self.solver.package(number).side is Side.NEW]
        if not staying or not added:
            return
        try:
            old, new = (self.solver.read_file_lists(side) for side in (Side.OLD, Side.NEW))
            conflicts = find_conflicts(
                {number: new[number] for number in added},
                {number: old[number] for number in staying},
                self.solver.read_header,
                self.solver.read_header,
            )
        except InputError as error:
            yield self.make_finding(
                "file-conflict",
                Severity.ERROR,
                self.old,
                f"the files of packages that stay installed were not compared with new ones: {error.what}: {error.why}",
                "restore the release from another copy, or accept this with a waiver",
            )
            return
        for (new_number, old_number), paths in sorted(conflicts.items()):
            package, stays = self.solver.package(new_number), self.solver.package(old_number)
            yield self.make_finding(
                "file-conflict",
                Severity.ERROR,
                package.name,
                f"rpm refuses the update, because {package.nevra} and {stays.nevra}, which stays installed, have "
                f"different files at {summarize_paths(paths)}",
                f"write `Obsoletes: {stays.name} <= {stays.nevra.evr}` in the spec of {package.name}, "
                "or move the files",
            )

    def _is_only_in_old(self, number: int) -> bool:
        """True for a package of the earlier release that the new one does not contain in this version."""
        package = self.solver.package(number)
        targets = self.after.get(package.name, [])
        return package.side is Side.OLD and all(target.nevra != package.nevra for target in targets)

    def _compare_package(
        self,
        package: UpgradePackage,
        installed: list[UpgradePackage],
        added: list[UpgradePackage],
        machine: frozenset[int],
    ) -> Iterator[Finding]:
        targets = self.after.get(package.name, [])
        if not installed:
            yield from self._check_removed(package, bool(targets), added)
        elif not targets:
            yield from self._check_orphaned(package, installed)
        else:
            same_arch = [other for other in installed if other.nevra.arch == package.nevra.arch]
            for other in same_arch or installed:
                yield from self._check_updated(package, other, targets, machine)

    def _check_removed(
        self, package: UpgradePackage, is_released: bool, added: list[UpgradePackage]
    ) -> Iterator[Finding]:
        """A package that is no longer installed: right if a package of the new release replaces it."""
        by_name = {package.name: [package]}
        successors = [other for other in added if self.solver.find_obsoleted(other.solver_id, by_name)]
        released = [successor for successor in successors if successor.side is Side.NEW]
        if released and not is_released:
            return
        if released:
            message = (
                f"{released[0].nevra} of {self.new} obsoletes it, although {self.new} also contains "
                f"{package.name}"
            )
            fix = f"narrow the Obsoletes of {released[0].name}, or remove {package.name} from the release"
            yield self.make_finding("obsoleted", Severity.ERROR, package.name, message, fix)
        elif successors:
            successor = successors[0]
            is_own = is_released and package.name in self.own_names
            yield self.make_finding(
                "replaced",
                Severity.ERROR if is_own else Severity.WARNING,
                package.name,
                f"{successor.nevra} of {successor.repository} obsoletes it",
                f"raise the epoch of {package.name} above the version that {successor.name} obsoletes, "
                "or rename the package",
            )
        else:
            yield self.make_finding(
                "lost",
                Severity.ERROR,
                package.name,
                f"{package.nevra} is removed, and no package replaces it",
                "find the new package that conflicts with it, and add an `Obsoletes:` to the package that replaces it",
            )

    def _check_orphaned(self, package: UpgradePackage, installed: list[UpgradePackage]) -> Iterator[Finding]:
        """A package that the new release does not contain any more; the operating system may have it."""
        if any(other.nevra == package.nevra for other in installed) and not self._is_in_base(package):
            yield self.make_finding(
                "left-over",
                Severity.WARNING,
                package.name,
                f"{package.nevra} stays installed: {self.new} does not contain it, and nothing obsoletes it",
                f"to remove it, add `Obsoletes: {package.name} <= {package.nevra.evr}` to a package of {self.new}",
            )

    def _is_in_base(self, package: UpgradePackage) -> bool:
        versions = self.base.get(package.name, [])
        return any(compare_evr(version.nevra.evr, package.nevra.evr) >= 0 for version in versions)

    def _check_updated(
        self,
        package: UpgradePackage,
        installed: UpgradePackage,
        targets: list[UpgradePackage],
        machine: frozenset[int],
    ) -> Iterator[Finding]:
        """A package that the new release contains too: the version of the new release must be installed."""
        same = next((target for target in targets if target.nevra == installed.nevra), None)
        if same is not None:
            yield from self._check_vendor_and_arch(package, same)
            return
        target = find_upgrade_target(package, targets)
        order = compare_evr(installed.nevra.evr, target.nevra.evr)
        if installed.side is Side.BASE:
            yield self._report_base_replacement(installed, target)
        elif order > 0:
            yield self.report_downgrade(installed, target)
        elif order == 0:
            yield self.make_finding(
                "arch-change",
                Severity.WARNING,
                installed.name,
                f"{installed.nevra} stays installed: {self.new} has the same version for {target.nevra.arch}",
                "raise the release number, so that the new package is an update",
            )
        else:
            problems = self.solver.explain_not_installable(machine, target.solver_id, CLIENT_SIDES)
            if problems:
                reason = summarize_problems(problems)
            else:
                reason = f"{target.nevra.arch} does not replace {installed.nevra.arch}"
            yield self.make_finding(
                "left-behind",
                Severity.ERROR,
                installed.name,
                f"{installed.nevra} stays installed, {target.nevra} cannot be installed: {reason}",
                "fix the dependency in the message; if an old package is in the way, obsolete it",
            )

    def _report_base_replacement(self, installed: UpgradePackage, target: UpgradePackage) -> Finding:
        is_own = installed.name in self.own_names
        epoch = suggest_epoch([installed.nevra], target.nevra)
        return self.make_finding(
            "replaced",
            Severity.ERROR if is_own else Severity.WARNING,
            installed.name,
            f"{installed.repository} has {installed.nevra}, which update prefers to {target.nevra}",
            f"{epoch}, or remove {installed.name} from the release"
            if is_own
            else "lock the newer version (`altai-build deps lock --update`)",
        )

    def report_downgrade(self, installed: UpgradePackage, target: UpgradePackage) -> Finding:
        """A package that is newer than the new release's: a note if repos.yaml allows the downgrade."""
        reason = self.policy.find_downgrade_reason(installed.name)
        message = f"{installed.nevra} stays installed: {self.new} has the older {target.nevra.evr}"
        if reason is not None:
            return self.make_finding(
                "downgrade",
                Severity.NOTE,
                installed.name,
                f"{message}; allowed: {reason}",
                "run `distro-sync` on the machines: update does not install older versions",
            )
        versions = [package.nevra for package in self.before.get(installed.name, [])]
        return self.make_finding(
            "downgrade",
            Severity.ERROR,
            installed.name,
            message,
            f"{suggest_epoch(versions, target.nevra)}, release a higher version, or declare it in allow_downgrades",
        )

    def _check_vendor_and_arch(self, package: UpgradePackage, target: UpgradePackage) -> Iterator[Finding]:
        """What else changes for a package that was updated."""
        if package.vendor != target.vendor:
            yield self.make_finding(
                "vendor-change",
                Severity.WARNING,
                package.name,
                f"the vendor changes from {package.vendor or 'none'!r} to {target.vendor or 'none'!r}; "
                "some package managers keep packages of the old vendor",
                "build it with the old Vendor, unless the change is wanted",
            )
        if package.nevra.arch != target.nevra.arch:
            yield self.make_finding(
                "arch-change",
                Severity.NOTE,
                package.name,
                f"the architecture changes from {package.nevra.arch} to {target.nevra.arch}",
                "none: update installs it",
            )

    def make_finding(self, rule: str, severity: Severity, subject: str, message: str, fix: str) -> Finding:
        """A finding about upgrades from the earlier release, in the current scenario."""
        return Finding(
            rule=rule,
            severity=severity,
            upgrade_from=self.old,
            subject=subject,
            message=message,
            fix=fix,
            scenarios=(self.scenario,) if self.scenario else (),
        )


def group_by_name(packages: Iterable[UpgradePackage]) -> dict[str, list[UpgradePackage]]:
    """Packages by their names."""
    groups: dict[str, list[UpgradePackage]] = defaultdict(list)
    for package in packages:
        groups[package.name].append(package)
    return dict(groups)


def select_newest_per_arch(packages: Iterable[UpgradePackage]) -> list[UpgradePackage]:
    """The newest package of each name and architecture: package managers install no older ones."""
    groups: dict[tuple[str, str], list[UpgradePackage]] = defaultdict(list)
    for package in packages:
        groups[package.name, package.nevra.arch].append(package)
    return [find_newest(group) for _, group in sorted(groups.items())]


def get_newest_ids(packages: list[UpgradePackage]) -> list[int]:
    """The newest of packages with the same name, for all architectures."""
    evr = find_newest(packages).nevra.evr
    return [package.solver_id for package in packages if package.nevra.evr == evr]


def find_newest(packages: Sequence[UpgradePackage]) -> UpgradePackage:
    """The package with the highest epoch, version and release."""
    return max(packages, key=functools.cmp_to_key(_compare))


def _compare(package: UpgradePackage, other: UpgradePackage) -> int:
    return compare_evr(package.nevra.evr, other.nevra.evr)


def find_upgrade_target(package: UpgradePackage, targets: Sequence[UpgradePackage]) -> UpgradePackage:
    """The package that an update should install: the newest for the same architecture, else the newest."""
    same_arch = [target for target in targets if target.nevra.arch == package.nevra.arch]
    return find_newest(same_arch or targets)


def suggest_epoch(versions: Sequence[Nevra], target: Nevra) -> str:
    """`write Epoch: N`, with the lowest N that makes the target newer than all versions."""
    epoch = max(version.epoch for version in versions)
    raised = f"{epoch}:{target.version}-{target.release}"
    if any(compare_evr(version.evr, raised) >= 0 for version in versions):
        epoch += 1
    return f"write `Epoch: {epoch}` in the spec of {target.name}"


def summarize_problems(problems: Sequence[str]) -> str:
    """The first few of the solver's sentences: the others follow from them."""
    text = "; ".join(problems[:_MAX_PROBLEMS])
    more = len(problems) - _MAX_PROBLEMS
    return f"{text}; and {more} more" if more > 0 else text
