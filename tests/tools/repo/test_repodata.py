"""Repodata written by the real createrepo_c: the same bytes for the same packages, damaged ones refused."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.compat import Compat
from altai_build.model.nevra import Nevra
from altai_build.tools.files import sha256_file
from altai_build.tools.repo import repodata
from altai_build.tools.repo.repodata import find_owners, read_repodata, write_repodata
from altai_build.tools.rpm.signatures import find_damaged_packages
from tests.kit.repodata import describe_packages, index_metadata
from tests.kit.repositories import Package, build_packages
from tests.kit.rpms import BuiltRpms, build_rpm, flip_last_byte

EPOCH = 1362052800


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[BuiltRpms]:
    folder = tmp_path_factory.mktemp("packages")
    return [
        build_rpm(folder, "one", "1.0", "1.el6", epoch=2),
        build_rpm(folder, "two", "2.0", "1.el6", requires=["one = 2:1.0"]),
        build_rpm(folder, "odd+name", "1.0~rc1", "1^git.el6"),
    ]


@pytest.fixture
def repository(tmp_path: Path, built: list[BuiltRpms]) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    for package in built:
        os.link(package.binary, folder / package.binary.name)
    return folder


def shares_metadata(directory: Path, other: Path) -> bool:
    name = "repodata/repomd.xml"
    return (other / name).exists() and os.path.samefile(directory / name, other / name)


def metadata(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (directory / "repodata").iterdir()}


@pytest.mark.parametrize(("compat", "ending"), [(Compat.EL6, ".gz"), (Compat.MODERN, ".zst")])
def test_what_was_written_is_read_back(
    repository: Path, built: list[BuiltRpms], compat: Compat, ending: str
) -> None:
    written = write_repodata(repository, epoch=EPOCH, compat=compat)
    read = read_repodata(repository)
    assert written == read
    assert (read.revision, read.problems) == (str(EPOCH), ())
    assert {file.kind for file in read.files} == {"primary", "filelists", "other"}
    assert all(file.location.endswith(f".xml{ending}") for file in read.files)
    packages = {package.nevra: package for package in read.packages}
    assert set(packages) == {
        Nevra(name="one", epoch=2, version="1.0", release="1.el6", arch="noarch"),
        Nevra(name="two", epoch=0, version="2.0", release="1.el6", arch="noarch"),
        Nevra(name="odd+name", epoch=0, version="1.0~rc1", release="1^git.el6", arch="noarch"),
    }
    for package in read.packages:
        path = repository / package.location
        assert (package.sha256, package.size) == (sha256_file(path), path.stat().st_size)
        assert package.sourcerpm == package.location.replace(".noarch.", ".src.")
        assert not package.is_source
    assert sorted(os.listdir(repository)) == sorted([*(rpms.binary.name for rpms in built), "repodata"])


def test_the_same_packages_give_the_same_bytes(repository: Path, tmp_path: Path) -> None:
    write_repodata(repository, epoch=EPOCH, compat=Compat.EL6)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for path in sorted(repository.glob("*.rpm"), reverse=True):
        shutil.copy2(path, elsewhere)
    write_repodata(elsewhere, epoch=EPOCH, compat=Compat.EL6, workers=1)
    assert metadata(elsewhere) == metadata(repository)
    first = metadata(repository)
    write_repodata(repository, epoch=EPOCH, compat=Compat.EL6)
    assert metadata(repository) == first
    write_repodata(repository, epoch=EPOCH + 1, compat=Compat.EL6)
    assert metadata(repository)["repomd.xml"] != first["repomd.xml"]


def test_source_packages_are_known_as_such(tmp_path: Path, built: list[BuiltRpms]) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    os.link(built[0].source, folder / built[0].source.name)
    write_repodata(folder, epoch=EPOCH, compat=Compat.EL6)
    (package,) = read_repodata(folder).packages
    assert (package.is_source, package.nevra.arch, package.sourcerpm) == (True, "src", "")


def test_an_empty_repository_is_a_repository(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    write_repodata(first, epoch=EPOCH, compat=Compat.EL6)
    write_repodata(second, epoch=EPOCH, compat=Compat.EL6, reuse_from=first)
    assert shares_metadata(second, first)
    for folder in (first, second):
        read = read_repodata(folder)
        assert (read.packages, read.problems) == ((), ())


def test_all_damaged_packages_are_named_and_nothing_is_written(repository: Path) -> None:
    for name, spoil in (("one", flip_last_byte), ("two", lambda path: path.write_text("no package\n"))):
        (path,) = repository.glob(f"{name}-*.rpm")
        data = path.read_bytes()
        path.unlink()  # the other name of the file is everybody's
        path.write_bytes(data)
        spoil(path)
    with pytest.raises(InputError) as caught:
        write_repodata(repository, epoch=EPOCH, compat=Compat.EL6)
    assert "2 damaged packages" in caught.value.what
    assert "one-1.0-1.el6.noarch.rpm: " in caught.value.why
    assert "two-2.0-1.el6.noarch.rpm: " in caught.value.why
    assert not (repository / "repodata").exists()


def test_packages_with_known_digests_are_compared_and_not_checked_again(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []

    def note(paths: Sequence[Path]) -> tuple[tuple[Path, str], ...]:
        checked.extend(path.name for path in paths)
        return find_damaged_packages(paths)

    monkeypatch.setattr(repodata, "find_damaged_packages", note)
    names = sorted(path.name for path in repository.iterdir())
    digests = {name: sha256_file(repository / name) for name in names}
    write_repodata(repository, epoch=EPOCH, compat=Compat.EL6, digests=digests)
    assert checked == []
    with_check = metadata(repository)
    write_repodata(repository, epoch=EPOCH, compat=Compat.EL6, digests={names[0]: digests[names[0]]})
    assert (checked, metadata(repository)) == (names[1:], with_check)
    data = (repository / names[1]).read_bytes()
    (repository / names[1]).unlink()  # a link
    (repository / names[1]).write_bytes(data)
    flip_last_byte(repository / names[1])
    with pytest.raises(InputError) as caught:
        write_repodata(repository, epoch=EPOCH, compat=Compat.EL6, digests=digests)
    now = sha256_file(repository / names[1])
    assert (
        caught.value.why == f"{names[1]}: its SHA-256 is {now}, and that of the sound one {digests[names[1]]}"
    )
    assert not (repository / "repodata").exists()


def test_a_package_with_control_characters_is_named(tmp_path: Path) -> None:
    build_packages(tmp_path, [Package("sound"), Package("bell", vendor="ring \x07")])
    with pytest.raises(InputError) as caught:
        write_repodata(tmp_path, epoch=EPOCH, compat=Compat.EL6)
    assert caught.value.what == f"createrepo_c cannot describe bell in {tmp_path}"


def test_metadata_of_the_same_inodes_is_linked(repository: Path, tmp_path: Path) -> None:
    write_repodata(repository, epoch=EPOCH, compat=Compat.EL6)
    (repository / "repodata" / "repomd.xml.asc").write_text("a signature\n")
    following = tmp_path / "next"
    following.mkdir()
    for path in repository.glob("*.rpm"):
        os.link(path, following / path.name)
    written = write_repodata(following, epoch=EPOCH + 9, compat=Compat.EL6, reuse_from=repository)
    assert shares_metadata(following, repository)
    assert written == read_repodata(following) == read_repodata(repository)
    assert not (following / "repodata" / "repomd.xml.asc").exists()


@pytest.mark.parametrize("change", ["another package", "one less", "a copy", "spoilt metadata", "none"])
def test_metadata_is_made_anew_where_anything_differs(
    repository: Path, tmp_path: Path, built: list[BuiltRpms], change: str
) -> None:
    write_repodata(repository, epoch=EPOCH, compat=Compat.EL6)
    following = tmp_path / "next"
    following.mkdir()
    for path in sorted(repository.glob("*.rpm")):
        os.link(path, following / path.name)
    if change == "another package":
        os.link(built[0].source, following / built[0].source.name)
    elif change == "one less":
        next(following.glob("one-*.rpm")).unlink()
    elif change == "a copy":
        path = next(following.glob("one-*.rpm"))
        path.unlink()
        shutil.copy(built[0].binary, path)
    elif change == "spoilt metadata":
        next((repository / "repodata").glob("*primary*")).write_bytes(b"")
    else:
        shutil.rmtree(repository / "repodata")
    write_repodata(following, epoch=EPOCH, compat=Compat.EL6, reuse_from=repository)
    assert not shares_metadata(following, repository)
    read = read_repodata(following)
    assert sorted(package.location for package in read.packages) == sorted(
        path.name for path in following.glob("*.rpm")
    )


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the packages whose bytes were checked."""
    found: list[str] = []

    def look(paths: Sequence[Path]) -> tuple[tuple[Path, str], ...]:
        found.extend(path.name for path in paths)
        return find_damaged_packages(paths)

    monkeypatch.setattr(repodata, "find_damaged_packages", look)
    return found


@pytest.mark.parametrize("compat", list(Compat))
def test_where_some_packages_are_the_same_only_others_are_read_and_the_bytes_are_those_of_all(
    repository: Path, tmp_path: Path, built: list[BuiltRpms], compat: Compat, read: list[str]
) -> None:
    (gone,) = repository.glob("two-*.rpm")
    following, whole = tmp_path / "next", tmp_path / "whole"
    more = build_rpm(tmp_path, "more", "3.0", "1.el6").binary
    for folder in (following, whole):
        folder.mkdir()
        for path in (*set(repository.glob("*.rpm")) - {gone}, more):
            os.link(path, folder / path.name)
    write_repodata(repository, epoch=EPOCH, compat=compat)
    write_repodata(whole, epoch=EPOCH + 9, compat=compat)
    read.clear()
    write_repodata(following, epoch=EPOCH + 9, compat=compat, reuse_from=repository)
    assert not shares_metadata(following, repository)
    assert read == [more.name]
    assert metadata(following) == metadata(whole)


def test_a_damaged_package_among_known_ones_is_found(
    repository: Path, tmp_path: Path, built: list[BuiltRpms]
) -> None:
    write_repodata(repository, epoch=EPOCH, compat=Compat.EL6)
    following = tmp_path / "next"
    following.mkdir()
    for path in repository.glob("*.rpm"):
        os.link(path, following / path.name)
    damaged = following / built[0].source.name
    damaged.write_bytes(built[0].source.read_bytes())
    flip_last_byte(damaged)
    with pytest.raises(InputError, match="1 damaged package "):
        write_repodata(following, epoch=EPOCH, compat=Compat.EL6, reuse_from=repository)
    assert not (following / "repodata").exists()


def test_another_package_under_the_name_size_and_time_of_a_known_one_is_not_taken_for_it(
    repository: Path, tmp_path: Path
) -> None:
    """Which createrepo_c alone would do."""
    # A packed payload differs in size by the time that it was made.
    old, other = (
        build_rpm(tmp_path / summary, "plain", summary=summary, payload="w.ufdio").binary
        for summary in ("A greeting", "A blessing")
    )
    os.rename(old, repository / old.name)
    write_repodata(repository, epoch=EPOCH, compat=Compat.EL6)
    following = tmp_path / "next"
    following.mkdir()
    for path in repository.glob("*.rpm"):
        if path.name != other.name:
            os.link(path, following / path.name)
    before = (repository / old.name).stat()
    os.utime(other, ns=(before.st_mtime_ns, before.st_mtime_ns))
    assert other.stat().st_size == before.st_size
    os.rename(other, following / other.name)
    write_repodata(following, epoch=EPOCH, compat=Compat.EL6, reuse_from=repository)
    indexed = {package.location: package.sha256 for package in read_repodata(following).packages}
    assert indexed == {path.name: sha256_file(path) for path in following.glob("*.rpm")}


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda path: path.write_bytes(b"other"), "SHA-256"),
        (lambda path: path.unlink(), "cannot be read"),
    ],
)
def test_metadata_that_does_not_fit_is_a_fault(repository: Path, spoil: object, fault: str) -> None:
    write_repodata(repository, epoch=EPOCH, compat=Compat.EL6)
    (primary,) = (repository / "repodata").glob("*primary*")
    assert callable(spoil)
    spoil(primary)
    read = read_repodata(repository)
    assert len(read.problems) == 1 and fault in read.problems[0] and primary.name in read.problems[0]
    assert read.packages == ()


def test_metadata_outside_the_repository_is_a_fault(repository: Path) -> None:
    write_repodata(repository, epoch=EPOCH, compat=Compat.EL6)
    repomd = repository / "repodata" / "repomd.xml"
    (primary,) = (repository / "repodata").glob("*primary*")
    (repository.parent / primary.name).write_bytes(primary.read_bytes())
    repomd.write_text(repomd.read_text().replace(f"repodata/{primary.name}", f"../{primary.name}"))
    assert any("outside" in fault for fault in read_repodata(repository).problems)


def test_metadata_with_a_base_of_its_own_is_a_fault(repository: Path) -> None:
    """A client would read another file than the one that was verified."""
    write_repodata(repository, epoch=EPOCH, compat=Compat.EL6)
    repomd = repository / "repodata" / "repomd.xml"
    repomd.write_text(repomd.read_text().replace("<location ", '<location xml:base="http://evil.example/" '))
    problems = read_repodata(repository).problems
    assert problems and all("sends clients to another place" in problem for problem in problems)


def test_metadata_that_is_no_xml_is_a_fault(repository: Path) -> None:
    write_repodata(repository, epoch=EPOCH, compat=Compat.EL6)
    (primary,) = (repository / "repodata").glob("*primary*")
    broken = primary.with_name("broken-primary.xml.gz")
    with gzip.open(broken, "wb") as stream:
        stream.write(b"<metadata><package")
    repomd = repository / "repodata" / "repomd.xml"
    text = (
        repomd.read_text()
        .replace(primary.name, broken.name)
        .replace(sha256_file(primary), sha256_file(broken))
    )
    text = text.replace(f"<size>{primary.stat().st_size}<", f"<size>{broken.stat().st_size}<")
    repomd.write_text(text)
    assert any("cannot be read" in fault for fault in read_repodata(repository).problems)


THREE = [Package("a"), Package("b", files={"/usr/bin/b": ""}), Package("c")]
TEXT = describe_packages(THREE).encode()


def problems_of(folder: Path, text: bytes, *, program: str = "gzip", cut: int = 0) -> list[str]:
    """What is wrong with a repository whose primary metadata is this text, compressed and cut short."""
    packed = subprocess.run([program, "--stdout", "-"], input=text, stdout=subprocess.PIPE, check=True).stdout
    parts = {"primary": (text, packed[: len(packed) - cut]), "filelists": (b"x", b"x"), "other": (b"x", b"x")}
    index_metadata(folder, parts)
    read = read_repodata(folder)
    assert bool(read.packages) != any("cannot be read" in problem for problem in read.problems)
    return [problem for problem in read.problems if "cannot be read" in problem]


@pytest.mark.parametrize("program", ["gzip", "xz", "zstd", "bzip2"])
def test_primary_metadata_that_is_cut_short_is_a_problem(tmp_path: Path, program: str) -> None:
    """createrepo_c takes what it gets of a truncated zstd file for the whole."""
    assert problems_of(tmp_path / "whole", TEXT, program=program) == []
    assert problems_of(tmp_path / "cut", TEXT, program=program, cut=1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (TEXT.replace(b'packages="3"', b'packages="4"'), "it announces 4 packages and lists 3"),
        (TEXT.replace(b"<name>c", b"<name>c\x01"), "invalid Char value"),
        (TEXT.replace(b'package="1000"', b'package="much"'), "to integer failed"),
        (
            TEXT.replace(b'epoch="0" ver="1.0" rel="1"/>', b'epoch="x" ver="1.0" rel="1"/>'),
            "no valid name, epoch",
        ),
        (TEXT.replace(b"<arch>noarch</arch>", b""), "no valid name, epoch"),
        (TEXT.replace(b'href="a-1.0-1.noarch.rpm"', b'href=""'), "it does not say where a-1.0-1 is"),
        (
            TEXT.replace(b"<location ", b'<location xml:base="http://evil.example/" ', 1),
            "sends clients to another place",
        ),
        (TEXT.replace(b"metadata", b"filelists"), "it is a filelists document, not metadata"),
    ],
)
def test_primary_metadata_that_is_not_read_whole_is_a_problem(tmp_path: Path, text: bytes, why: str) -> None:
    (problem,) = problems_of(tmp_path, text)
    assert why in problem


def test_file_lists_that_are_not_read_whole_have_no_owners(repository: Path) -> None:
    write_repodata(repository, epoch=EPOCH, compat=Compat.EL6)
    (one,) = find_owners(repository, "/usr/share/one/greeting")
    assert one.startswith("one-")
    assert find_owners(repository, "/usr/share/none") == ()
    filelists = next(file for file in read_repodata(repository).files if file.kind == "filelists")
    path = repository / filelists.location
    path.write_bytes(
        gzip.compress(gzip.decompress(path.read_bytes()).replace(b'packages="3"', b'packages="4"'))
    )
    with pytest.raises(InputError, match="cannot read the file lists"):
        find_owners(repository, "/usr/share/one/greeting")


def test_a_folder_without_metadata_is_no_repository(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a yum repository"):
        read_repodata(tmp_path)
    (tmp_path / "repodata").mkdir()
    (tmp_path / "repodata" / "repomd.xml").write_text("<html>")
    with pytest.raises(InputError, match="is not a yum repository"):
        read_repodata(tmp_path)
