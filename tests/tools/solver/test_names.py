"""Words of `dnf install`, on a pool (the answers are those of dnf 4.14)."""

from __future__ import annotations

import pytest

from altai_build.tools.repo.metadata import read_local_metadata
from altai_build.tools.solver.names import find_by_exact_name, find_named_packages
from altai_build.tools.solver.pool import PackagePool
from tests.kit.repodata import describe_repository
from tests.kit.repositories import Package

PACKAGES = (
    Package("lib", arch="i686"),
    Package("lib", arch="x86_64"),
    Package("lib", arch="aarch64"),
    Package("lib-tools", provides=["lib", "tools"]),
    Package("newer-lib", obsoletes=["lib"]),
)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> PackagePool:
    folder = tmp_path_factory.mktemp("names")
    made = PackagePool("x86_64", cache=folder / "solv")
    made.add_repository(read_local_metadata("r", describe_repository(folder / "r", PACKAGES)))
    return made


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("lib", [({"lib-1.0-1.i686", "lib-1.0-1.x86_64", "newer-lib-1.0-1.noarch"}, False)]),
        ("lib.i686", [({"lib-1.0-1.i686"}, True)]),
        ("lib-1.0", [({"lib-1.0-1.i686", "lib-1.0-1.x86_64"}, False)]),
        (
            "*lib",
            [
                ({"lib-1.0-1.i686", "lib-1.0-1.x86_64", "newer-lib-1.0-1.noarch"}, False),
                ({"newer-lib-1.0-1.noarch"}, False),
            ],
        ),
        ("tools", []),
        ("lib.aarch64", []),
        ("nothing*", []),
    ],
)
def test_a_word_names_one_package_of_each_name(
    pool: PackagePool, word: str, expected: list[tuple[set[str], bool]]
) -> None:
    found = find_named_packages(pool, word)
    assert [({str(pool.get_nevra(n)) for n in one.packages}, one.has_arch) for one in found] == expected


def test_a_name_is_not_what_others_provide(pool: PackagePool) -> None:
    assert find_by_exact_name(pool, "tools") is None
    assert find_by_exact_name(pool, "lib") == find_named_packages(pool, "lib")[0]
