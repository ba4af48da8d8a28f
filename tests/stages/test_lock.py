"""How a new lock differs from the old one, and why a package is in it; on locks made from real repodata."""

from __future__ import annotations

from dataclasses import replace

import pytest

from altai_build.errors import InputError
from altai_build.model.checksum import Sha256
from altai_build.model.lock import Choice, ChoiceRule, DependencyStep, Requirement
from altai_build.stages.lock import compare_packages, explain_locked_package
from tests.kit.locks import NOVA, LockSite
from tests.kit.repositories import Package


def test_a_lock_says_how_another_answer_differs(site: LockSite) -> None:
    config = site.config()
    lock = site.lock(config, site.ours(NOVA, Package("old", requires=["mta"])))
    renamed = {package.nevra.name: package for package in lock.packages}
    older = replace(renamed["erlang"], nevra=replace(renamed["erlang"].nevra, version="13"))
    newer = replace(renamed["erlang-crypto"], nevra=replace(renamed["erlang-crypto"].nevra, epoch=1))
    other = replace(renamed["mta"], sha256=Sha256("0" * 64))
    ours = site.ours(NOVA, Package("new", requires=["leaf", "mta"]))
    closure = site.resolve(config, ours)[0]
    changes = [
        (change.kind, change.name, change.old, change.new, change.reason)
        for change in compare_packages([older, newer, other], closure.packages)
    ]
    assert changes == [
        ("upgraded", "erlang", "erlang-13-1.noarch", "erlang-14-1.noarch", "only provider; needed by nova"),
        (
            "downgraded",
            "erlang-crypto",
            "erlang-crypto-1:14-1.noarch",
            "erlang-crypto-14-1.noarch",
            "only provider; needed by erlang",
        ),
        ("added", "leaf", None, "leaf-1-1.noarch", "only provider; needed by new"),
        (
            "changed",
            "mta",
            "mta-1-1.noarch",
            "mta-1-1.noarch",
            "upstream replaced the file without a new version",
        ),
    ]
    moved = replace(renamed["erlang"], repository="deps/updates")
    (change,) = compare_packages(
        [moved], [package for package in closure.packages if package.resolved.nevra.name == "erlang"]
    )
    assert (change.kind, change.repository) == ("moved", "deps/epel")
    (gone,) = compare_packages([renamed["mta"]], [])
    assert (gone.kind, gone.new, gone.reason) == ("removed", None, "nothing requires it any more")


def test_why_prints_the_chain_from_ours(site: LockSite) -> None:
    lock = site.lock(site.config(), site.ours(NOVA))
    for name in ("erlang-crypto", "erlang-crypto-14-1.noarch", "erlang-crypto-14-1.noarch.rpm"):
        found = explain_locked_package(lock, name)
        assert found.chains == (
            (DependencyStep("nova", "erlang"), DependencyStep("erlang", "erlang-crypto")),
        )
        assert found.package.choice == Choice(ChoiceRule.ONLY)
        assert found.package.needed_by == (Requirement("erlang", "erlang-crypto"),)
        assert found.revision == "1700000000"


@pytest.mark.parametrize(
    ("name", "why", "todo"),
    [
        ("base-lib", "the operating system provides it", "`altai-build deps list` shows the locked packages"),
        (
            "erlng",
            "no package of the release requires it from a mirror; did you mean erlang?",
            "`altai-build deps list` shows the locked packages",
        ),
    ],
)
def test_why_of_what_is_not_locked(site: LockSite, name: str, why: str, todo: str) -> None:
    lock = site.lock(site.config(), site.ours(NOVA))
    with pytest.raises(InputError) as caught:
        explain_locked_package(lock, name)
    assert (caught.value.why, caught.value.todo) == (why, todo)
