"""Find the packages of a release that others replace: in the release itself, in base, and in upstreams of mirrors."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from altai_build.model.findings import Finding, Severity
from altai_build.model.upgrade import Side, UpgradePackage
from altai_build.rules.upgrade import CLIENT_SIDES, group_by_name, select_newest_per_arch, suggest_epoch
from altai_build.tools.solver.upgrades import UpgradeSolver


def check_single_release(
    release: str, solver: UpgradeSolver, *, own_names: frozenset[str], with_upstreams: bool
) -> Iterator[Finding]:
    """Findings about the new release itself: cycles of obsoletes, and packages that other repositories replace.

    `with_upstreams`: the solver has the upstreams of mirrored packages, which clients may have enabled too.
    """
    yield from _check_obsoletes(release, solver)
    groups = [[package.solver_id] for package in select_newest_per_arch(solver.packages(Side.NEW))]
    machine = solver.install(groups, CLIENT_SIDES, weak=True)
    installed = [solver.package(number) for number in machine]
    released = group_by_name(package for package in installed if package.side is Side.NEW)
    for side in (Side.BASE, *((Side.UPSTREAM,) if with_upstreams else ())):
        sides = CLIENT_SIDES if side is Side.BASE else (*CLIENT_SIDES, side)
        for number in sorted(solver.update(machine, sides) - machine):
            package = solver.package(number)
            if package.side is side:
                yield from _find_replaced(package, released, solver, own_names)


def _find_replaced(
    package: UpgradePackage,
    released: Mapping[str, Sequence[UpgradePackage]],
    solver: UpgradeSolver,
    own_names: frozenset[str],
) -> Iterator[Finding]:
    """The packages of the release that a package of another repository replaces."""
    obsoleted = solver.find_obsoleted(package.solver_id, released)
    for replaced in (replaced for group in released.values() for replaced in group):
        if replaced.name != package.name and replaced.solver_id not in obsoleted:
            continue
        verb = "obsoletes" if replaced.solver_id in obsoleted else "is newer than"
        if replaced.name in own_names:
            severity = Severity.ERROR if package.side is Side.BASE else Severity.WARNING
            epoch = suggest_epoch([package.nevra], replaced.nevra)
            fix = f"{epoch}, or let clients exclude it from {package.repository}"
        else:
            severity = Severity.NOTE
            fix = "lock the newer version (`altai-build deps lock --update`) if clients should get it"
        yield Finding(
            rule="replaced",
            severity=severity,
            subject=replaced.name,
            message=f"{package.nevra} of {package.repository} {verb} {replaced.nevra}: a later update installs it",
            fix=fix,
        )


def _check_obsoletes(release: str, solver: UpgradeSolver) -> Iterator[Finding]:
    """Packages that obsolete each other in a cycle, or another package of their own release."""
    packages = {package.solver_id: package for side in CLIENT_SIDES for package in solver.packages(side)}
    names = group_by_name(packages.values())
    edges = {number: found for number in packages if (found := solver.find_obsoleted(number, names))}
    for package in solver.packages(Side.NEW):
        cycle = _find_obsoletes_cycle(package.solver_id, edges)
        if cycle is None:
            for number in sorted(edges.get(package.solver_id, ())):
                obsoleted = packages[number]
                if obsoleted.side is Side.NEW:
                    yield Finding(
                        rule="obsoleted",
                        severity=Severity.ERROR,
                        subject=obsoleted.name,
                        message=f"{package.nevra} obsoletes it, and {release} contains both",
                        fix=f"narrow the Obsoletes of {package.name}, or remove {obsoleted.name} from the release",
                    )
        elif package.solver_id == min(number for number in cycle if packages[number].side is Side.NEW):
            # Each cycle is reported once, for one of its packages.
            steps = " → ".join(str(packages[number].nevra) for number in (*cycle, cycle[0]))
            yield Finding(
                rule="obsoletes-loop",
                severity=Severity.ERROR,
                subject=package.name,
                message=f"each package obsoletes the next: {steps}",
                fix="give the Obsoletes an upper bound: `Obsoletes: NAME < VERSION`",
            )


def _find_obsoletes_cycle(start: int, edges: Mapping[int, frozenset[int]]) -> list[int] | None:
    """The shortest cycle of obsoletes from a package back to itself; None when there is none."""
    paths = deque([[start]])
    reached: set[int] = set()
    while paths:
        path = paths.popleft()
        for target in sorted(edges.get(path[-1], ())):
            if target == start:
                return path
            if target not in reached:
                reached.add(target)
                paths.append([*path, target])
    return None
