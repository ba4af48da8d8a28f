"""What a pool knows of the packages that were loaded into it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.repo.metadata import RepositoryMetadata, read_local_metadata
from altai_build.tools.solver.pool import PackagePool
from tests.kit.repositories import Package, make_repository

PACKAGES = [
    Package("gcc", "12", requires=["libc >= 2.0", "rpmlib(FileCaps) <= 4.6.1-1"], recommends=["make"]),
    Package("gcc", "13", epoch=1),
    Package("gcc-c++", "13"),
    Package("mta-a", provides=["mta"], files={"/bin/sh": "x", "/opt/odd/vim": "x"}),
    Package("six", provides=["python3dist(six) = 1.16"]),
]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> RepositoryMetadata:
    return read_local_metadata("base", make_repository(tmp_path_factory.mktemp("base"), PACKAGES))


def load(repository: RepositoryMetadata, cache: Path) -> PackagePool:
    pool = PackagePool("x86_64", cache=cache)
    pool.add_repository(repository)
    return pool


@pytest.fixture
def pool(repository: RepositoryMetadata, tmp_path: Path) -> PackagePool:
    return load(repository, tmp_path)


def names(pool: PackagePool, numbers: tuple[int, ...]) -> list[str]:
    return sorted(str(pool.get_candidate(number).nevra) for number in numbers)


GCC_12, GCC_13, SIX = "gcc-12-1.noarch", "gcc-1:13-1.noarch", "six-1.0-1.noarch"


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("gcc", [GCC_12, GCC_13]),
        ("gcc < 13", [GCC_12]),
        ("gcc >= 1:13", [GCC_13]),
        ("mta", ["mta-a-1.0-1.noarch"]),
        ("/bin/sh", ["mta-a-1.0-1.noarch"]),
        ("/opt/odd/vim", ["mta-a-1.0-1.noarch"]),
        ("python3dist(six)", [SIX]),
        ("(gcc < 13 if python3dist(six) >= 1)", [GCC_12, GCC_13, SIX]),
        ("nobody", []),
        ("/no/such/file", []),
        ("gcc >= 2:1", []),
    ],
)
def test_the_providers_of_a_requirement(pool: PackagePool, requirement: str, expected: list[str]) -> None:
    assert names(pool, pool.find_providers(requirement)) == sorted(expected)
    assert pool.has_provider(requirement) is bool(expected)


def test_packages_are_found_by_name_and_by_pattern(pool: PackagePool) -> None:
    assert names(pool, pool.find_by_name("gcc")) == sorted([GCC_12, GCC_13])
    assert pool.find_by_name("mta") == ()
    assert len(pool.find_by_name_pattern("base", ["gcc*", "si?"])) == 4
    assert pool.find_by_name_pattern("other", ["*"]) == pool.find_by_name_pattern("base", []) == ()


def test_a_package_is_described_without_what_rpm_itself_provides(pool: PackagePool) -> None:
    (number,) = pool.find_providers("gcc < 13")
    candidate = pool.get_candidate(number)
    assert (candidate.requires, candidate.recommends) == (("libc >= 2.0",), ("make",))
    assert (candidate.license, candidate.label) == ("Licence of gcc", "gcc-12-1.noarch (base)")


def test_an_excluded_package_provides_nothing_and_can_be_named(
    repository: RepositoryMetadata, tmp_path: Path
) -> None:
    pool = load(replace(repository, source=replace(repository.source, exclude=("mta-*",))), tmp_path)
    assert not pool.has_provider("mta")
    assert names(pool, pool.find_excluded("mta")) == ["mta-a-1.0-1.noarch"]
    assert pool.find_excluded("gcc") == ()


def test_a_damaged_cache_is_read_again_from_the_metadata(
    repository: RepositoryMetadata, tmp_path: Path
) -> None:
    load(repository, tmp_path).find_providers("/opt/odd/vim")
    (cached,) = tmp_path.glob("*.solv")
    for content in (b"", b"garbage", cached.read_bytes()[:100]):
        cached.write_bytes(content)
        pool = load(repository, tmp_path)
        assert names(pool, pool.find_providers("gcc < 13")) == [GCC_12]


def test_metadata_that_libsolv_cannot_read_is_an_error(
    repository: RepositoryMetadata, tmp_path: Path
) -> None:
    broken = tmp_path / "broken-primary.xml.xz"
    broken.write_bytes(b"\xfd7zXZ\0 and nothing more")
    with pytest.raises(InputError, match="cannot decompress broken-primary"):
        load(replace(repository, primary=broken), tmp_path)
