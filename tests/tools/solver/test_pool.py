"""What a pool knows of the packages that were loaded into it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.repo.metadata import RepositoryMetadata, read_local_metadata
from altai_build.tools.solver.pool import PackagePool
from tests.kit.repodata import describe_packages, describe_repository, index_metadata
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
        ("(gcc < 13 if python3dist(six) >= 1)", [GCC_12]),
        ("(gcc < 13 or python3dist(six))", [GCC_12, SIX]),
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
    assert (candidate.requires, pool.get_recommends(number)) == (("libc >= 2.0",), ("make",))
    assert (pool.get_license(number), candidate.label) == ("Licence of gcc", "gcc-12-1.noarch (base)")


def test_an_excluded_package_provides_nothing_and_can_be_named(
    repository: RepositoryMetadata, tmp_path: Path
) -> None:
    pool = load(replace(repository, source=replace(repository.source, exclude=("mta-*",))), tmp_path)
    assert not pool.has_provider("mta")
    assert names(pool, pool.find_excluded("mta")) == ["mta-a-1.0-1.noarch"]
    assert pool.find_excluded("gcc") == ()


def test_what_others_of_a_set_obsolete_is_found(tmp_path: Path) -> None:
    packages = [
        Package("old", "1"),
        Package("old", "2"),
        Package("other", provides=["old = 1"]),
        Package("new", obsoletes=["old < 2", "new"]),
    ]
    pool = load(
        read_local_metadata("mirror", describe_repository(tmp_path / "mirror", packages)), tmp_path / "solv"
    )
    numbers = pool.find_by_name_pattern("mirror", ["*"])
    assert names(pool, tuple(pool.find_obsoleted(numbers))) == ["old-1-1.noarch"]
    assert pool.find_obsoleted(numbers[:3]) == frozenset()


def test_native_packages_are_told_from_those_of_another_architecture(tmp_path: Path) -> None:
    packages = [Package("a", arch=arch) for arch in ("noarch", "x86_64", "i686", "i386")]
    mirror = describe_repository(tmp_path / "mirror", packages)
    for arch, native in (("x86_64", ["noarch", "x86_64"]), ("i686", ["i386", "i686", "noarch"])):
        pool = PackagePool(arch, cache=tmp_path / "solv")
        pool.add_repository(read_local_metadata("mirror", mirror))
        candidates = map(pool.get_candidate, pool.find_by_name_pattern("mirror", ["*"]))
        assert sorted(package.nevra.arch for package in candidates if package.is_native) == native


def test_a_damaged_cache_is_read_again_from_the_metadata(
    repository: RepositoryMetadata, tmp_path: Path
) -> None:
    load(repository, tmp_path).find_providers("/opt/odd/vim")
    (cached,) = tmp_path.glob("*.solv")
    for content in (b"", b"garbage", cached.read_bytes()[:100]):
        cached.write_bytes(content)
        pool = load(repository, tmp_path)
        assert names(pool, pool.find_providers("gcc < 13")) == [GCC_12]


THREE = [Package("a", requires=["one"]), Package("b", files={"/usr/bin/b": ""}), Package("c")]
TEXT = describe_packages(THREE).encode()
FILELISTS = (
    b'<filelists packages="%d" xmlns="http://linux.duke.edu/metadata/filelists">'
    b'<package pkgid="1" name="x" arch="noarch"><version ver="1" rel="1"/><file>/x</file></package></filelists>'
)


def load_text(folder: Path, **parts: bytes) -> PackagePool:
    pool = load(
        read_local_metadata("mirror", describe_repository(folder / "mirror", THREE, **parts)), folder / "solv"
    )
    pool.load_filelists()
    return pool


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (TEXT.replace(b"<name>c", b"<name>c\x01"), "invalid Char value 1"),
        (TEXT[: TEXT.index(b"<name>c")], "line"),
        (TEXT.replace(b'packages="3"', b'packages="4"'), "it announces 4 packages, and the repository has 3"),
        (TEXT.replace(b"metadata", b"filelists"), "it is a filelists document, not metadata"),
        (TEXT.replace(b"UTF-8", b"klingon"), "unknown encoding"),
        (TEXT + b"<more/>", "Extra content at the end of the document"),
        (b"", "no element found"),
        (b"<html>not found</html>", "it is a html document, not metadata"),
    ],
)
def test_metadata_that_is_not_read_to_its_end_is_an_error(tmp_path: Path, text: bytes, why: str) -> None:
    """libsolv takes what it could read for all there is, and dnf refuses such a repository."""
    for _ in range(2):
        with pytest.raises(InputError, match="cannot read the primary metadata") as caught:
            load_text(tmp_path, primary=text)
        assert why in caught.value.why
    assert not list(tmp_path.glob("solv/*"))


@pytest.mark.parametrize("text", [FILELISTS % 1, FILELISTS % 3 + b"<", b"<filelists>", TEXT])
def test_file_lists_that_are_not_read_to_their_end_are_an_error(tmp_path: Path, text: bytes) -> None:
    assert load_text(tmp_path, filelists=FILELISTS % 3).has_filelists
    with pytest.raises(InputError, match="cannot read the filelists metadata"):
        load_text(tmp_path, filelists=text)


@pytest.mark.parametrize("program", ["xz", "zstd", "bzip2"])
def test_metadata_may_have_another_compression_than_its_name_says(tmp_path: Path, program: str) -> None:
    packed = subprocess.run([program, "--stdout", "-"], input=TEXT, stdout=subprocess.PIPE, check=True).stdout
    mirror = index_metadata(tmp_path / "mirror", {"primary": (TEXT, packed)})
    pool = load(read_local_metadata("mirror", mirror), tmp_path / "solv")
    assert names(pool, pool.find_by_name_pattern("mirror", ["*"])) == [package.nevra for package in THREE]
    cut = index_metadata(tmp_path / "cut", {"primary": (TEXT, packed[:-1])})
    with pytest.raises(InputError, match="cannot decompress"):
        load(read_local_metadata("mirror", cut), tmp_path / "solv")


def test_metadata_that_is_larger_than_announced_is_not_decompressed(tmp_path: Path) -> None:
    text = TEXT.replace(b"</metadata>", b" " * 100_000_000 + b"</metadata>")
    packed = subprocess.run(["zstd", "--stdout", "-"], input=text, stdout=subprocess.PIPE, check=True).stdout
    assert len(packed) < 100_000
    for plain in (TEXT, text):
        mirror = index_metadata(tmp_path / "mirror", {"primary": (plain, packed)})
        with pytest.raises(InputError, match="cannot decompress") as caught:
            load(read_local_metadata("mirror", mirror), tmp_path / "solv")
        assert "it holds more than" in caught.value.why


def test_damaged_metadata_of_a_repository_in_a_directory_is_an_error(tmp_path: Path) -> None:
    mirror = describe_repository(tmp_path / "mirror", THREE)
    metadata = read_local_metadata("mirror", mirror)
    data = bytearray(metadata.primary.path.read_bytes())
    data[len(data) // 2] ^= 1
    metadata.primary.path.write_bytes(data)
    with pytest.raises(InputError, match="is missing or damaged"):
        load(metadata, tmp_path / "solv")


def test_a_package_without_a_valid_epoch_is_an_error_that_names_it(tmp_path: Path) -> None:
    pool = load_text(
        tmp_path, primary=TEXT.replace(b'epoch="0" ver="1.0" rel="1"/>', b'epoch="x" ver="1.0" rel="1"/>')
    )
    with pytest.raises(InputError, match=r"the version 'x:1.0-1' of a in mirror is not valid"):
        pool.get_candidate(pool.find_by_name("a")[0])


def test_a_package_without_a_location_is_an_error_that_names_it(tmp_path: Path) -> None:
    pool = load_text(tmp_path, primary=re.sub(rb"<location [^>]*/>", b"", TEXT))
    with pytest.raises(InputError, match=r"the repository mirror does not say where a-1.0-1.noarch is"):
        pool.get_resolved(pool.find_by_name("a")[0])
