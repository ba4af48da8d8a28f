"""Two releases, the operating system and an upstream as repositories of tiny packages, for upgrades between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from altai_build.model.findings import Finding
from altai_build.model.upgrade import Side, UpgradeReport
from altai_build.rules.upgrade import CLIENT_SIDES, UpgradePolicy, select_newest_per_arch
from altai_build.stages.replacements import check_single_release
from altai_build.stages.upgrade import check_upgrade, make_upgrade_report
from altai_build.tools.repo.metadata import read_local_metadata
from altai_build.tools.solver.upgrades import UpgradeSolver
from tests.kit.repositories import Package, make_repository

NO_POLICY = UpgradePolicy()


@dataclass(frozen=True)
class ReleasePair:
    """The repositories old, new, base, and upstream (of mirrored packages, which a client may have enabled)."""

    folder: Path
    places: dict[str, Path]

    def make_solver(self) -> UpgradeSolver:
        solver = UpgradeSolver("x86_64", cache=self.folder / "cache", packages=self.folder / "packages")
        for name, side in (
            ("old", Side.OLD),
            ("new", Side.NEW),
            ("base", Side.BASE),
            ("upstream", Side.UPSTREAM),
        ):
            if name in self.places:
                solver.add(read_local_metadata(name, self.places[name]), side)
        return solver

    def check(self, policy: UpgradePolicy = NO_POLICY, *, ours: Sequence[str] | None = None) -> UpgradeReport:
        solver = self.make_solver()
        names = (
            frozenset(package.name for package in solver.packages(Side.NEW))
            if ours is None
            else frozenset(ours)
        )
        alone = list(
            check_single_release("2", solver, own_names=names, with_upstreams="upstream" in self.places)
        )
        check = check_upgrade("1", "2", solver, policy, own_names=names)
        return make_upgrade_report("2", [check], alone, policy)

    def client(self, *names: str) -> dict[str, Path]:
        return {name: self.places[name] for name in names if name in self.places}

    def predicted(self, *, distro_sync: bool = False) -> tuple[set[str], set[str]]:
        """The NEVRAs on a machine with all packages of the earlier release, before and after the upgrade."""
        solver = self.make_solver()
        machine = solver.install(
            [[package.solver_id] for package in select_newest_per_arch(solver.packages(Side.OLD))],
            (Side.OLD, Side.BASE),
        )
        end = (solver.distro_sync if distro_sync else solver.update)(machine, CLIENT_SIDES)
        before, after = (
            {str(solver.package(number).nevra) for number in numbers} for numbers in (machine, end)
        )
        return before, after


def make_pair(folder: Path, **repositories: Sequence[Package]) -> ReleasePair:
    """Build the packages of the repositories `old`, `new`, `base` and `upstream`, as far as they are given."""
    places = {name: make_repository(folder / name, packages) for name, packages in repositories.items()}
    return ReleasePair(folder=folder, places=places)


def summarize(findings: Sequence[Finding]) -> set[tuple[str, str, str]]:
    """(severity, rule, subject) of each finding."""
    return {(finding.severity.value, finding.rule, finding.subject) for finding in findings}
