"""What packages say of themselves, and which of a release's packages need which."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.model.bill_of_materials import PackageDescription
from altai_build.model.compat import Compat
from altai_build.tools.repo.metadata import read_local_metadata
from altai_build.tools.repo.repodata import write_repodata
from altai_build.tools.solver.describe import describe_packages, find_outside_requirements, find_provided
from tests.kit.repositories import Package, build_packages
from tests.kit.rpms import build_rpm


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repositories")
    own = [
        Package("api", requires=("lib(x)", "tool", "bash", "api", "(extra if lib)"), files={"/etc/api": "1"}),
        Package("tool", files={"/usr/share/tool/data": "x"}),
    ]
    theirs = [Package("lib", provides=("lib(x)",), requires=("/usr/share/tool/data",), arch="i686")]
    for name, packages in (("own", own), ("deps/lib", theirs)):
        build_packages(folder / name, packages)
    source = build_rpm(folder / "made", "bunch", requires=("bash",)).source
    (folder / "sources").mkdir()
    source.rename(folder / "sources" / source.name)
    for name in ("own", "deps/lib", "sources"):
        write_repodata(folder / name, epoch=0, compat=Compat.MODERN)
    return folder


def test_the_needs_of_packages_are_those_that_provide_what_they_require(folder: Path, tmp_path: Path) -> None:
    names = ("own", "deps/lib", "sources")
    # The second time from the solver's cache.
    for _ in range(2):
        described = describe_packages(
            [read_local_metadata(name, folder / name) for name in names], cache=tmp_path
        )
        needs = {path: (one.needs, one.outside) for path, one in described.items()}
        assert needs == {
            "own/api-1.0-1.noarch.rpm": (
                ("deps/lib/lib-1.0-1.i686.rpm", "own/tool-1.0-1.noarch.rpm"),
                ("(extra if lib)", "bash"),
            ),
            "own/tool-1.0-1.noarch.rpm": ((), ()),
            "deps/lib/lib-1.0-1.i686.rpm": (("own/tool-1.0-1.noarch.rpm",), ()),
            "sources/bunch-1.0-1.src.rpm": ((), ()),
        }
        assert described["sources/bunch-1.0-1.src.rpm"] == PackageDescription(
            license="MIT", vendor="Example", url="https://example.org/bunch", summary="A greeting"
        )


@pytest.mark.parametrize(
    ("names", "outside"),
    [
        # `extra` is wanted only if `lib` is there; that is a condition of what is required.
        (("own", "deps/lib"), {"bash", "extra"}),
        (("own",), {"bash", "extra", "lib(x)"}),
        (("deps/lib",), {"/usr/share/tool/data"}),
    ],
)
def test_outside_is_what_none_of_the_repositories_provides(
    folder: Path, tmp_path: Path, names: tuple[str, ...], outside: set[str]
) -> None:
    repositories = [read_local_metadata(name, folder / name) for name in names]
    assert find_outside_requirements(repositories, cache=tmp_path) == outside


def test_a_capability_is_provided_by_packages_and_their_files(folder: Path, tmp_path: Path) -> None:
    repositories = [read_local_metadata(name, folder / name) for name in ("own", "deps/lib")]

    def find(capability: str) -> dict[str, str]:
        return find_provided(repositories, capability, cache=tmp_path)

    assert find("lib(x)") == {"deps/lib/lib-1.0-1.i686.rpm": "lib(x)"}
    assert find("tool > 0.9") == {"own/tool-1.0-1.noarch.rpm": "tool = 1.0-1"}
    assert find("tool > 2") == find("nothing") == {}
