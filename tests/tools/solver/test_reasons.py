"""The rule that decided for each package, and what it decided against."""

from __future__ import annotations

from altai_build.model.lock import ChoiceRule, Requirement
from tests.kit.closures import Mirrors, find_package, shipped
from tests.kit.repositories import Package


def test_an_update_is_taken_only_where_base_does_not_satisfy(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["base-lib >= 1.1", "base-tool"]))
    assert shipped(closure) == {"updates/base-lib-1.2-1"}
    lib = find_package(closure, "base-lib")
    assert (lib.choice.rule, lib.choice.over) == (ChoiceRule.BASE, ("base-lib-1.0-1.noarch (base)",))
    assert lib.needed_by == (Requirement("our", "base-lib >= 1.1"),)
    assert closure.from_base == ("base-tool",)


def test_updates_are_preferred_to_epel(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["shared"]))
    assert shipped(closure) == {"updates/shared-1.0-1"}
    choice = find_package(closure, "shared").choice
    assert (choice.rule, choice.over) == (ChoiceRule.ORDER, ("shared-2.0-1.noarch (epel)",))


def test_only_the_wanted_version_makes_epel_win(mirrors: Mirrors) -> None:
    assert shipped(mirrors.close(Package("our", requires=["shared >= 2"]))) == {"epel/shared-2.0-1"}


def test_the_newest_version_is_taken_with_all_it_needs(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["erlang"]))
    assert shipped(closure) == {"epel/erlang-15-1", "epel/erlang-crypto-15-1"}
    assert find_package(closure, "erlang").choice.rule is ChoiceRule.NEWEST
    assert find_package(closure, "erlang-crypto").choice.rule is ChoiceRule.ONLY
    assert closure.from_base == ("base-lib", "python(abi) = 2.6")


def test_prefer_decides_between_providers(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["mta", "twin"]), prefer=["mta-b*", "twin-a"])
    assert shipped(closure) == {
        "epel/mta-big-1.0-1",
        "epel/mta-part-1-1.0-1",
        "epel/mta-part-2-1.0-1",
        "epel/twin-a-1.0-1",
    }
    assert find_package(closure, "mta-big").choice.rule is ChoiceRule.PREFERRED
