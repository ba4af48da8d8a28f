"""The smallest of several solutions is taken; versions that were locked stay."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from altai_build.model.lock import ChoiceRule
from altai_build.tools.solver import minimize, reach
from altai_build.tools.solver.pool import Candidate, PackagePool
from altai_build.tools.solver.reach import Solution
from altai_build.tools.solver.request import ClosureRequest
from tests.kit.closures import Mirrors, close_over, find_package, shipped
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
    assert shipped(mirrors.close(Package("our", requires=["same"]))) == {"epel/same-b-1.0-1"}


WEB = Package("our", requires=["webserver"])


def test_a_smaller_package_for_another_architecture_is_not_taken(tmp_path: Path) -> None:
    """As dnf: native packages first, always."""
    native = Package("web-x", provides=["webserver"], requires=["lib"], weight=9000, arch="x86_64")
    foreign = Package("web-a", provides=["webserver"], arch="i686")
    closure = close_over(tmp_path, WEB, mirror=[foreign, native, Package("lib")])
    assert shipped(closure) == {"epel/web-x-1.0-1.x86_64", "epel/lib-1.0-1"}
    choice = find_package(closure, "web-x").choice
    assert (choice.rule, choice.over) == (ChoiceRule.NATIVE, ("web-a-1.0-1.i686 (epel)",))


def test_a_package_for_another_architecture_is_taken_where_there_is_no_other(tmp_path: Path) -> None:
    closure = close_over(tmp_path, WEB, mirror=[Package("web-a", provides=["webserver"], arch="i686")])
    assert shipped(closure) == {"epel/web-a-1.0-1.i686"}


def test_a_locked_package_for_another_architecture_does_not_stay(tmp_path: Path) -> None:
    both = [Package("web", provides=["webserver"], arch=arch) for arch in ("i686", "x86_64")]
    closure = close_over(tmp_path, WEB, mirror=both, locked=["web-1.0-1.i686"])
    assert shipped(closure) == {"epel/web-1.0-1.x86_64"}


def test_the_old_name_of_a_package_is_not_taken_however_small_it_is(tmp_path: Path) -> None:
    old = Package("apache", provides=["webserver"])
    new = Package(
        "httpd", "2", provides=["webserver"], obsoletes=["apache < 2"], requires=["lib"], weight=900
    )
    closure = close_over(tmp_path, WEB, mirror=[old, new, Package("lib")])
    assert shipped(closure) == {"epel/httpd-2-1", "epel/lib-1.0-1"}
    choice = find_package(closure, "httpd").choice
    assert (choice.rule, choice.over) == (ChoiceRule.RENAMED, ("apache-1.0-1.noarch (epel)",))


@pytest.mark.parametrize("order", [1, -1])
def test_an_older_version_is_not_taken_because_it_is_smaller(tmp_path: Path, order: int) -> None:
    """Neither of the package, nor of an alternative to it."""
    versions = [
        Package("web-a", "1", provides=["webserver"]),
        Package("web-a", "2", provides=["webserver"], weight=500),
        Package("web-b", "1", provides=["webserver"]),
        Package("web-b", "2", provides=["webserver"], weight=400),
    ]
    assert shipped(close_over(tmp_path, WEB, mirror=versions[::order])) == {"epel/web-b-2-1"}


def test_the_order_of_repositories_counts_more_than_size(tmp_path: Path) -> None:
    """Also where trying other providers leaves out what an earlier repository has for another requirement."""
    ours = Package("our", requires=["web", "lib", "(lib or data)", "data"])
    earlier = [
        Package("web", requires=["((a or b) and c)"]),
        Package("a"),
        Package("b"),
        Package("c"),
        Package("data", "1"),
        Package("data", "2"),
        Package("lib", weight=500),
    ]
    closure = close_over(tmp_path, ours, mirror=earlier, later=[Package("web"), Package("lib")])
    assert {name.partition("/")[0] for name in shipped(closure)} == {"epel"}
    assert find_package(closure, "web").choice.rule is ChoiceRule.ORDER


def test_a_newer_version_counts_more_than_size_for_another_requirement(tmp_path: Path) -> None:
    ours = Package("our", requires=["web", "(lib >= 2 or data)", "lib"])
    mirror = [
        Package("web", requires=["data"]),
        *(Package("data", version) for version in "12"),
        Package("lib", "1"),
        Package("lib", "2", weight=500),
    ]
    assert "epel/lib-2-1" in shipped(close_over(tmp_path, ours, mirror=mirror))


def test_very_many_providers_are_chosen_from_in_a_bounded_number_of_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work is that of some solutions, and of reading each package some times: never of trying all of them."""
    providers = 2000
    monkeypatch.setattr(minimize, "_MAX_LEFT_OUT", 5 * providers)
    sizes, read = [], Counter[str]()
    get_candidate = PackagePool.get_candidate

    def count_solutions(request: ClosureRequest, forbidden: frozenset[int]) -> Solution:
        sizes.append(len(forbidden))
        return reach.solve(request, forbidden)

    def count_reads(pool: PackagePool, number: int) -> Candidate:
        read["candidates"] += 1
        return get_candidate(pool, number)

    monkeypatch.setattr(minimize, "solve", count_solutions)
    monkeypatch.setattr(PackagePool, "get_candidate", count_reads)
    mirror = [Package(f"p{number:05}", provides=["many"], weight=number % 7) for number in range(providers)]
    closure = close_over(tmp_path, Package("our", requires=["many"]), mirror=mirror)
    assert len(shipped(closure)) == 1
    assert len(sizes) <= 7 and read["candidates"] <= 20 * providers
