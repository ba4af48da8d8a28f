"""The rule that decided for each package, and what it decided against."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.lock import Choice, ChoiceRule, Requirement
from tests.kit.closures import Mirrors, close_over, find_package, shipped
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
    closure = mirrors.close(Package("our", requires=["mta", "same"]), prefer=["mta-b*", "same-a"])
    assert shipped(closure) == {
        "epel/mta-big-1.0-1",
        "epel/mta-part-1-1.0-1",
        "epel/mta-part-2-1.0-1",
        "epel/same-a-1.0-1",
    }
    assert find_package(closure, "mta-big").choice.rule is ChoiceRule.PREFERRED


def test_a_newer_version_that_cannot_be_used_is_no_older_one(tmp_path: Path) -> None:
    lib = [
        Package("lib", "1"),
        Package("lib", "2", requires=["gone"]),
        Package("lib", "3", conflicts=["foo"]),
    ]
    mirror = [Package("foo", requires=["lib"]), *lib]
    closure = close_over(tmp_path, Package("our", requires=["foo"]), mirror=mirror)
    assert find_package(closure, "lib").choice == Choice(
        rule=ChoiceRule.FITS, over=("lib-2-1.noarch (epel)", "lib-3-1.noarch (epel)")
    )


def test_a_package_of_base_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    base = [Package("base-web", provides=["webserver"], conflicts=["our"])]
    mirror = [Package("web", provides=["webserver"])]
    closure = close_over(tmp_path, Package("our", requires=["webserver"]), base=base, mirror=mirror)
    assert find_package(closure, "web").choice == Choice(
        rule=ChoiceRule.FITS, over=("base-web-1.0-1.noarch (base)",)
    )


def test_the_rule_that_leaves_no_other_is_the_reason(tmp_path: Path) -> None:
    """One other is older, one is larger: the size decided."""
    mirror = [
        Package("web-a", "1", provides=["webserver"], weight=50),
        Package("web-a", "2", provides=["webserver"], weight=50),
        Package("web-b", provides=["webserver"], weight=900),
    ]
    closure = close_over(tmp_path, Package("our", requires=["webserver"]), mirror=mirror)
    assert shipped(closure) == {"epel/web-a-2-1"}
    assert find_package(closure, "web-a").choice == Choice(
        rule=ChoiceRule.SMALLEST, over=("web-a-1-1.noarch (epel)", "web-b-1.0-1.noarch (epel)")
    )


def test_of_equals_the_first_by_name_is_taken(tmp_path: Path) -> None:
    mirror = [Package(name, provides=["webserver"]) for name in ("web-c", "web-a", "web-b")]
    closure = close_over(tmp_path, Package("our", requires=["webserver"]), mirror=mirror)
    assert find_package(closure, "web-a").choice.rule is ChoiceRule.NAME
