"""The metadata that createrepo_c writes never differs from the package; what is changed in it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.tools.repo.metadata import read_local_metadata
from altai_build.tools.rpm.header import read_header
from altai_build.tools.solver.comparison import find_differences
from altai_build.tools.solver.pool import PackagePool
from tests.kit.repodata import edit_primary
from tests.kit.repositories import Package, make_repository

# All that createrepo leaves out or writes in another way.
RICH = Package(
    "rich",
    epoch=3,
    requires=[
        *("own", "x", "x >= 1", "y = 0:1-1", "/usr/share/rich/text", "/etc/rich", "/bin/sh", "(p if q)"),
        *("libc.so.6()(64bit)", "libc.so.6(GLIBC_2.2)(64bit)", "libc.so.6(GLIBC_2.14)(64bit)"),
    ],
    provides=["own", "z = 0:2-1", "z = 0:2-2"],
    conflicts=["c < 0:2"],
    obsoletes=["o <= 1"],
    recommends=["r"],
    files={"/etc/rich": "", "/usr/bin/rich": ""},
    preamble=["Requires(post): x", "Requires(pre): late", "Suggests: s"],
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("rich"), [RICH])


def differences(repository: Path, cache: Path, *files: str) -> tuple[str, ...]:
    pool = PackagePool("x86_64", cache=cache)
    pool.add_repository(read_local_metadata("rich", repository))
    (number,) = pool.find_by_name("rich")
    return find_differences(pool, number, read_header(next(repository.glob("*.rpm"))), files)


def test_true_metadata_does_not_differ(repository: Path, tmp_path: Path) -> None:
    assert differences(repository, tmp_path, "/usr/bin/rich", "/etc/rich") == ()


def test_a_header_in_another_encoding_does_not_differ_from_its_metadata(tmp_path: Path) -> None:
    """createrepo_c takes what is not UTF-8 for Latin-1; libsolv and the bindings of rpm take UTF-8 alone."""
    latin = Package(
        "latin",
        requires=["own-\udce9", "other-\udce9 = 1"],
        provides=["own-\udce9", "caf\udce9 = 2"],
        conflicts=["r\udce9 < 2"],
        vendor="Soci\udce9t\udce9",
        files={"/usr/share/latin/\udce9": ""},
    )
    make_repository(tmp_path / "latin", [latin])
    pool = PackagePool("x86_64", cache=tmp_path)
    pool.add_repository(read_local_metadata("latin", tmp_path / "latin"))
    (path,) = (tmp_path / "latin").glob("*.rpm")
    header, (number,) = read_header(path), pool.find_by_name("latin")
    assert find_differences(pool, number, header, ()) == ()
    local = pool.add_local(path, header)
    for requirement in ("café = 2", "caf\udce9", "/usr/share/latin/é"):
        assert local in pool.find_providers(requirement)
    assert pool.get_candidate(local).requires == ("other-é = 1", "own-é")


@pytest.mark.parametrize(
    ("true", "false", "expected"),
    [
        ('<rpm:entry name="late"', '<rpm:entry name="x"', ("it requires late, which its metadata hides",)),
        ('name="own"', 'name="other"', ("its metadata says that it provides other",)),
        (
            'name="c" flags="LT"',
            'name="c" flags="GT"',
            (
                "it conflicts with c < 2, which its metadata hides",
                "its metadata says that it conflicts with c > 2",
            ),
        ),
        (
            'name="o"',
            'name="everything"',
            (
                "it obsoletes o <= 1, which its metadata hides",
                "its metadata says that it obsoletes everything <= 1",
            ),
        ),
    ],
)
def test_false_metadata_differs(
    repository: Path, tmp_path: Path, true: str, false: str, expected: tuple[str, ...]
) -> None:
    copy = tmp_path / "copy"
    (copy / "repodata").mkdir(parents=True)
    for path in (*repository.glob("*.rpm"), *repository.glob("repodata/*")):
        (copy / path.relative_to(repository)).hardlink_to(path)
    edit_primary(copy, (true, false))
    found = differences(copy, tmp_path)
    assert found[-len(expected) :] == expected


def test_files_that_matter_must_be_in_the_package(repository: Path, tmp_path: Path) -> None:
    assert differences(repository, tmp_path, "/usr/bin/none") == ("it does not contain /usr/bin/none",)
