"""Chains through a lock: the shortest from each of our packages down to a third-party one."""

from __future__ import annotations

from altai_build.model.checksum import Sha256
from altai_build.model.lock import (
    CONFIG_FILE_NAME,
    Choice,
    ChoiceRule,
    DependencyStep,
    Lock,
    LockedPackage,
    LockedRepository,
    Requirement,
    find_dependency_chains,
)
from altai_build.model.nevra import Nevra
from altai_build.model.release import Signer


def locked(
    name: str, *needed_by: tuple[str, str], repository: str = "deps/epel", size: int = 10
) -> LockedPackage:
    return LockedPackage(
        nevra=Nevra(name=name, epoch=0, version="1.0", release="1", arch="noarch"),
        repository=repository,
        location=f"Packages/{name[0]}/{name}-1.0-1.noarch.rpm",
        sha256=Sha256("a" * 64),
        size=size,
        license="MIT",
        signer=Signer(key_id="1" * 16, fingerprint="1" * 40),
        needed_by=tuple(Requirement(*need) for need in needed_by),
        choice=Choice(rule=ChoiceRule.ONLY),
    )


def lock(*packages: LockedPackage) -> Lock:
    repository = LockedRepository(
        name="deps/epel",
        url="https://example.org/epel",
        key="epel6",
        revision="1",
        metadata="m",
        signed=False,
    )
    return Lock(target="centos6", repositories=(repository,), from_base=(), packages=packages)


def test_a_chain_leads_from_ours_down() -> None:
    found = lock(
        locked("urllib", ("requests", "urllib >= 1.2")),
        locked("requests", ("nova", "requests"), ("glance", "requests >= 2")),
    )
    assert find_dependency_chains(found, "urllib") == (
        (DependencyStep("glance", "requests >= 2"), DependencyStep("requests", "urllib >= 1.2")),
        (DependencyStep("nova", "requests"), DependencyStep("requests", "urllib >= 1.2")),
    )


def test_the_shortest_of_several_chains_is_shown() -> None:
    found = lock(
        locked("deep", ("middle", "deep"), ("nova", "deep >= 0")),
        locked("middle", ("nova", "middle")),
    )
    assert find_dependency_chains(found, "deep") == ((DependencyStep("nova", "deep >= 0"),),)


def test_a_dependency_cycle_is_not_followed_twice() -> None:
    found = lock(locked("a", ("b", "a")), locked("b", ("a", "b"), (CONFIG_FILE_NAME, "b")))
    assert find_dependency_chains(found, "a") == (
        (DependencyStep(CONFIG_FILE_NAME, "b"), DependencyStep("b", "a")),
    )
    assert find_dependency_chains(lock(locked("a", ("b", "a")), locked("b", ("a", "b"))), "a") == ()


def test_a_package_has_its_file_and_the_names_of_its_requirers() -> None:
    one = locked("erlang", ("rabbit", "erlang"), ("nova", "erlang"), ("nova", "erlang >= 1"))
    assert one.file == "erlang-1.0-1.noarch.rpm"
    assert one.needed_by_names == ("nova", "rabbit")
    assert lock(one, locked("leaf", size=5)).size == 15
