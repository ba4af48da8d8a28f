"""Upgrades from one release to another: scenarios, their outcomes, and the settings in repos.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from altai_build.model.findings import Finding, Severity, select_errors
from altai_build.model.nevra import Nevra


class Side(str, Enum):
    """Which set of repositories a package is in."""

    # The earlier release.
    OLD = "old"
    # The release that is checked.
    NEW = "new"
    # The operating system.
    BASE = "base"
    # The upstreams of mirrored packages, which a client may have enabled too.
    UPSTREAM = "upstream"


@dataclass(frozen=True)
class UpgradePackage:
    """One package before or after an upgrade; `solver_id` is its number in the solver's pool."""

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

    # Every package of the earlier release.
    ALL = "all"
    # One of its packages, with all that it requires.
    SINGLE_PACKAGE = "alone"
    # The packages of a profile in repos.yaml.
    PROFILE = "profile"


class UpgradeOutcome(str, Enum):
    """The result of an upgrade."""

    # `update` installs exactly the new release's versions.
    OK = "ok"
    # `distro-sync` does, because a downgrade was declared.
    DISTRO_SYNC = "distro-sync"
    # The packages cannot be installed from the earlier release.
    NOT_INSTALLABLE = "not installable"
    FAILED = "failed"


@dataclass(frozen=True)
class Scenario:
    """One upgrade and its outcome; `installed` counts the packages of the earlier release before it."""

    release: str
    kind: ScenarioKind
    # Of the package, or of the profile; "" for all packages.
    name: str
    installed: int
    outcome: UpgradeOutcome


@dataclass(frozen=True)
class UpgradeReport:
    """The result of `upgrade-check`; `releases` are the earlier ones, oldest first."""

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
        outcomes = {scenario.outcome for scenario in self.scenarios if scenario.release == release}
        failed = any(error.upgrade_from == release for error in self.errors)
        if failed or UpgradeOutcome.FAILED in outcomes:
            return UpgradeOutcome.FAILED
        order = (UpgradeOutcome.DISTRO_SYNC, UpgradeOutcome.OK, UpgradeOutcome.NOT_INSTALLABLE)
        return next((outcome for outcome in order if outcome in outcomes), UpgradeOutcome.NOT_INSTALLABLE)


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
