"""Which part of a solution is needed, and by whom."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.lock import Requirement
from tests.kit.closures import Mirrors, close_over, find_package, shipped
from tests.kit.repositories import Package

ARCHES = ("i686", "x86_64")


def test_a_file_that_only_the_file_lists_tell_is_found(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["/opt/odd/place"]))
    assert (shipped(closure), closure.from_base) == (set(), ("/opt/odd/place",))


def test_recommendations_are_taken_only_where_asked_for(mirrors: Mirrors) -> None:
    ours = Package("our", requires=["leaf"])
    assert shipped(mirrors.close(ours)) == {"epel/leaf-1.0-1"}
    closure = mirrors.close(ours, weak=True)
    assert shipped(closure) == {"epel/leaf-1.0-1", "epel/nice-to-have-1.0-1"}
    assert find_package(closure, "nice-to-have").needed_by == (
        Requirement("leaf", "nice-to-have", weak=True),
    )


def test_what_our_own_packages_provide_is_not_shipped(mirrors: Mirrors) -> None:
    closure = mirrors.close(
        Package("our", requires=["mta", "shared"]), Package("our-mta", provides=["mta", "shared"])
    )
    assert (shipped(closure), closure.from_base) == (set(), ())


def test_a_package_may_require_what_it_provides_itself(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["selfish"]))
    assert find_package(closure, "selfish").needed_by == (Requirement("our", "selfish"),)


def test_packages_of_ours_that_exclude_one_another_are_both_served(mirrors: Mirrors) -> None:
    closure = mirrors.close(
        Package("our-a", requires=["left"], conflicts=["our-b"]),
        Package("our-b", requires=["right"]),
    )
    assert shipped(closure) == {"epel/left-1.0-1", "epel/right-1.0-1"}


def test_what_scriptlets_require_is_shipped(tmp_path: Path) -> None:
    """Repodata marks these requirements (`pre="1"`); libsolv keeps them, and what follows, apart from others."""
    mirror = (
        Package("foo", requires=["lib"], preamble=["Requires(post): helper", "Requires(pre): /bin/early"]),
        Package("lib", preamble=["Requires(preun): deep-helper"]),
        Package("helper"),
        Package("deep-helper"),
        Package("early", files={"/bin/early": ""}),
    )
    closure = close_over(tmp_path, Package("our", requires=["foo"]), mirror=mirror)
    assert shipped(closure) == {
        f"epel/{name}-1.0-1" for name in ("foo", "lib", "helper", "deep-helper", "early")
    }
    assert find_package(closure, "helper").needed_by == (Requirement("foo", "helper"),)
    assert find_package(closure, "early").needed_by == (Requirement("foo", "/bin/early"),)


CONDITIONAL = (
    Package("foo", requires=["(plugin if desktop)", "(other if nothing-has-this)"]),
    Package("plugin", requires=["plugin-lib"]),
    Package("plugin-lib"),
    Package("other"),
)


def test_what_only_machines_with_a_package_of_base_need_is_shipped(tmp_path: Path) -> None:
    """The release must be installable where the desktop is."""
    closure = close_over(
        tmp_path, Package("our", requires=["foo"]), base=[Package("desktop")], mirror=CONDITIONAL
    )
    assert shipped(closure) == {"epel/foo-1.0-1", "epel/plugin-1.0-1", "epel/plugin-lib-1.0-1"}
    assert find_package(closure, "plugin").needed_by == (Requirement("foo", "(plugin if desktop)"),)
    assert closure.from_base == ("desktop",)


def test_what_a_condition_needs_that_no_machine_can_meet_is_not_shipped(tmp_path: Path) -> None:
    assert shipped(close_over(tmp_path, Package("our", requires=["foo"]), mirror=CONDITIONAL)) == {
        "epel/foo-1.0-1"
    }


def test_conditions_of_our_own_packages_count_too(tmp_path: Path) -> None:
    ours = Package("our", requires=["(plugin if (desktop and shell))", "(foo if (desktop and gone))"])
    closure = close_over(tmp_path, ours, base=[Package("desktop"), Package("shell")], mirror=CONDITIONAL)
    assert shipped(closure) == {"epel/plugin-1.0-1", "epel/plugin-lib-1.0-1"}
    assert closure.from_base == ("desktop", "shell")


def test_a_rich_requirement_is_from_base_only_where_base_alone_meets_it(tmp_path: Path) -> None:
    base = [Package("in-base"), Package("also-in-base")]
    mirror = [Package("in-mirror")]
    ours = Package(
        "our",
        requires=[
            "(in-base or in-mirror)",
            "(in-base and in-mirror)",
            "(in-mirror or nobody)",
            "(in-base and also-in-base)",
            "(nobody if nobody-else)",
        ],
    )
    closure = close_over(tmp_path, ours, base=base, mirror=mirror)
    assert closure.from_base == ("(in-base and also-in-base)", "(in-base or in-mirror)", "in-base")
    assert find_package(closure, "in-mirror").needed_by == (
        Requirement("our", "(in-base and in-mirror)"),
        Requirement("our", "(in-mirror or nobody)"),
    )


def test_an_older_version_is_taken_where_the_newest_cannot_be_installed_on_every_machine(
    tmp_path: Path,
) -> None:
    """The newest requires, on machines with a package of base, what nothing provides."""
    versions = [Package("web", "1"), Package("web", "2", requires=["(gone if b)"])]
    base = [Package("b")]
    closure = close_over(tmp_path, Package("our", requires=["web"]), base=base, mirror=versions)
    assert shipped(closure) == {"epel/web-1-1"}


def test_of_two_architectures_the_native_one_is_used_for_a_name(tmp_path: Path) -> None:
    both = [Package("lib", provides=["lib.so.1"] if arch == "i686" else [], arch=arch) for arch in ARCHES]
    closure = close_over(tmp_path, Package("our", requires=["lib.so.1", "lib"]), mirror=both)
    assert shipped(closure) == {f"epel/lib-1.0-1.{arch}" for arch in ARCHES}
    assert [need.requires for need in closure.packages[1].needed_by] == ["lib"]
