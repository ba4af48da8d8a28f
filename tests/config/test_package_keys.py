"""The keys of repositories: each kind has those that it reads, and one way to name its upstream."""

from __future__ import annotations

from altai_build.config.package_keys import BASE_REPOSITORY, REPOSITORIES, UPSTREAM_NAMES
from altai_build.config.schema import MirrorListKind, SourceKind


def test_each_kind_of_repository_has_its_keys() -> None:
    assert list(REPOSITORIES) == [kind.value for kind in SourceKind]
    common = {"source", "target", "key"}
    assert {kind: set(section.needed) - common for kind, section in REPOSITORIES.items()} == {
        "superproject": set(),
        "specs": {"path", "source_rpms"},
        "mirror": {"packages"},
    }
    assert all(common <= set(section.needed) for section in REPOSITORIES.values())


def test_upstreams_are_named_in_one_of_three_ways() -> None:
    assert ("url", *(kind.value for kind in MirrorListKind)) == UPSTREAM_NAMES
    assert BASE_REPOSITORY.one_of == REPOSITORIES["mirror"].one_of == UPSTREAM_NAMES
