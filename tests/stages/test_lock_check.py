"""Is a lock still the right one? What changed since it was made is reported, all at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from altai_build.config import load_config
from tests.kit.locks import NOVA, REPOS, LockSite
from tests.kit.repositories import Package


def test_a_fresh_lock_is_right(site: LockSite) -> None:
    config, ours = site.config(), site.ours(NOVA, Package("glance", requires=["mta", "nova"]))
    lock = site.lock(config, ours)
    assert [package.nevra.name for package in lock.packages] == ["erlang", "erlang-crypto", "mta"]
    assert lock.from_base == ("base-lib", "python(abi) = 2.6")
    assert [(repository.name, repository.signed) for repository in lock.repositories] == [
        ("base/os", True),
        ("deps/updates", True),
        ("deps/epel", True),
    ]
    assert site.errors(lock, config, ours) == []


def test_a_new_version_of_ours_with_the_same_needs_changes_nothing(site: LockSite) -> None:
    config = site.config()
    lock = site.lock(config, site.ours(NOVA))
    assert site.errors(lock, config, site.ours(replace(NOVA, version="9.9"))) == []


def test_a_requirement_that_nothing_meets_is_reported(site: LockSite) -> None:
    config = site.config()
    lock = site.lock(config, site.ours(NOVA))
    more = replace(NOVA, requires=["erlang", "base-lib", "leaf", "base-lib >= 1.1"])
    assert site.errors(lock, config, site.ours(more)) == [
        "nova requires base-lib >= 1.1, and no locked package provides it",
        "nova requires leaf, and no locked package provides it",
    ]


def test_a_package_that_nothing_needs_any_more_is_reported(site: LockSite) -> None:
    config = site.config()
    lock = site.lock(config, site.ours(NOVA))
    assert site.errors(lock, config, site.ours(replace(NOVA, requires=["base-lib"]))) == [
        "erlang-14-1.noarch (deps/epel) is locked, and nothing requires it any more",
        "erlang-crypto-14-1.noarch (deps/epel) is locked, and nothing requires it any more",
    ]


def test_another_reason_is_reported(site: LockSite) -> None:
    config = site.config()
    lock = site.lock(config, site.ours(NOVA))
    changed = site.ours(replace(NOVA, requires=["erlang >= 2", "base-lib"]))
    assert site.errors(lock, config, changed) == [
        "nova requires erlang >= 2, which is not in needed_by of erlang",
        "nova no longer requires erlang, which is in needed_by of erlang",
    ]


def test_a_changed_definition_is_reported(site: LockSite) -> None:
    ours = site.ours(NOVA)
    lock = site.lock(site.config(), ours)
    changed = site.config(settings=", prefer: [mta], exclude: [x], weak: true", name="changed")
    assert site.errors(lock, changed, ours) == [
        "prefer, exclude, weak of the repository deps/epel changed in repos.yaml"
    ]
    other = replace(lock, target="el7", repositories=lock.repositories[:-1])
    assert site.errors(replace(other, packages=()), site.config(), ours)[:2] == [
        "the lock is for target el7, the release for target el6",
        "the repository deps/epel is new in repos.yaml",
    ]
    backwards = replace(lock, repositories=tuple(reversed(lock.repositories)))
    assert site.errors(backwards, site.config(), ours) == [
        "the order of the repositories (their order of preference) changed in repos.yaml"
    ]


def test_weak_and_listed_packages_are_no_faults(site: LockSite) -> None:
    config = site.config(settings=", weak: true", name="weak")
    ours = site.ours(Package("our", requires=["leaf"]))
    lock = site.lock(config, ours)
    assert [package.nevra.name for package in lock.packages] == ["leaf", "nice"]
    assert site.errors(lock, config, ours) == []
    path = site.folder / "listed.yaml"
    text = REPOS.format(root=site.folder.as_uri(), settings="").replace(
        "key: k, packages: needed}\nrelease", "key: k, packages: [erlang, leaf]}\nrelease"
    )
    path.write_text(text)
    config = load_config(path)
    lock = site.lock(config, ours)
    assert [package.nevra.name for package in lock.packages] == ["erlang", "erlang-crypto", "leaf"]
    assert site.errors(lock, config, ours) == []


def test_rich_requirements_are_locked_and_checked(site: LockSite) -> None:
    config = site.config()
    ours = site.ours(Package("our", requires=["(rich-a or rich-b)", "(gone if not-there)"]))
    lock = site.lock(config, ours)
    assert [package.nevra.name for package in lock.packages] == ["rich-a"]
    assert site.errors(lock, config, ours) == []


def test_what_machines_with_a_package_of_base_need_is_locked_and_checked(site: LockSite) -> None:
    config = site.config()
    ours = site.ours(
        Package("our", requires=["(rich-a if base-lib)", "(leaf and base-lib)", "(leaf or base-lib)"])
    )
    lock = site.lock(config, ours)
    assert [package.nevra.name for package in lock.packages] == ["leaf", "rich-a"]
    assert lock.from_base == ("(leaf or base-lib)", "base-lib")
    assert site.errors(lock, config, ours) == []
    shorter = replace(lock, packages=tuple(p for p in lock.packages if p.nevra.name != "rich-a"))
    assert site.errors(shorter, config, ours) == [
        "our requires (rich-a if base-lib), and no locked package provides it"
    ]


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("(rich-a if leaf else gone)", ["leaf", "rich-a"]),
        # Where base-lib is not installed, it can be.
        ("(rich-a if base-lib else rich-b)", ["rich-a"]),
        ("(base-lib if base-lib else rich-b)", []),
        ("(base-lib if gone else rich-a)", ["rich-a"]),
    ],
)
def test_what_is_needed_otherwise_is_locked_and_checked(
    site: LockSite, requirement: str, expected: list[str]
) -> None:
    config = site.config()
    ours = site.ours(Package("our", requires=[requirement]))
    lock = site.lock(config, ours)
    assert [package.nevra.name for package in lock.packages] == expected
    assert site.errors(lock, config, ours) == []


def test_the_definition_of_base_is_part_of_the_lock(site: LockSite) -> None:
    ours = site.ours(NOVA)
    lock = site.lock(site.config(), ours)
    moved = replace(lock.repositories[0], url="https://example.org/other")
    assert site.errors(replace(lock, repositories=(moved, *lock.repositories[1:])), site.config(), ours) == [
        "url of the repository base/os changed in repos.yaml"
    ]
