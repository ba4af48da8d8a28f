"""Patterns of exclude= mean what they mean to dnf (the answers are those of dnf 4.14)."""

from __future__ import annotations

import pytest

from altai_build.tools.repo.metadata import read_local_metadata
from altai_build.tools.solver.patterns import find_matches
from altai_build.tools.solver.pool import PackagePool
from tests.kit.repodata import describe_repository
from tests.kit.repositories import Package

PACKAGES = (
    Package("lib", arch="i686"),
    Package("lib", arch="x86_64"),
    Package("lib", "2", epoch=1, arch="x86_64"),
    Package("lib-devel", "2"),
    Package("a.b"),
)
MEANINGS = {
    "lib": {"lib-1.0-1.i686", "lib-1.0-1.x86_64", "lib-1:2-1.x86_64"},
    "lib*": {"lib-1.0-1.i686", "lib-1.0-1.x86_64", "lib-1:2-1.x86_64", "lib-devel-2-1.noarch"},
    "*.i?86": {"lib-1.0-1.i686"},
    "lib.x86_64": {"lib-1.0-1.x86_64", "lib-1:2-1.x86_64"},
    "lib-1*": {"lib-1.0-1.i686", "lib-1.0-1.x86_64"},
    "lib-1.0-1.i686": {"lib-1.0-1.i686"},
    "lib-1:2-1": {"lib-1:2-1.x86_64"},
    "lib-0:2-1": set(),
    "lib-*": {"lib-devel-2-1.noarch"},
    "a.b": {"a.b-1.0-1.noarch"},
    "*.el9": set(),
    "?": set(),
}


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> PackagePool:
    folder = tmp_path_factory.mktemp("patterns")
    made = PackagePool("x86_64", cache=folder / "solv")
    made.add_repository(read_local_metadata("r", describe_repository(folder / "r", PACKAGES)))
    return made


@pytest.mark.parametrize("pattern", MEANINGS)
def test_patterns_mean_names_and_versions_and_architectures(pool: PackagePool, pattern: str) -> None:
    found = find_matches((repo for repo, _ in pool.repositories), [pattern])
    names = {str(pool.libsolv.id2solvable(number)) for number in found[pattern]}
    assert names == MEANINGS[pattern]


def test_without_patterns_no_package_is_looked_at(pool: PackagePool) -> None:
    assert find_matches((repo for repo, _ in pool.repositories), []) == {}
