"""The order of preference of a closure's repositories, and what their settings let it follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.model.lock import MirrorPolicy
from altai_build.model.nevra import Nevra
from altai_build.tools.solver.pool import Candidate, PackagePool
from altai_build.tools.solver.request import BASE_RANK, OWN_RANK, ClosureRequest


def candidate(name: str, repository: str) -> Candidate:
    return Candidate(
        id=1,
        nevra=Nevra(name=name, epoch=0, version="1", release="1", arch="noarch"),
        repository=repository,
        requires=("libc", "(a if b)"),
        is_native=True,
    )


def request(tmp_path: Path, *policies: MirrorPolicy) -> ClosureRequest:
    return ClosureRequest(
        pool=PackagePool("x86_64", cache=tmp_path),
        ours=(),
        base=frozenset({"base/os", "base/extras"}),
        policies={policy.name: policy for policy in policies},
        listed={},
        locked=frozenset(),
    )


@pytest.mark.parametrize(
    ("repository", "rank"),
    [("", OWN_RANK), ("base/os", BASE_RANK), ("base/extras", BASE_RANK), ("updates", 2), ("epel", 3)],
)
def test_our_packages_come_first_then_base_then_the_mirrors_in_their_order(
    tmp_path: Path, repository: str, rank: int
) -> None:
    made = request(tmp_path, MirrorPolicy("updates", None), MirrorPolicy("epel", None))
    assert made.rank(candidate("a", repository)) == rank


def test_recommendations_are_followed_when_one_repository_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PackagePool, "get_recommends", lambda pool, number: ("docs",))
    strict, weak = MirrorPolicy("updates", None), MirrorPolicy("epel", None, weak=True)
    required = [("libc", False), ("(a if b)", False)]
    assert list(request(tmp_path, strict).list_dependencies(candidate("a", ""))) == required
    followed = list(request(tmp_path, strict, weak).list_dependencies(candidate("a", "")))
    assert followed == [*required, ("docs", True)]


def test_a_preference_holds_for_the_packages_of_its_own_repository(tmp_path: Path) -> None:
    made = request(tmp_path, MirrorPolicy("updates", None), MirrorPolicy("epel", None, prefer=("mta-s*",)))
    assert made.is_preferred(candidate("mta-small", "epel"))
    assert not made.is_preferred(candidate("mta-small", "updates"))
    assert not made.is_preferred(candidate("mta-big", "epel"))
