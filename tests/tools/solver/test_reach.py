"""Which part of a solution is needed, and by whom."""

from __future__ import annotations

from altai_build.model.lock import Requirement
from tests.kit.closures import Mirrors, find_package, shipped
from tests.kit.repositories import Package


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
