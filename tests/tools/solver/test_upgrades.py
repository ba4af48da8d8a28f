"""What update and distro-sync do to a machine; tests/stages/test_upgrade.py compares that with a real dnf."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from altai_build.model.upgrade import Side
from altai_build.tools.repo.metadata import read_local_metadata
from altai_build.tools.solver.resolve import Unsatisfiable
from altai_build.tools.solver.upgrades import UpdateResults, UpgradeSolver
from tests.kit.repositories import Package, make_repository

P = Package
OLD_SIDES, CLIENT = (Side.OLD, Side.BASE), (Side.NEW, Side.BASE)


def make_solver(folder: Path, **repositories: Sequence[Package]) -> UpgradeSolver:
    solver = UpgradeSolver("x86_64", cache=folder / "cache", packages=folder / "packages")
    for name, packages in repositories.items():
        solver.add(read_local_metadata(name, make_repository(folder / name, packages)), Side(name))
    return solver


def find(solver: UpgradeSolver, side: Side, name: str) -> int:
    (number,) = [package.solver_id for package in solver.packages(side) if package.name == name]
    return number


def nevras(solver: UpgradeSolver, numbers: Iterable[int]) -> set[str]:
    return {str(solver.package(number).nevra).removesuffix(".noarch") for number in numbers}


def test_install_takes_what_is_required_from_the_given_sides_only(tmp_path: Path) -> None:
    solver = make_solver(tmp_path, old=[P("a", requires=["lib"])], new=[P("lib", "2")], base=[P("lib", "1")])
    group = [find(solver, Side.OLD, "a")]
    assert nevras(solver, solver.install([group], OLD_SIDES)) == {"a-1.0-1", "lib-1-1"}
    with pytest.raises(Unsatisfiable, match="nothing provides lib"):
        solver.install([group], (Side.OLD,))


def test_weak_installs_as_many_as_fit_together(tmp_path: Path) -> None:
    solver = make_solver(tmp_path, old=[P("a", conflicts=["b"]), P("b"), P("c")])
    groups = [[package.solver_id] for package in solver.packages(Side.OLD)]
    with pytest.raises(Unsatisfiable):
        solver.install(groups, OLD_SIDES)
    installed = nevras(solver, solver.install(groups, OLD_SIDES, weak=True))
    assert "c-1.0-1" in installed and len(installed) == 2


def test_update_never_downgrades_and_distro_sync_does(tmp_path: Path) -> None:
    solver = make_solver(tmp_path, old=[P("a", "2"), P("b", "1"), P("gone")], new=[P("a", "1"), P("b", "2")])
    machine = solver.install([[package.solver_id] for package in solver.packages(Side.OLD)], OLD_SIDES)
    assert nevras(solver, solver.update(machine, CLIENT)) == {"a-2-1", "b-2-1", "gone-1.0-1"}
    assert nevras(solver, solver.distro_sync(machine, CLIENT)) == {"a-1-1", "b-2-1", "gone-1.0-1"}


def test_a_package_that_cannot_be_installed_is_explained(tmp_path: Path) -> None:
    solver = make_solver(
        tmp_path, old=[P("lib", "1"), P("app", requires=["lib = 1"])], new=[P("lib", "2"), P("other")]
    )
    machine = solver.install([[package.solver_id] for package in solver.packages(Side.OLD)], OLD_SIDES)
    assert solver.explain_not_installable(machine, find(solver, Side.NEW, "other"), CLIENT) == ()
    problems = solver.explain_not_installable(machine, find(solver, Side.NEW, "lib"), CLIENT)
    assert any("app-1.0-1.noarch requires lib = 1" in problem for problem in problems)


def test_only_names_within_the_bounds_are_obsoleted(tmp_path: Path) -> None:
    solver = make_solver(
        tmp_path,
        old=[P("a", "1"), P("b", "2", "7"), P("c", "3"), P("d", provides=["virtual"])],
        new=[P("x", obsoletes=["a < 2", "b <= 2", "c < 3-1", "virtual"])],
    )
    old = {package.name: [package] for package in solver.packages(Side.OLD)}
    obsoleted = solver.find_obsoleted(find(solver, Side.NEW, "x"), old)
    assert nevras(solver, obsoleted) == {"a-1-1", "b-2-7"}


def test_files_that_only_the_complete_lists_contain_are_found(tmp_path: Path) -> None:
    solver = make_solver(
        tmp_path,
        old=[P("a", requires=["/opt/data/x"])],
        new=[P("a", "2", requires=["/opt/data/y"]), P("data", "2", files={"/opt/data/y": "y"})],
        base=[P("files", files={"/opt/data/x": "x"})],
    )
    machine = solver.install([[find(solver, Side.OLD, "a")]], OLD_SIDES)
    assert nevras(solver, machine) == {"a-1.0-1", "files-1.0-1"}
    assert nevras(solver, solver.update(machine, CLIENT)) == {"a-2-1", "data-2-1", "files-1.0-1"}


def test_only_the_selected_earlier_release_takes_part(tmp_path: Path) -> None:
    solver = make_solver(tmp_path, new=[P("a", "3")])
    for version in ("1", "2"):
        repository = make_repository(tmp_path / version, [P("a", version), P(f"only-{version}")])
        solver.add_previous_release(read_local_metadata("old", repository), version)
    assert solver.packages(Side.OLD) == ()
    for version in ("2", "1"):
        solver.select_previous_release(version)
        packages = solver.packages(Side.OLD)
        assert {package.name for package in packages} == {"a", f"only-{version}"}
        machine = solver.install([[package.solver_id] for package in packages], OLD_SIDES)
        assert nevras(solver, solver.update(machine, CLIENT)) == {"a-3-1", f"only-{version}-1.0-1"}


def test_a_file_that_a_scriptlet_requires_is_found_in_the_file_lists(tmp_path: Path) -> None:
    new = P("a", "2", preamble=["Requires(post): /opt/odd/tool"])
    solver = make_solver(
        tmp_path, old=[P("a", "1")], new=[new], base=[P("tool", files={"/opt/odd/tool": ""})]
    )
    machine = solver.install([[find(solver, Side.OLD, "a")]], OLD_SIDES)
    assert nevras(solver, solver.update(machine, CLIENT)) == {"a-2-1", "tool-1.0-1"}


def test_solvers_with_other_earlier_releases_share_what_updates_end_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repositories = {
        name: read_local_metadata(name, make_repository(tmp_path / name, packages))
        for name, packages in {
            "1": [P("other", "1"), P("a", "1")],
            "2": [P("a", "1"), P("b", "1")],
            "3": [P("c", "1"), P("a", "1")],
            "new": [P("b", "2"), P("a", "2"), P("c", "2")],
        }.items()
    }
    results = UpdateResults()

    def update_all(*releases: str) -> list[set[str]]:
        """The packages of each release after an update."""
        solver = UpgradeSolver("x86_64", cache=tmp_path / "cache", packages=tmp_path, results=results)
        for release in releases:
            solver.add_previous_release(repositories[release], release)
        solver.add(repositories["new"], Side.NEW)
        ends = []
        for release in releases:
            solver.select_previous_release(release)
            machine = [package.solver_id for package in solver.packages(Side.OLD)]
            ends.append(nevras(solver, solver.update(machine, CLIENT)))
        return ends

    assert update_all("1", "2") == [{"other-1-1", "a-2-1"}, {"a-2-1", "b-2-1"}]
    assert update_all("3") == [{"a-2-1", "c-2-1"}]
    monkeypatch.setattr(UpgradeSolver, "_solve_jobs", None)
    # The same machines, whose packages have other numbers in these solvers.
    assert update_all("3", "2") == [{"a-2-1", "c-2-1"}, {"a-2-1", "b-2-1"}]
    assert update_all("1") == [{"other-1-1", "a-2-1"}]
