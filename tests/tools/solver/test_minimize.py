"""The smallest of several solutions is taken; versions that were locked stay."""

from __future__ import annotations

from altai_build.model.lock import ChoiceRule
from tests.kit.closures import Mirrors, find_package, shipped
from tests.kit.repositories import Package


def test_locked_versions_stay_while_they_do(mirrors: Mirrors) -> None:
    locked = ["epel/erlang-14-1.noarch", "epel/erlang-crypto-14-1.noarch"]
    closure = mirrors.close(Package("our", requires=["erlang"]), locked=locked)
    assert shipped(closure) == {"epel/erlang-14-1", "epel/erlang-crypto-14-1"}
    assert find_package(closure, "erlang").choice.rule is ChoiceRule.KEPT
    closure = mirrors.close(Package("our2", requires=["erlang >= 15"]), locked=locked)
    assert shipped(closure) == {"epel/erlang-15-1", "epel/erlang-crypto-15-1"}


def test_of_several_providers_the_one_that_ships_least_is_taken(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["mta"]))
    assert shipped(closure) == {"epel/mta-small-1.0-1"}
    choice = find_package(closure, "mta-small").choice
    assert choice.rule is ChoiceRule.SMALLEST
    assert choice.over == ("mta-big-1.0-1.noarch (epel)", "mta-zero-1.0-1.noarch (epel)")


def test_of_equally_many_packages_the_fewer_bytes_win(mirrors: Mirrors) -> None:
    assert shipped(mirrors.close(Package("our", requires=["twin"]))) == {"epel/twin-b-1.0-1"}
