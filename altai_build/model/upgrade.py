"""Upgrades from one release to another: where they start, where they must end, and what was found on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum

from altai_build.model.findings import Finding, Severity, Waiver
from altai_build.model.nevra import Nevra


class Side(str, Enum):
    """Which set of repositories a package is offered by."""

    OLD = "old"  # the earlier release
    NEW = "new"  # the release that is checked
    BASE = "base"  # the operating system
    UPSTREAM = "later"  # upstream of what the release mirrors: a client may have it enabled too


@dataclass(frozen=True)
class Package:
    """One package that an upgrade may start from or end with; `id` is its number in the solver's pool."""

    id: int
    nevra: Nevra
    side: Side
    repository: str
    vendor: str

    @property
    def name(self) -> str:
        """Its name."""
        return self.nevra.name


class ScenarioKind(str, Enum):
    """What is installed before the upgrade."""

    ALL = "all"  # every package of the earlier release
    SINGLE_PACKAGE = "alone"  # one package of it, with all that it requires
    PROFILE = "profile"  # the packages that repos.yaml names together


class UpgradeOutcome(str, Enum):
    """How an upgrade ends."""

    OK = "ok"  # exactly at the new release's versions
    DISTRO_SYNC = "distro-sync"  # the same, by `distro-sync`: a downgrade was declared
    NOT_INSTALLABLE = "not installable"  # nobody can be there to start from
    FAILED = "failed"


@dataclass(frozen=True)
class Scenario:
    """One start and how the upgrade from there ended; `installed` counts the packages of the earlier release."""

    release: str
    start: ScenarioKind
    name: str  # of the package, or of the profile; "" for all
    installed: int
    outcome: UpgradeOutcome


@dataclass(frozen=True)
class UpgradeFinding:
    """One thing that is wrong with upgrades to a release; `scenarios` it was met in, as the answer names them.

    `release` is the earlier one; empty where the fault is the new release's own.
    """

    rule: str
    severity: Severity
    release: str
    subject: str
    message: str
    fix: str
    scenarios: tuple[str, ...] = ()

    @property
    def finding(self) -> Finding:
        """The same as other checks tell it."""
        start = f"from {self.release}: " if self.release else ""
        return Finding(
            rule=self.rule, severity=self.severity, subject=self.subject, message=f"{start}{self.message}"
        )


@dataclass(frozen=True)
class UpgradeReport:
    """The answer of `upgrade-check`; `releases` are the earlier ones, oldest first."""

    release: str
    releases: tuple[str, ...]
    scenarios: tuple[Scenario, ...]
    problems: tuple[UpgradeFinding, ...]

    @property
    def ok(self) -> bool:
        """True when every earlier release can be upgraded to exactly this one."""
        return not self.errors

    @property
    def errors(self) -> tuple[UpgradeFinding, ...]:
        """What has to be mended before the release can go out."""
        return tuple(one for one in self.problems if one.severity is Severity.ERROR)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The problems as other checks tell theirs."""
        return tuple(one.finding for one in self.problems)

    def outcome(self, release: str) -> UpgradeOutcome:
        """The worst outcome of upgrades from one earlier release."""
        reached = {one.outcome for one in self.scenarios if one.release == release}
        failed = any(one.release == release for one in self.errors)
        if failed or UpgradeOutcome.FAILED in reached:
            return UpgradeOutcome.FAILED
        worst = (UpgradeOutcome.DISTRO_SYNC, UpgradeOutcome.OK, UpgradeOutcome.NOT_INSTALLABLE)
        return next((one for one in worst if one in reached), UpgradeOutcome.NOT_INSTALLABLE)


@dataclass(frozen=True)
class AllowedDowngrade:
    """A package that may be older in a later release, and why (`allow_downgrades` of repos.yaml)."""

    package: str
    reason: str


@dataclass(frozen=True)
class Profile:
    """Packages that are installed together on one kind of machine (`profiles` of repos.yaml)."""

    name: str
    packages: tuple[str, ...]


def waive_upgrade_finding(problem: UpgradeFinding, waivers: Sequence[Waiver], today: date) -> UpgradeFinding:
    """The problem as a note where a waiver that still holds covers it; verify tells of those that expired."""
    valid = (one for one in waivers if one.expires >= today and one.covers(problem.finding))
    waiver = next(valid, None)
    if waiver is None or problem.severity is Severity.NOTE:
        return problem
    message = f"{problem.message} (waived until {waiver.expires}: {waiver.reason})"
    return replace(problem, severity=Severity.NOTE, message=message)


def merge_findings(problems: Sequence[UpgradeFinding]) -> tuple[UpgradeFinding, ...]:
    """Each problem once, with all the scenarios it was met in; the worst first."""
    found: dict[tuple[object, ...], list[str]] = {}
    first: dict[tuple[object, ...], UpgradeFinding] = {}
    for one in problems:
        key = (one.rule, one.severity, one.release, one.subject, one.message, one.fix)
        first.setdefault(key, one)
        found.setdefault(key, []).extend(one.scenarios)
    order = list(Severity)
    merged = [
        UpgradeFinding(
            rule=one.rule,
            severity=one.severity,
            release=one.release,
            subject=one.subject,
            message=one.message,
            fix=one.fix,
            scenarios=tuple(dict.fromkeys(found[key])),
        )
        for key, one in first.items()
    ]
    return tuple(sorted(merged, key=lambda one: (order.index(one.severity), one.rule, one.subject)))
