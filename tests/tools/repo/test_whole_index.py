"""The index of a whole release: the same as its repositories, and every difference is found."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.compat import Compat
from altai_build.tools.repo.repodata import read_repodata, write_repodata
from altai_build.tools.repo.whole_index import compare_whole_index, write_whole_index
from tests.kit.repodata import index_metadata
from tests.kit.repositories import Package, build_packages

REPOSITORIES = ("main", "deps/more", "empty")
EPOCH = 1362052800


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three repositories and the index of all."""
    folder = tmp_path_factory.mktemp("made")
    packages = {
        "main": [
            Package("app", "1", requires=["lib = 1"], files={"/usr/bin/app": "x"}),
            Package("c++x", "2~rc1"),
        ],
        "deps/more": [Package("lib", "1", files={"/opt/lib-more": "x"})],
        "empty": [],
    }
    for name, listed in packages.items():
        (folder / name).mkdir(parents=True)
        build_packages(folder / name, listed)
        write_repodata(folder / name, epoch=1, compat=Compat.EL6)
    write_whole_index(folder, REPOSITORIES, epoch=EPOCH, compat=Compat.EL6)
    return folder


@pytest.fixture
def release(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "release", copy_function=os.link)


def read_index(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "repodata").iterdir()}


def test_it_lists_each_package_by_its_path(made: Path) -> None:
    index = read_repodata(made)
    assert {package.location for package in index.packages} == {
        path.relative_to(made).as_posix() for path in made.rglob("*.rpm")
    }
    assert len(index.packages) == 3 and index.problems == ()
    assert compare_whole_index(made, REPOSITORIES) == {}


def test_the_same_repositories_give_the_same_bytes_and_no_package_is_read(release: Path, made: Path) -> None:
    """Neither the content of packages nor the name of the folder has a part in it."""
    for path in release.rglob("*.rpm"):
        status = path.stat()
        path.unlink()
        path.write_bytes(b"\0" * status.st_size)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    write_whole_index(release, REPOSITORIES, epoch=EPOCH, compat=Compat.EL6)
    assert read_index(release) == read_index(made)


def test_the_index_of_the_release_before_is_linked_where_it_lists_the_same_files(
    release: Path, made: Path
) -> None:
    write_whole_index(release, REPOSITORIES, epoch=9, compat=Compat.EL6, reuse_from=made)
    assert all((release / "repodata" / name).samefile(made / "repodata" / name) for name in read_index(made))
    (removed,) = (release / "deps/more").glob("*.rpm")
    removed.unlink()
    write_repodata(release / "deps/more", epoch=1, compat=Compat.EL6)
    write_whole_index(release, REPOSITORIES, epoch=9, compat=Compat.EL6, reuse_from=made)
    assert read_repodata(release).revision == "9"
    assert compare_whole_index(release, REPOSITORIES) == {}


def change_dependency(text: str) -> str:
    required = '<rpm:entry name="lib" flags="EQ" epoch="0" ver="1"/>'
    return text.replace(required, required.replace("EQ", "GE"))


def change_place(text: str) -> str:
    return text.replace('href="deps/more/lib', 'href="main/lib')


def drop_package(text: str) -> str:
    first, _, rest = text.partition("<package ")
    return first.replace('packages="3"', 'packages="2"') + rest.partition("</package>")[2]


def change_file(text: str) -> str:
    return text.replace("/usr/bin/app<", "/usr/bin/dpkg<")


@pytest.mark.parametrize(
    ("kind", "change", "wrong"),
    [
        ("primary", change_dependency, {"main/app-1-1.noarch.rpm": "describes the package otherwise"}),
        (
            "primary",
            change_place,
            {
                "deps/more/lib-1-1.noarch.rpm": "is missing from the index",
                "main/lib-1-1.noarch.rpm": "that no repository of the release has",
            },
        ),
        ("primary", drop_package, {"deps/more/lib-1-1.noarch.rpm": "is missing from the index"}),
        ("filelists", change_file, {"main/app-1-1.noarch.rpm": "describes the package otherwise"}),
    ],
)
def test_a_client_of_the_index_is_told_nothing_else_than_one_of_the_repositories(
    release: Path, kind: str, change: Callable[[str], str], wrong: dict[str, str]
) -> None:
    texts = {
        name: gzip.decompress(path.read_bytes()).decode()
        for name in ("primary", "filelists", "other")
        for path in (release / "repodata").glob(f"*-{name}.xml.gz")
    }
    changed = {**texts, kind: change(texts[kind])}
    assert changed != texts
    shutil.rmtree(release / "repodata")
    parts = {name: text.encode() for name, text in changed.items()}
    index_metadata(release, {name: (data, gzip.compress(data)) for name, data in parts.items()})
    found = compare_whole_index(release, REPOSITORIES)
    assert found.keys() == wrong.keys()
    assert all(message in found[path] for path, message in wrong.items())


def test_metadata_that_cannot_be_read_is_an_error(release: Path) -> None:
    (file,) = (release / "repodata").glob("*-primary.xml.gz")
    file.unlink()
    file.write_bytes(b"none")
    with pytest.raises(InputError, match="cannot be read"):
        compare_whole_index(release, REPOSITORIES)
