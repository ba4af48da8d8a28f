"""What an update could replace is known before the solver is asked, which agrees."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import solv

from altai_build.model.upgrade import Side
from altai_build.tools.repo.metadata import read_local_metadata
from altai_build.tools.solver.candidates import UpdateCandidates
from altai_build.tools.solver.pool import PackagePool
from altai_build.tools.solver.resolve import Unsatisfiable
from altai_build.tools.solver.upgrades import UpgradeSolver
from tests.kit.repositories import Package, build_packages, index_repository, make_repository

P = Package
OLD_SIDES, CLIENT = (Side.OLD, Side.BASE), (Side.NEW, Side.BASE)


def test_candidates_are_packages_of_the_name_and_what_obsoletes_it(tmp_path: Path) -> None:
    packages = [P("a"), P("b", obsoletes=["a < 1", "b < 1"]), P("c"), P("d", provides=["c"])]
    pool = PackagePool("x86_64", cache=tmp_path / "cache")
    repo = pool.add_repository(read_local_metadata("r", make_repository(tmp_path / "r", packages)))
    assert repo
    solvables = {solvable.name: solvable for repo, _ in pool.repositories for solvable in repo.solvables}
    candidates = UpdateCandidates(solvables.values())
    assert candidates.find(solvables["a"]) is None
    assert candidates.find(solvables["b"]) == [solvables["b"].id]
    assert candidates.find(solvables["c"]) == [solvables["c"].id]
    assert UpdateCandidates([]).find(solvables["c"]) == []


def random_packages(source: random.Random) -> Iterator[tuple[Package, Package | None]]:
    """Packages of an earlier release, each with what the new one has of it."""
    names = [f"p{number}" for number in range(30)]
    for number, name in enumerate(names):
        needed = source.sample(names[:number], min(number, source.choice([0, 0, 1, 2])))
        provides = [f"virtual{number % 7}"]
        old = P(
            name,
            requires=[*needed, *source.choice([[], ["virtual0"], ["/opt/base/tool"]])],
            provides=provides,
        )
        new: Package | None = old
        if source.random() < 0.1:
            new = P(name, "2.0", requires=needed, provides=provides)
        elif source.random() < 0.05:
            new = P(name, "0.5", provides=provides)
        elif source.random() < 0.05:
            new = P(name, vendor="Other", requires=needed, provides=provides)
        elif source.random() < 0.08:
            new = None
        elif source.random() < 0.08:
            new = P(
                name, "1.1", obsoletes=[f"{source.choice(names)} < 2", f"{name} < 1.1"], provides=provides
            )
        yield old, new


def make_solver(folder: Path, **repositories: Sequence[Package]) -> UpgradeSolver:
    """A solver with these packages on its sides; a package that several sides have is the same file."""
    solver = UpgradeSolver("x86_64", cache=folder / "cache", packages=folder / "packages")
    built: list[tuple[Package, Path]] = []
    for name, packages in repositories.items():
        known = [package for package, _ in built]
        missing = [package for package in packages if package not in known]
        built += zip(missing, build_packages(folder / f"new in {name}", missing))
        directory = folder / name
        directory.mkdir()
        for package, file in built:
            if package in packages:
                (directory / file.name).hardlink_to(file)
        index_repository(directory, None)
        solver.add(read_local_metadata(name, directory), Side(name))
    return solver


@pytest.mark.parametrize("seed", range(2))
def test_without_candidates_the_solver_changes_nothing_either(seed: int, tmp_path: Path) -> None:
    world = list(random_packages(random.Random(seed)))
    solver = make_solver(
        tmp_path,
        old=[old for old, _ in world],
        new=[new for _, new in world if new is not None],
        base=[P("base", files={"/opt/base/tool": ""}), P("p3", "0.1")],
    )
    asked = 0
    for package in solver.packages(Side.OLD):
        machine = solver.install([[package.solver_id]], OLD_SIDES)
        try:
            end = solver._solve_all_installed(machine, CLIENT, solv.Job.SOLVER_UPDATE)
        except Unsatisfiable:
            end = None
        if solver._has_candidates(machine, CLIENT):
            asked += 1
        else:
            assert end == machine == solver.update(machine, CLIENT)
    assert 0 < asked < len(world)


def test_an_update_without_candidates_asks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    same = P("same")
    solver = make_solver(
        tmp_path, old=[same, P("gone", requires=["same"]), P("older")], new=[same, P("older", "2.0")]
    )
    numbers = {package.name: package.solver_id for package in solver.packages(Side.OLD)}
    machine = solver.install([[numbers["gone"]]], OLD_SIDES)
    other = solver.install([[numbers["older"]]], OLD_SIDES)
    monkeypatch.setattr(UpgradeSolver, "_solve_jobs", None)
    assert solver.update(machine, CLIENT) == machine == {numbers["same"], numbers["gone"]}
    with pytest.raises(TypeError):
        solver.update(other, CLIENT)
