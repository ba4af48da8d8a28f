"""Packages that a solver chose are fetched and verified; lists of files are read of the packages that matter."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import DistrustedError, InputError
from altai_build.tools.repo.metadata import RepositoryMetadata, read_local_metadata
from altai_build.tools.solver.package_files import fetch_resolved_packages, read_file_lists
from altai_build.tools.solver.pool import PackagePool
from tests.kit.keys import ThrowawayKey, make_key
from tests.kit.repodata import edit_primary
from tests.kit.repositories import Package, make_repository
from tests.kit.server import serving

FILES = {"/etc/own": "own\n", "/opt/deep/file": "x\n"}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayKey:
    return make_key(tmp_path_factory.mktemp("key"), "os")


@pytest.fixture(scope="module")
def folder(key: ThrowawayKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    packages = [Package("one", files=FILES), Package("two")]
    return make_repository(tmp_path_factory.mktemp("os") / "os", packages, key)


def make_pool(cache: Path, *repositories: RepositoryMetadata) -> PackagePool:
    pool = PackagePool("x86_64", cache=cache)
    for metadata in repositories:
        pool.add_repository(metadata)
    return pool


def find(pool: PackagePool, name: str) -> int:
    (number,) = pool.find_by_name(name)
    return number


def with_key(metadata: RepositoryMetadata, key: ThrowawayKey) -> RepositoryMetadata:
    return replace(metadata, source=replace(metadata.source, check_packages=True, keys=(key.public,)))


def test_packages_are_fetched_once_and_their_signatures_verified(
    folder: Path, key: ThrowawayKey, tmp_path: Path
) -> None:
    pool = make_pool(tmp_path / "solv", with_key(read_local_metadata("os", folder), key))
    chosen = [pool.get_resolved(find(pool, name)) for name in ("two", "one")]
    paths = fetch_resolved_packages(chosen, tmp_path / "packages")
    assert [path.name for path in paths] == ["two-1.0-1.noarch.rpm", "one-1.0-1.noarch.rpm"]
    assert fetch_resolved_packages(chosen, tmp_path / "packages") == paths
    assert fetch_resolved_packages([], tmp_path / "packages") == []


def test_a_package_that_was_damaged_in_the_cache_is_fetched_again(folder: Path, tmp_path: Path) -> None:
    """Even where nobody has signed it: a buildroot's key promises these very bytes."""
    pool = make_pool(tmp_path / "solv", read_local_metadata("os", folder))
    chosen = [pool.get_resolved(find(pool, "one"))]
    (path,) = fetch_resolved_packages(chosen, tmp_path / "packages")
    good = path.read_bytes()
    path.unlink()  # it may be a link to the repository's own file
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert fetch_resolved_packages(chosen, tmp_path / "packages") == [path]
    assert path.read_bytes() == good


def test_a_package_that_one_mirror_lacks_comes_from_another(folder: Path, tmp_path: Path) -> None:
    metadata = read_local_metadata("os", folder)
    bare = tmp_path / "bare"
    shutil.copytree(folder / "repodata", bare / "repodata")
    urls = (bare.as_uri(), metadata.url)
    source = replace(metadata.source, urls=urls)
    pool = make_pool(tmp_path / "solv", replace(metadata, url=urls[0], source=source))
    (path,) = fetch_resolved_packages([pool.get_resolved(find(pool, "one"))], tmp_path / "packages")
    assert path.name == "one-1.0-1.noarch.rpm"


def test_a_package_with_a_base_of_its_own_comes_from_there(folder: Path, tmp_path: Path) -> None:
    """createrepo_c --baseurl writes it, for packages on another server than the metadata."""
    site = tmp_path / "site"
    shutil.copytree(folder, site / "store")
    with serving(site) as url:
        for base in (f"{url}/store/", "store"):
            shutil.copytree(folder / "repodata", site / "repodata")
            edit_primary(site, ("<location ", f'<location xml:base="{base}" '))
            local = read_local_metadata("os", site)
            metadata = replace(local, url=url, source=replace(local.source, urls=(url,)))
            pool = make_pool(tmp_path / f"solv-{base[:4]}", metadata)
            chosen = pool.get_resolved(find(pool, "one"))
            (path,) = fetch_resolved_packages([chosen], tmp_path / f"packages-{base[:4]}")
            assert path.name == "one-1.0-1.noarch.rpm"
            shutil.rmtree(site / "repodata")


def test_a_location_that_is_too_long_for_a_file_name_is_no_problem(folder: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(folder, site)
    name = "one-1.0-1.noarch.rpm"
    # A server may map such a name to anything; a file system cannot have it.
    edit_primary(site, (f'"{name}"', f'"{"x" * 300}"'))
    pool = make_pool(tmp_path / "solv", read_local_metadata("os", site))
    with pytest.raises(InputError, match="cannot read file://"):
        fetch_resolved_packages([pool.get_resolved(find(pool, "one"))], tmp_path / "packages")


def test_a_package_of_another_key_is_not_trusted(folder: Path, tmp_path: Path) -> None:
    other = make_key(tmp_path, "other")
    pool = make_pool(tmp_path / "solv", with_key(read_local_metadata("os", folder), other))
    with pytest.raises(
        DistrustedError, match="the key of the repository os did not sign 1 package from it"
    ) as caught:
        fetch_resolved_packages([pool.get_resolved(find(pool, "one"))], tmp_path / "packages")
    assert "one-1.0-1.noarch.rpm: unknown key" in caught.value.why


def test_the_file_lists_are_those_of_the_packages_and_paths_asked_for(folder: Path, tmp_path: Path) -> None:
    pool = make_pool(tmp_path / "solv", read_local_metadata("os", folder))
    one, two = find(pool, "one"), find(pool, "two")
    assert read_file_lists(pool, [one]) == {one: {"/usr/share/one/text", *FILES}}
    assert read_file_lists(pool, [one, two], among={"/etc/own", "/usr/share/two/text"}) == {
        one: {"/etc/own"},
        two: {"/usr/share/two/text"},
    }
    assert read_file_lists(pool, []) == {}


def test_missing_or_incomplete_file_lists_are_not_empty_ones(folder: Path, tmp_path: Path) -> None:
    metadata = read_local_metadata("os", folder)
    pool = make_pool(tmp_path / "solv", replace(metadata, filelists=None))
    with pytest.raises(InputError, match="the repository os has no file lists"):
        read_file_lists(pool, [find(pool, "one")])
    other = read_local_metadata("other", make_repository(tmp_path / "other", [Package("one", files=FILES)]))
    pool = make_pool(tmp_path / "solv", replace(metadata, filelists=other.filelists))
    with pytest.raises(InputError) as caught:
        read_file_lists(pool, [find(pool, "one"), find(pool, "two")])
    assert "it lacks" in caught.value.why
