"""Check that `update` takes machines with an earlier release to exactly the new one.

The scenarios: all packages of an earlier release are installed, each of them alone with what it requires, and the
profiles of repos.yaml. libsolv decides what an update does, with the flags that dnf gives it; rules/upgrade.py decides
whether the result is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from altai_build.model.findings import Finding, Severity
from altai_build.model.upgrade import (
    Profile,
    Scenario,
    ScenarioKind,
    Side,
    UpgradeOutcome,
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
    select_newest_per_arch,
    summarize_problems,
)
from altai_build.tools.rpm.versions import compare_evr
from altai_build.tools.solver.resolve import Unsatisfiable
from altai_build.tools.solver.upgrades import UpgradeSolver

# The repositories of a client on which the earlier release was installed.
_OLD_SIDES = (Side.OLD, Side.BASE)
# Those of a client that also has the upstreams of mirrored packages enabled.
_OLD_SIDES_WITH_UPSTREAMS = (*_OLD_SIDES, Side.UPSTREAM)


@dataclass(frozen=True)
class UpgradeCheck:
    """The result of checking one earlier release."""

    release: str
    scenarios: tuple[Scenario, ...]
    findings: tuple[Finding, ...]


# What machines have whose update was found right.
RightMachines = set[frozenset[tuple[int, Side]]]


def check_upgrade(
    old: str,
    new: str,
    solver: UpgradeSolver,
    policy: UpgradePolicy,
    *,
    own_names: frozenset[str],
    known: RightMachines | None = None,
) -> UpgradeCheck:
    """Every scenario of release `old`, in a solver with its packages, those of `new` and of the operating system.

    `own_names` are the packages that the new release builds itself: base must not replace them. `known` are machines of
    other earlier releases, with the same `new`, policy and shared results of solvers; those of this one are added.
    """
    evaluator = UpgradeEvaluator(old, new, solver, policy, own_names)
    return _Check(solver, policy, evaluator, set() if known is None else known).run()


def make_upgrade_report(
    release: str, checks: Sequence[UpgradeCheck], more: Sequence[Finding], policy: UpgradePolicy
) -> UpgradeReport:
    """All results, with a finding for each allowed downgrade that is none."""
    findings = [*more, *(finding for check in checks for finding in check.findings)]
    downgraded = {finding.subject for finding in findings if finding.rule == "downgrade"}
    findings += [
        Finding(
            rule="allow-downgrades",
            severity=Severity.WARNING,
            subject=allowed.package,
            message="no upgrade to this release downgrades it",
            fix="remove it from allow_downgrades",
        )
        for allowed in policy.allowed
        if checks and allowed.package not in downgraded
    ]
    return UpgradeReport(
        release=release,
        releases=tuple(check.release for check in checks),
        scenarios=tuple(scenario for check in checks for scenario in check.scenarios),
        findings=merge_findings(findings),
    )


class _Check:
    """The upgrades from one release to another."""

    def __init__(
        self, solver: UpgradeSolver, policy: UpgradePolicy, evaluator: UpgradeEvaluator, known: RightMachines
    ) -> None:
        self.solver, self.policy, self.evaluator, self.known = solver, policy, evaluator, known
        self.scenarios: list[Scenario] = []
        self.findings: list[Finding] = []
        self.old = frozenset(package.solver_id for package in solver.packages(Side.OLD))
        # The packages that were installed in at least one scenario.
        self.seen: set[int] = set()

    def run(self) -> UpgradeCheck:
        """Check all scenarios, one after another."""
        groups = [[package.solver_id] for package in select_newest_per_arch(self.solver.packages(Side.OLD))]
        self._check_all(groups)
        # All installations first: enabling other repositories between two questions takes time.
        machines = [(self.solver.package(group[0]), self._install_single(group)) for group in groups]
        for package, machine in machines:
            if machine is not None:
                self._check_scenario(ScenarioKind.SINGLE_PACKAGE, package.name, machine)
        for profile in self.policy.profiles:
            self._check_profile(profile)
        self.evaluator.scenario = ""
        self._check_uninstallable()
        return UpgradeCheck(
            release=self.evaluator.old,
            scenarios=tuple(self.scenarios),
            findings=merge_findings(self.findings),
        )

    # ---- before the update -------------------------------------------------------------------------------------

    def _check_all(self, groups: list[list[int]]) -> None:
        self.evaluator.scenario = ScenarioKind.ALL.value
        try:
            machine = self._install(groups)
        except Unsatisfiable as error:
            self._add_finding(
                "not-together",
                Severity.NOTE,
                self.evaluator.old,
                f"not all of its packages can be installed together: {summarize_problems(error.problems)}",
                "none: as many as possible were installed",
            )
            machine = self.solver.install(groups, _OLD_SIDES_WITH_UPSTREAMS, weak=True)
        if machine & self.old:
            self._check_scenario(ScenarioKind.ALL, "", machine)
        else:
            self._add_scenario(ScenarioKind.ALL, "", machine, UpgradeOutcome.NOT_INSTALLABLE)
            self._add_nothing_installable(has_packages=bool(groups))

    def _add_nothing_installable(self, *, has_packages: bool) -> None:
        """Nothing was examined, which proves nothing; without a known operating system that is only to be expected."""
        is_expected = not has_packages or not self.solver.packages(Side.BASE)
        self._add_finding(
            "nothing-installable",
            Severity.WARNING if is_expected else Severity.ERROR,
            self.evaluator.old,
            "none of its packages can be installed, so that no upgrade from it was checked"
            if has_packages
            else "it has no packages, so that no upgrade from it was checked",
            "check that `base` of the target lists the operating system that it was made for; "
            "if no machine has this release, accept the finding with a waiver",
        )

    def _install_single(self, group: list[int]) -> frozenset[int] | None:
        """A machine with one package and what it requires; None, and a finding, when it cannot be installed."""
        package = self.solver.package(group[0])
        self.evaluator.scenario = f"{ScenarioKind.SINGLE_PACKAGE.value} {package.name}"
        try:
            return self._install([group])
        except Unsatisfiable as error:
            self._add_scenario(ScenarioKind.SINGLE_PACKAGE, package.name, (), UpgradeOutcome.NOT_INSTALLABLE)
            self._add_finding(
                "not-installable",
                Severity.WARNING,
                str(package.nevra),
                f"it cannot be installed: {summarize_problems(error.problems)}",
                "none for the earlier release: its versions are compared anyway",
            )
            return None

    def _install(self, groups: Sequence[Sequence[int]]) -> frozenset[int]:
        """A machine with these packages; with packages of mirrored upstreams only if necessary."""
        try:
            return self.solver.install(groups, _OLD_SIDES)
        except Unsatisfiable:
            return self.solver.install(groups, _OLD_SIDES_WITH_UPSTREAMS)

    def _check_profile(self, profile: Profile) -> None:
        self.evaluator.scenario = f"{ScenarioKind.PROFILE.value} {profile.name}"
        before, after, base = self.evaluator.before, self.evaluator.after, self.evaluator.base
        known = [name for name in profile.packages if name in before or name in base]
        for name in profile.packages:
            if name not in known and name not in after:
                self._add_finding(
                    "profile",
                    Severity.WARNING,
                    name,
                    f"the profile {profile.name} lists it, but neither the releases nor the operating system have it",
                    "correct the name in repos.yaml, or remove it",
                )
        groups = [get_newest_ids(before.get(name) or base[name]) for name in known]
        if not groups:
            self._add_scenario(ScenarioKind.PROFILE, profile.name, (), UpgradeOutcome.NOT_INSTALLABLE)
            return
        try:
            machine = self._install(groups)
        except Unsatisfiable as error:
            self._add_scenario(ScenarioKind.PROFILE, profile.name, (), UpgradeOutcome.NOT_INSTALLABLE)
            self._add_finding(
                "not-installable",
                Severity.WARNING,
                profile.name,
                f"the packages of the profile cannot be installed together: {summarize_problems(error.problems)}",
                "correct the profile in repos.yaml",
            )
            return
        self._check_scenario(ScenarioKind.PROFILE, profile.name, machine)

    # ---- after the update --------------------------------------------------------------------------------------

    def _check_scenario(self, kind: ScenarioKind, name: str, machine: frozenset[int]) -> None:
        """Update the machine, and compare what is installed then with what should be."""
        self.evaluator.scenario = f"{kind.value} {name}".strip()
        self.seen |= machine
        # What is found of a machine depends on its packages and the new release, and never on the other packages of the
        # earlier release. What is wrong names that release, and is found again.
        identity = self.solver.identify(machine)
        if kind is ScenarioKind.SINGLE_PACKAGE and identity in self.known:
            self._add_scenario(kind, name, machine, UpgradeOutcome.OK)
            return
        try:
            end = self.solver.update(machine, CLIENT_SIDES)
        except Unsatisfiable as error:
            self.findings.append(self._make_refusal(kind="update", error=error))
            self._add_scenario(kind, name, machine, UpgradeOutcome.FAILED)
            return
        findings = [
            *self.evaluator.compare_machines(machine, end),
            *self.evaluator.find_file_conflicts(machine, end),
        ]
        if kind is not ScenarioKind.SINGLE_PACKAGE:
            findings += self._check_second_update(end)
        outcome = UpgradeOutcome.OK
        if any(_is_downgrade(finding, Severity.NOTE) for finding in findings):
            findings, outcome = self._try_distro_sync(machine, findings)
        if any(finding.severity is Severity.ERROR for finding in findings):
            outcome = UpgradeOutcome.FAILED
        if not findings:
            self.known.add(identity)
        self.findings += findings
        self._add_scenario(kind, name, machine, outcome)

    def _try_distro_sync(
        self, machine: frozenset[int], findings: list[Finding]
    ) -> tuple[list[Finding], UpgradeOutcome]:
        """Whether distro-sync gets a machine to the new release if a declared downgrade keeps `update` from it.

        Packages that `update` does not update because of the downgrade are no findings then. An undeclared downgrade
        is still one.
        """
        try:
            end = self.solver.distro_sync(machine, CLIENT_SIDES)
        except Unsatisfiable as error:
            refusal = self._make_refusal(kind="distro-sync", error=error)
            return [*findings, refusal], UpgradeOutcome.FAILED
        undeclared = {finding.subject for finding in findings if _is_downgrade(finding, Severity.ERROR)}
        kept = [
            finding
            for finding in findings
            if finding.rule not in NOT_UPDATED_RULES or finding.rule == "downgrade"
        ]
        failed = [
            self.evaluator.make_finding(
                "distro-sync",
                Severity.ERROR,
                finding.subject,
                f"distro-sync does not install the new version either: {finding.message}",
                finding.fix,
            )
            for finding in self.evaluator.compare_machines(machine, end)
            if finding.rule in NOT_UPDATED_RULES and finding.subject not in undeclared
        ]
        conflicts = self.evaluator.find_file_conflicts(machine, end)
        return [*kept, *failed, *conflicts], UpgradeOutcome.DISTRO_SYNC

    def _make_refusal(self, *, kind: str, error: Unsatisfiable) -> Finding:
        """The finding when the package manager would change nothing at all."""
        return self.evaluator.make_finding(
            kind,
            Severity.ERROR,
            self.evaluator.new,
            f"{kind} is not possible: {summarize_problems(error.problems)}",
            "fix the dependencies in the message",
        )

    def _check_second_update(self, end: frozenset[int]) -> Iterator[Finding]:
        """A second update must change nothing, or a nightly update would change the machine every night."""
        again = self.solver.update(end, CLIENT_SIDES)
        for number in sorted(again - end):
            package = self.solver.package(number)
            yield self.evaluator.make_finding(
                "unstable",
                Severity.ERROR,
                package.name,
                f"a second update installs {package.nevra} from {package.repository}",
                "find the packages that obsolete each other",
            )

    def _check_uninstallable(self) -> None:
        """Compare the versions of packages that could not be installed in any scenario."""
        seen = {self.solver.package(number).name for number in self.seen}
        for name, packages in self.evaluator.before.items():
            targets = self.evaluator.after.get(name, [])
            if name not in seen and targets:
                old, target = find_newest(packages), find_newest(targets)
                if compare_evr(old.nevra.evr, target.nevra.evr) > 0:
                    self.findings.append(self.evaluator.report_downgrade(old, target))

    def _add_finding(self, rule: str, severity: Severity, subject: str, message: str, fix: str) -> None:
        self.findings.append(self.evaluator.make_finding(rule, severity, subject, message, fix))

    def _add_scenario(
        self, kind: ScenarioKind, name: str, machine: Iterable[int], outcome: UpgradeOutcome
    ) -> None:
        installed = len(self.old.intersection(machine))
        self.scenarios.append(
            Scenario(release=self.evaluator.old, kind=kind, name=name, installed=installed, outcome=outcome)
        )


def _is_downgrade(finding: Finding, severity: Severity) -> bool:
    """True for a downgrade: a note if it is declared in repos.yaml, else an error."""
    return finding.rule == "downgrade" and finding.severity is severity
