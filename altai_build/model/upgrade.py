"""Upgrades from one release to another: where they start, where they must end, and what was found on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from altai_build.model.findings import Finding, Severity, select_errors
from altai_build.model.nevra import Nevra


class Side(str, Enum):
    """Which set of repositories a package is offered by."""

    OLD = "old"  # the earlier release
    NEW = "new"  # the release that is checked
    BASE = "base"  # the operating system
    UPSTREAM = "later"  # upstream of what the release mirrors: a client may have it enabled too


@dataclass(frozen=True)
class UpgradePackage:
    """One package that an upgrade may start from or end with; `solver_id` is its number in the solver's pool."""

    solver_id: int
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
    kind: ScenarioKind
    name: str  # of the package, or of the profile; "" for all
    installed: int
    outcome: UpgradeOutcome


@dataclass(frozen=True)
class UpgradeReport:
    """The answer of `upgrade-check`; `releases` are the earlier ones, oldest first."""

    release: str
    releases: tuple[str, ...]
    scenarios: tuple[Scenario, ...]
    findings: tuple[Finding, ...]

    @property
    def is_ok(self) -> bool:
        """True when every earlier release can be upgraded to exactly this one."""
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that keep the release from being published."""
        return select_errors(self.findings)

    def outcome(self, release: str) -> UpgradeOutcome:
        """The worst outcome of upgrades from one earlier release."""
        reached = {one.outcome for one in self.scenarios if one.release == release}
        failed = any(error.upgrade_from == release for error in self.errors)
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


def merge_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Each finding once, with all the scenarios in which it appears; the worst first."""
    scenarios: dict[Finding, list[str]] = {}
    for finding in findings:
        scenarios.setdefault(replace(finding, scenarios=()), []).extend(finding.scenarios)
    merged = [replace(finding, scenarios=tuple(dict.fromkeys(names))) for finding, names in scenarios.items()]
    order = list(Severity)
    return tuple(
        sorted(merged, key=lambda finding: (order.index(finding.severity), finding.rule, finding.subject))
    )
