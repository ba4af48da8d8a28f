"""upgrade-check ends where a real dnf ends, and names every way in which an upgrade goes wrong."""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from altai_build.model.upgrade import (
    AllowedDowngrade,
    Profile,
    ScenarioKind,
    Side,
    UpgradeOutcome,
    UpgradeReport,
)
from altai_build.rules.upgrade import (
    NOT_UPDATED_RULES,
    UpgradePolicy,
)
from altai_build.stages.replacements import check_single_release
from altai_build.stages.upgrade import check_upgrade
from altai_build.tools.repo.metadata import read_local_metadata
from altai_build.tools.solver.upgrades import UpgradeSolver
from tests.conftest import Require
from tests.kit.machine import Machine
from tests.kit.repositories import Package, build_packages, index_repository, make_repository
from tests.kit.upgrades import NO_POLICY, ReleasePair, make_pair, summarize

P = Package
NOBODY: frozenset[str] = frozenset()


Make = Callable[..., ReleasePair]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return functools.partial(make_pair, tmp_path)


def outcome(found: UpgradeReport, kind: ScenarioKind = ScenarioKind.ALL, name: str = "") -> UpgradeOutcome:
    (scenario,) = (scenario for scenario in found.scenarios if (scenario.kind, scenario.name) == (kind, name))
    return scenario.outcome


@dataclass(frozen=True)
class Case:
    """Repositories, and what must come out for a machine with all of the earlier release."""

    old: Sequence[Package]
    new: Sequence[Package]
    end: Sequence[str]
    findings: frozenset[tuple[str, str, str]] = frozenset()
    base: Sequence[Package] = ()

    def get(self, side: str) -> Sequence[Package]:
        """Its packages of the repository old, new or base."""
        return {"old": self.old, "new": self.new, "base": self.base}[side]


def multilib(name: str, version: str, arch: str) -> Package:
    """A package that can be installed beside the same one of another architecture: what both have is the same."""
    files = {f"/usr/share/{name}/text": f"{version}\n", f"/usr/lib/{arch}/{name}": arch}
    return P(name, version, arch=arch, files=files, provides=[f"{name}-{arch}"])


CASES = {
    "update": Case([P("a"), P("b")], [P("a", "2"), P("b")], ["a-2-1.noarch", "b-1.0-1.noarch"]),
    "a package comes in": Case(
        [P("a")], [P("a", "2", requires=["c"]), P("c")], ["a-2-1.noarch", "c-1.0-1.noarch"]
    ),
    "downgrade": Case(
        [P("a", "2")], [P("a", "1")], ["a-2-1.noarch"], frozenset({("error", "downgrade", "a")})
    ),
    "downgrade of the release alone": Case(
        [P("a", "1", "2")], [P("a", "1", "1")], ["a-1-2.noarch"], frozenset({("error", "downgrade", "a")})
    ),
    "downgrade fixed by the epoch": Case([P("a", "2")], [P("a", "1", epoch=1)], ["a-1:1-1.noarch"]),
    "epoch dropped": Case(
        [P("a", "1", epoch=1)], [P("a", "2")], ["a-1:1-1.noarch"], frozenset({("error", "downgrade", "a")})
    ),
    "tilde and caret": Case(
        [P("a", "2~rc1"), P("b", "2")], [P("a", "2"), P("b", "2^git1")], ["a-2-1.noarch", "b-2^git1-1.noarch"]
    ),
    "split by requirement": Case(
        [P("a", "1")],
        [P("a", "2", requires=["a-libs = 2"]), P("a-libs", "2")],
        ["a-2-1.noarch", "a-libs-2-1.noarch"],
    ),
    "split by obsoletes": Case(
        [P("a", "1")],
        [P("a-bin", "2", obsoletes=["a < 2"]), P("a-libs", "2", obsoletes=["a < 2"])],
        ["a-bin-2-1.noarch", "a-libs-2-1.noarch"],
    ),
    "merge": Case(
        [P("a", "1"), P("a-extra", "1", requires=["a = 1"])],
        [P("a", "2", obsoletes=["a-extra < 2"], provides=["a-extra = 2"])],
        ["a-2-1.noarch"],
    ),
    "rename": Case(
        [P("a", "1"), P("app", "1", requires=["a"])],
        [P("b", "1", obsoletes=["a <= 1"], provides=["a = 2"]), P("app", "1", requires=["a"])],
        ["b-1-1.noarch", "app-1-1.noarch"],
    ),
    "noarch becomes arch": Case(
        [P("a", "1")],
        [P("a", "2", arch="x86_64")],
        ["a-2-1.x86_64"],
        frozenset({("note", "arch-change", "a")}),
    ),
    "arch becomes noarch": Case(
        [P("a", "1", arch="x86_64")],
        [P("a", "2")],
        ["a-2-1.noarch"],
        frozenset({("note", "arch-change", "a")}),
    ),
    "another arch of the same version": Case(
        [P("a", "1")],
        [P("a", "1", arch="x86_64")],
        ["a-1-1.noarch"],
        frozenset({("warning", "arch-change", "a")}),
    ),
    "an old package holds another back": Case(
        [P("lib", "1"), P("app", "1", requires=["lib = 1"])],
        [P("lib", "2")],
        ["lib-1-1.noarch", "app-1-1.noarch"],
        frozenset({("error", "left-behind", "lib"), ("warning", "left-over", "app")}),
    ),
    "the old package is obsoleted": Case(
        [P("lib", "1"), P("app", "1", requires=["lib = 1"])],
        [P("lib", "2", obsoletes=["app <= 1"])],
        ["lib-2-1.noarch"],
    ),
    "a requirement that nothing meets": Case(
        [P("a", "1"), P("b", "1")],
        [P("a", "2", requires=["nowhere >= 3"]), P("b", "2")],
        ["a-1-1.noarch", "b-2-1.noarch"],
        frozenset({("error", "left-behind", "a")}),
    ),
    "a conflict with what stays": Case(
        [P("a", "1"), P("b", "1")],
        [P("a", "2", conflicts=["b"]), P("b", "1")],
        ["a-1-1.noarch", "b-1-1.noarch"],
        frozenset({("error", "left-behind", "a")}),
    ),
    "dropped": Case(
        [P("a", "1"), P("gone", "1")],
        [P("a", "2")],
        ["a-2-1.noarch", "gone-1-1.noarch"],
        frozenset({("warning", "left-over", "gone")}),
    ),
    "dropped, and the system has it": Case(
        [P("a", "1"), P("gone", "1")],
        [P("a", "2")],
        ["a-2-1.noarch", "gone-3-1.noarch"],
        base=[P("gone", "3")],
    ),
    "the system has a newer one": Case(
        [P("a", "1")],
        [P("a", "2")],
        ["a-3-1.noarch"],
        frozenset({("error", "replaced", "a")}),
        base=[P("a", "3")],
    ),
    "the system obsoletes it": Case(
        [P("a", "1")],
        [P("a", "2")],
        ["z-1-1.noarch"],
        frozenset({("error", "replaced", "a")}),
        base=[P("z", "1", obsoletes=["a"])],
    ),
    "the release replaces a package of the system": Case(
        [P("a", "1", requires=["sys"])],
        [P("a", "2", requires=["sys >= 2"]), P("sys", "2")],
        ["a-2-1.noarch", "sys-2-1.noarch"],
        base=[P("sys", "1")],
    ),
    "a file moves to another package": Case(
        [P("a", "1", files={"/opt/data/x": "x"}), P("app", "1", requires=["/opt/data/x"])],
        [
            P("a", "2"),
            P("a-data", "2", files={"/opt/data/x": "x"}),
            P("app", "2", requires=["/opt/data/x"]),
        ],
        ["a-2-1.noarch", "a-data-2-1.noarch", "app-2-1.noarch"],
    ),
    "two architectures of one name": Case(
        [multilib("a", "1", "i686"), multilib("a", "1", "x86_64")],
        [multilib("a", "2", "i686"), multilib("a", "2", "x86_64")],
        ["a-2-1.i686", "a-2-1.x86_64"],
    ),
    "one of two architectures is dropped": Case(
        [multilib("a", "1", "i686"), multilib("a", "1", "x86_64")],
        [multilib("a", "2", "x86_64")],
        ["a-1-1.i686", "a-1-1.x86_64"],
        frozenset({("error", "left-behind", "a")}),
    ),
    "a package needs the other architecture of another": Case(
        [multilib("a", "1", "i686"), multilib("a", "1", "x86_64"), P("b", "1", requires=["a-i686"])],
        [multilib("a", "2", "i686"), multilib("a", "2", "x86_64"), P("b", "2", requires=["a-i686"])],
        ["a-2-1.i686", "a-2-1.x86_64", "b-2-1.noarch"],
    ),
    "another vendor": Case(
        [P("a", "1", vendor="Fedora")],
        [P("a", "2", vendor="Altai")],
        ["a-2-1.noarch"],
        frozenset({("warning", "vendor-change", "a")}),
    ),
    "a release that obsoletes its own package": Case(
        [P("a", "1")],
        [P("a", "2"), P("b", "1", obsoletes=["a < 3"])],
        ["b-1-1.noarch"],
        frozenset({("error", "obsoleted", "a")}),
    ),
}


@pytest.fixture(scope="module")
def root(require: Require) -> None:
    require(os.geteuid() == 0, "dnf installs into a root as root only")


SIDES = ("old", "new", "base")


@dataclass(frozen=True)
class Proof:
    """What dnf made of one machine that had the packages of all cases, each case's under names of its own."""

    worlds: dict[str, ReleasePair]
    before: set[str]
    after: set[str]


def get_prefix(name: str) -> str:
    """What the names of a case's packages begin with."""
    return f"case{list(CASES).index(name)}-"


def rename(package: Package, prefix: str) -> Package:
    """The same package with the prefix before each name, and behind the paths of its files."""
    own = f"/usr/share/{package.name}/"

    def path(path: str) -> str:
        return path.replace(own, f"/usr/share/{prefix}{package.name}/") if own in path else f"{path}-{prefix}"

    def rename_all(bounds: Sequence[str]) -> list[str]:
        return [path(bound) if bound.startswith("/") else prefix + bound for bound in bounds]

    return replace(
        package,
        name=prefix + package.name,
        files={path(where): text for where, text in package.files.items()},
        requires=rename_all(package.requires),
        provides=rename_all(package.provides),
        conflicts=rename_all(package.conflicts),
        obsoletes=rename_all(package.obsoletes),
    )


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory, root: None) -> Proof:
    """One install and one upgrade for all cases: a dnf for each would take a minute of processor time."""
    folder = tmp_path_factory.mktemp("proof")
    owners = [
        (name, side, package) for name, case in CASES.items() for side in SIDES for package in case.get(side)
    ]
    worlds = {
        name: ReleasePair(folder / str(number), {side: folder / str(number) / side for side in SIDES})
        for number, name in enumerate(CASES)
    }
    for world in worlds.values():
        for place in world.places.values():
            place.mkdir(parents=True)
    for side in SIDES:
        names = [name for name, of, _ in owners if of == side]
        packages = [rename(package, get_prefix(name)) for name, of, package in owners if of == side]
        for name, path in zip(names, build_packages(folder / side, packages)):
            os.link(path, worlds[name].places[side] / path.name)
        for place in (folder / side, *(world.places[side] for world in worlds.values())):
            index_repository(place, None)
    together = {side: folder / side for side in SIDES}
    machine = Machine(folder / "machine")
    wanted = {nevra for world in worlds.values() for nevra in world.predicted()[0]}
    machine.dnf({side: together[side] for side in ("old", "base")}, "install", *sorted(wanted))
    before = machine.installed()
    machine.dnf({side: together[side] for side in ("new", "base")}, "upgrade")
    return Proof(worlds, before, machine.installed())


@pytest.mark.parametrize("name", CASES)
def test_the_check_ends_where_dnf_ends(name: str, proof: Proof) -> None:
    case, prefix = CASES[name], get_prefix(name)
    world = proof.worlds[name]
    before, after = world.predicted()
    assert {nevra for nevra in proof.before if nevra.startswith(prefix)} == before
    assert {nevra for nevra in proof.after if nevra.startswith(prefix)} == after
    assert after == {prefix + nevra for nevra in case.end}
    found = world.check()
    assert summarize(found.findings) == {
        (severity, rule, prefix + subject) for severity, rule, subject in case.findings
    }
    failed = any(severity == "error" for severity, _, _ in case.findings)
    assert outcome(found) is (UpgradeOutcome.FAILED if failed else UpgradeOutcome.OK)
    assert found.is_ok is not failed


def test_all_packages_of_the_machine_belong_to_a_case(proof: Proof) -> None:
    prefixes = tuple(get_prefix(name) for name in CASES)
    for installed in (proof.before, proof.after):
        assert installed and {nevra for nevra in installed if not nevra.startswith(prefixes)} == set()
        assert {nevra.partition("-")[0] + "-" for nevra in installed} == set(prefixes)


STAYS = P("a", "1", files={"/opt/bin/x": "old\n"})
FILE_CONFLICTS = {
    "a file of a package that stays": (
        Case([STAYS], [P("b", files={"/opt/bin/x": "new\n"}), P("c")], ["b-1.0-1.noarch", "c-1.0-1.noarch"]),
        True,
    ),
    "the same file": (Case([STAYS], [P("b", files={"/opt/bin/x": "old\n"})], ["b-1.0-1.noarch"]), False),
    "the package that stays is obsoleted": (
        Case([STAYS], [P("b", files={"/opt/bin/x": "new\n"}, obsoletes=["a <= 1"])], []),
        False,
    ),
    "the package is updated too": (
        Case([STAYS], [P("a", "2"), P("b", files={"/opt/bin/x": "new\n"})], ["b-1.0-1.noarch"]),
        False,
    ),
}


@pytest.mark.parametrize("name", FILE_CONFLICTS)
def test_an_update_that_rpm_refuses_for_its_files_is_an_error(
    name: str, make: Make, tmp_path: Path, root: None
) -> None:
    """Something that every machine has brings the new packages in."""
    case, is_refused = FILE_CONFLICTS[name]
    wanted = [package.rpartition("-")[0].rpartition("-")[0] for package in case.end]
    world = make(
        old=[*case.old, P("meta", "1")], new=[*case.new, P("meta", "2", requires=wanted)], base=case.base
    )
    before, after = world.predicted()
    machine = Machine(tmp_path / "machine")
    machine.dnf(world.client("old", "base"), "install", *sorted(before))
    said = machine.dnf(world.client("new", "base"), "upgrade", fails=is_refused)
    assert ("conflicts with file from package a-0:1-1.noarch" in said) is is_refused
    assert machine.installed() == (before if is_refused else after)
    found = world.check()
    errors = {(finding.rule, finding.subject) for finding in found.errors}
    assert errors == ({("file-conflict", "b")} if is_refused else set())
    assert outcome(found) is (UpgradeOutcome.FAILED if is_refused else UpgradeOutcome.OK)
    if is_refused:
        (finding,) = found.errors
        assert "different files at /opt/bin/x" in finding.message
        assert "write `Obsoletes: a <= 1-1` in the spec of b" in finding.fix


@pytest.mark.parametrize(
    ("old", "new", "epoch"),
    [
        (P("a", "2"), P("a", "1"), 1),
        (P("a", "1", epoch=1), P("a", "2"), 1),
        (P("a", "3", epoch=1), P("a", "2"), 2),
        (P("a", "3", "2", epoch=4), P("a", "3", "1", epoch=4), 5),
    ],
)
def test_the_suggested_epoch_fixes_the_downgrade(
    old: Package, new: Package, epoch: int, make: Make, tmp_path: Path
) -> None:
    (finding,) = make(old=[old], new=[new]).check().errors
    assert finding.fix.startswith(f"write `Epoch: {epoch}` in the spec of a,")
    fixed = Package("a", new.version, new.release, epoch=epoch)
    place = make_repository(tmp_path / "fixed", [fixed])
    assert ReleasePair(tmp_path, {"old": tmp_path / "old", "new": place}).check().findings == ()
    if epoch > 1:
        lower = make_repository(tmp_path / "lower", [Package("a", new.version, new.release, epoch=epoch - 1)])
        assert not ReleasePair(tmp_path, {"old": tmp_path / "old", "new": lower}).check().is_ok


def test_a_declared_downgrade_is_proved_by_distro_sync(make: Make, tmp_path: Path, root: None) -> None:
    """The dependant is held back by `update`, and gets there together with what goes down."""
    old = [P("lib", "2"), P("app", "1", requires=["lib"])]
    new = [P("lib", "1"), P("app", "2", requires=["lib = 1"])]
    world = make(old=old, new=new)
    undeclared = world.check()
    assert summarize(undeclared.errors) == {("error", "downgrade", "lib"), ("error", "left-behind", "app")}
    policy = UpgradePolicy(allowed=(AllowedDowngrade(package="lib", reason="2 loses data"),))
    declared = world.check(policy)
    assert declared.is_ok and declared.outcome("1") is UpgradeOutcome.DISTRO_SYNC
    assert summarize(declared.findings) == {("note", "downgrade", "lib")}
    assert "2 loses data" in declared.findings[0].message
    before, after = world.predicted(distro_sync=True)
    machine = Machine(tmp_path / "machine")
    machine.dnf(world.client("old"), "install", *sorted(before))
    machine.dnf(world.client("new"), "distro-sync")
    assert machine.installed() == after == {"lib-1-1.noarch", "app-2-1.noarch"}


def test_a_declared_downgrade_that_distro_sync_cannot_make_is_an_error(make: Make) -> None:
    world = make(old=[P("lib", "2")], new=[P("lib", "1", requires=["nowhere"])])
    found = world.check(UpgradePolicy(allowed=(AllowedDowngrade(package="lib", reason="2 loses data"),)))
    assert summarize(found.errors) == {("error", "distro-sync", "2")}
    assert "nothing provides nowhere needed by lib-1-1.noarch" in found.errors[0].message
    assert outcome(found) is UpgradeOutcome.FAILED


def test_a_permission_that_nothing_uses_is_reported(make: Make) -> None:
    world = make(old=[P("a", "1")], new=[P("a", "2")])
    found = world.check(UpgradePolicy(allowed=(AllowedDowngrade(package="a", reason="once"),)))
    assert summarize(found.findings) == {("warning", "allow-downgrades", "a")}


def test_each_package_alone_and_every_profile_is_a_start(make: Make) -> None:
    world = make(
        old=[P("a", "1"), P("b", "1"), P("c", "1", conflicts=["b"])],
        new=[P("a", "2"), P("b", "2"), P("c", "2", conflicts=["b"]), P("d", "1")],
        base=[P("tool", "1")],
    )
    profiles = (
        Profile(name="master", packages=("a", "tool", "d")),
        Profile(name="odd", packages=("a", "nothing")),
        Profile(name="both", packages=("b", "c")),
        Profile(name="later", packages=("d",)),
    )
    found = world.check(UpgradePolicy(profiles=profiles))
    assert [
        (scenario.kind, scenario.name, scenario.installed, scenario.outcome)
        for scenario in found.scenarios
        if scenario.kind is not ScenarioKind.ALL
    ] == [
        (ScenarioKind.SINGLE_PACKAGE, "a", 1, UpgradeOutcome.OK),
        (ScenarioKind.SINGLE_PACKAGE, "b", 1, UpgradeOutcome.OK),
        (ScenarioKind.SINGLE_PACKAGE, "c", 1, UpgradeOutcome.OK),
        (ScenarioKind.PROFILE, "master", 1, UpgradeOutcome.OK),
        (ScenarioKind.PROFILE, "odd", 1, UpgradeOutcome.OK),
        (ScenarioKind.PROFILE, "both", 0, UpgradeOutcome.NOT_INSTALLABLE),
        (ScenarioKind.PROFILE, "later", 0, UpgradeOutcome.NOT_INSTALLABLE),
    ]
    assert outcome(found) is UpgradeOutcome.OK
    assert summarize(found.findings) == {
        ("note", "not-together", "1"),
        ("warning", "profile", "nothing"),
        ("warning", "not-installable", "both"),
    }


def test_a_problem_of_one_start_alone_is_found(make: Make) -> None:
    """Together they are upgraded: `plugin` requires what `a` needs. Alone, `a` has a choice and takes the other."""
    world = make(
        old=[P("a", "1", requires=["engine"]), P("plugin", "1", requires=["quick"])],
        new=[P("a", "2", requires=["quick"]), P("plugin", "2", requires=["quick"])],
        base=[
            P("alto", "1", provides=["engine"], conflicts=["quick"]),
            P("quick", "1", provides=["engine"]),
        ],
    )
    found = world.check()
    (finding,) = found.errors
    assert (finding.rule, finding.subject, finding.scenarios) == ("left-behind", "a", ("alone a",))
    assert outcome(found) is UpgradeOutcome.OK
    assert "alto-1-1.noarch" in finding.message


def test_versions_of_packages_that_cannot_be_installed_are_compared(make: Make) -> None:
    found = make(old=[P("a", "2", requires=["nowhere"])], new=[P("a", "1")]).check()
    assert summarize(found.findings) == {
        ("error", "downgrade", "a"),
        ("warning", "not-installable", "a-2-1.noarch"),
        ("note", "not-together", "1"),
        ("warning", "nothing-installable", "1"),
    }
    assert outcome(found, ScenarioKind.SINGLE_PACKAGE, "a") is UpgradeOutcome.NOT_INSTALLABLE


def test_a_release_of_which_nothing_can_be_installed_is_no_proof(make: Make) -> None:
    found = make(old=[P("a", requires=["nowhere"])], new=[P("a", "2")], base=[P("sys")]).check()
    assert ("error", "nothing-installable", "1") in summarize(found.findings)
    assert outcome(found) is UpgradeOutcome.NOT_INSTALLABLE
    assert (found.outcome("1"), found.is_ok) == (UpgradeOutcome.FAILED, False)


def test_a_release_without_packages_is_no_proof(make: Make) -> None:
    found = make(old=[], new=[P("a")], base=[P("sys")]).check()
    assert summarize(found.findings) == {("warning", "nothing-installable", "1")}
    assert (found.outcome("1"), found.is_ok) == (UpgradeOutcome.NOT_INSTALLABLE, True)


def test_the_release_before_may_need_what_clients_took_from_upstream(make: Make) -> None:
    world = make(
        old=[P("a", "1", requires=["pbr"])],
        new=[P("a", "2", requires=["pbr"]), P("pbr", "2")],
        upstream=[P("pbr", "1")],
    )
    found = world.check()
    assert outcome(found) is UpgradeOutcome.OK
    assert found.is_ok


class Counted(UpgradeSolver):
    """A pool that counts the machines it had to make."""

    made = 0

    def _set_installed(self, machine: Iterable[int], sides: Sequence[Side]) -> None:
        self.made += 1
        super()._set_installed(machine, sides)


def test_releases_in_one_pool_are_judged_as_each_alone(tmp_path: Path) -> None:
    """What two of them have in common is asked once; what is another package under the same name is not."""
    same = [P("app", "1", requires=["lib"]), P("lib", "1"), P("plugin", "1", requires=["lib = 1"])]
    first = make_repository(tmp_path / "first", same)
    second = make_repository(tmp_path / "second", [P("tool", "1")])
    other = make_repository(
        tmp_path / "other", [P("lib", "1", obsoletes=["tool"]), P("app", "1"), P("late", "9")]
    )
    for path in first.glob("*.rpm"):
        os.link(path, second / path.name)
    index_repository(second, None)
    new = make_repository(tmp_path / "new", [P("app", "2", requires=["lib"]), P("lib", "2"), P("tool", "2")])
    places = {"1.0": first, "1.1": second, "1.2": other}
    alone = {
        name: check_upgrade(
            name,
            "2",
            ReleasePair(tmp_path, {"old": place, "new": new}).make_solver(),
            NO_POLICY,
            own_names=NOBODY,
        )
        for name, place in places.items()
    }
    pool = Counted("x86_64", cache=tmp_path / "cache", packages=tmp_path / "packages")
    for name, place in places.items():
        pool.add_previous_release(read_local_metadata("old", place), name)
    pool.add(read_local_metadata("new", new), Side.NEW)
    assert list(check_single_release("2", pool, own_names=NOBODY, with_upstreams=False)) == []
    made = {}
    for name in ("1.2", "1.0", "1.1"):
        before = pool.made
        pool.select_previous_release(name)
        assert check_upgrade(name, "2", pool, NO_POLICY, own_names=NOBODY) == alone[name]
        made[name] = pool.made - before
    assert summarize(alone["1.0"].findings) == {
        ("error", "left-behind", "lib"),
        ("warning", "left-over", "plugin"),
    }
    assert summarize(alone["1.2"].findings) == {("warning", "left-over", "late")}
    assert made["1.1"] < made["1.0"]


# ---- worlds that nobody thought of -----------------------------------------------------------------------------------


def invent(chance: random.Random) -> tuple[list[Package], list[Package], list[Package]]:
    """Two releases and a system of a few packages that differ and lean on each other in every way."""
    names = ["a", "b", "c", "d", "e"]

    def some(kind: str, others: list[str], versions: list[str]) -> list[str]:
        bounds = []
        for other in others:
            if chance.random() < {"requires": 0.3, "obsoletes": 0.12, "conflicts": 0.08}[kind]:
                sign = chance.choice([" < ", " <= ", " = ", " >= ", ""])
                bounds.append(f"{other}{sign}{chance.choice(versions) if sign else ''}")
        return bounds

    def release(names: list[str], versions: list[str]) -> list[Package]:
        return [
            Package(
                name,
                chance.choice(versions),
                chance.choice("12"),
                epoch=chance.choice([0, 0, 0, 1]),
                arch=chance.choice(["noarch", "noarch", "x86_64"]),
                requires=some("requires", [other for other in names if other != name], ["1", "2"]),
                obsoletes=some("obsoletes", [other for other in "abcde" if other != name], ["1", "2"]),
                conflicts=some("conflicts", [other for other in names if other != name], ["1", "2"]),
            )
            for name in names
        ]

    plain = [
        Package(
            name,
            chance.choice("12"),
            arch=chance.choice(["noarch", "x86_64"]),
            epoch=chance.choice([0, 0, 1]),
        )
        for name in chance.sample(names, 4)
    ]
    new = release(sorted(chance.sample(names, 4)), ["1", "2", "3"])
    base = [Package("f", "1"), Package(chance.choice(names), chance.choice("123"))]
    return plain, new, base


@pytest.mark.parametrize("number", range(3))
def test_invented_worlds_end_where_dnf_ends(number: int, make: Make, tmp_path: Path, root: None) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    old, new, base = invent(random.Random(seed))
    world = make(old=old, new=new, base=base)
    before, after = world.predicted()
    machine = Machine(tmp_path / "machine")
    machine.dnf(world.client("old", "base"), "install", *sorted(before))
    assert machine.installed() == before, seed
    machine.dnf(world.client("new", "base"), "upgrade")
    assert machine.installed() == after, f"seed {seed}: {old} {new} {base}"
    found = world.check()
    for nevra in sorted(after - {package.nevra for package in new}):
        name = nevra.rpartition("-")[0].rpartition("-")[0]
        if name in {package.name for package in old} & {package.name for package in new}:
            reported = [finding.subject for finding in found.findings if "all" in finding.scenarios]
            assert name in reported, f"seed {seed}: {old} {new} {base}"
    for finding in found.findings:
        if "all" in finding.scenarios and finding.rule in NOT_UPDATED_RULES:
            arrived = {package.nevra for package in new if package.name == finding.subject} & after
            assert not arrived, f"seed {seed}: {old} {new} {base}"
