"""yum's metadata of a folder of RPMs, written by createrepo_c and read back by its library.

The library is loaded where packages are listed: reading repomd.xml takes a fraction of the time that loading it does.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.model.checksum import Checksum, make_checksum
from altai_build.model.compat import Compat
from altai_build.model.nevra import SOURCE_ARCHES, Nevra
from altai_build.tools import process
from altai_build.tools.files import link_or_copy, remove_tree, scratch_directory
from altai_build.tools.rpm.signatures import find_damaged_packages

if TYPE_CHECKING:
    import createrepo_c

REPODATA = "repodata"
REPOMD = "repodata/repomd.xml"
_COMPRESSION = {
    Compat.EL6: "gz",
    Compat.MODERN: "zstd",
}  # yum on el6 knows gz, bz2 and xz (and is slow with xz)


@dataclass(frozen=True)
class MetadataFile:
    """One file that repomd.xml names: its kind (`primary`, `filelists`, …), place and checksum."""

    kind: str
    location: str  # relative to the repository's folder
    checksum: Checksum | None  # None: repomd.xml gives none
    size: int | None  # bytes


@dataclass(frozen=True)
class IndexedPackage:
    """One package as the primary metadata describes it to a client."""

    nevra: Nevra
    location: str
    sha256: str
    size: int
    sourcerpm: str
    is_source: bool


@dataclass(frozen=True)
class Repodata:
    """The metadata of one repository; `problems` says what in it does not fit together."""

    revision: str
    files: tuple[MetadataFile, ...]
    packages: tuple[IndexedPackage, ...]
    problems: tuple[str, ...]


def write_repodata(
    directory: Path, *, epoch: int, compat: Compat, reuse_from: Path | None = None, workers: int | None = None
) -> bool:
    """Write `repodata/` for the RPMs in `directory`, the same bytes for the same files and `epoch` (a Unix time).

    Where `reuse_from` (the same repository of an earlier release) holds the very same inodes, its metadata is linked
    instead and True returned; where it holds some of them, only the others are read. Raises InputError naming each of
    these that is damaged: createrepo_c would index it and say nothing.
    """
    names = list_package_files(directory)
    known: set[str] = set()
    if reuse_from is not None and (found := _reusable_packages(directory, reuse_from)) is not None:
        known = found
        if known == set(names) == set(list_package_files(reuse_from)):
            _link_repodata(reuse_from, directory)
            return True
    remove_tree(directory / REPODATA)
    with scratch_directory(directory, ".list") as scratch, ThreadPoolExecutor(1) as beside:
        damaged = beside.submit(
            find_damaged_packages, [directory / name for name in names if name not in known]
        )
        package_list = scratch / "packages"
        package_list.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        words = [
            createrepo_program(),
            "--quiet",
            "--no-database",
            "--checksum",
            "sha256",
            "--general-compress-type",
            _COMPRESSION[compat],
            "--revision",
            str(epoch),
            "--set-timestamp-to-revision",
            "--workers",
            str(workers or os.cpu_count() or 1),
            "--pkglist",
            str(package_list),
            *(["--update", "--update-md-path", str(reuse_from)] if known else []),
            str(directory),
        ]
        result = process.run(words, env={"SOURCE_DATE_EPOCH": str(epoch)}, ok=process.ANY_END)
    _reject_damaged(damaged.result(), directory)
    if result.returncode:
        raise process.ProgramFailed(result)
    written = read_repodata(directory)
    if sorted(package.location for package in written.packages) != names or written.problems:
        raise InputError(
            f"createrepo_c left packages of {directory} out",
            why="\n".join(written.problems) or "its list of packages is not what is in the folder",
        )
    return False


def _reject_damaged(damaged: Sequence[tuple[Path, str]], directory: Path) -> None:
    """createrepo_c, which ran meanwhile, may have said nothing of them."""
    if damaged:
        remove_tree(directory / REPODATA)
        raise InputError(
            f"{len(damaged)} damaged packages in {directory}",
            why="\n".join(f"{path.name}: {why}" for path, why in damaged),
            todo="fetch or build them again",
        )


def list_package_files(directory: Path) -> list[str]:
    """The RPM files of a repository's folder, sorted."""
    return sorted(entry.name for entry in os.scandir(directory) if entry.name.endswith(".rpm"))


def _reusable_packages(directory: Path, other: Path) -> set[str] | None:
    """The names that are the same inodes in both folders; None where the other's metadata cannot be relied on for them.

    It must be whole. And createrepo_c takes a package of the same name, size and time for the same one: where one has
    only the name of another, all are read.
    """
    try:
        there = read_repodata(other)
    except InputError:
        return None
    here, before = _inode_by_name(directory), _inode_by_name(other)
    if there.problems or sorted(package.location for package in there.packages) != sorted(before):
        return None
    both = here.keys() & before.keys()
    return both if all(here[name] == before[name] for name in both) else None


def _inode_by_name(directory: Path) -> dict[str, tuple[int, int]]:
    """What the names of a repository's RPM files stand for."""
    found = ((entry.name, entry.stat()) for entry in os.scandir(directory) if entry.name.endswith(".rpm"))
    return {name: (status.st_dev, status.st_ino) for name, status in found}


def _link_repodata(source: Path, destination: Path) -> None:
    """Hard links to the metadata files; signatures are made anew, by whichever key signs this release."""
    remove_tree(destination / REPODATA)
    (destination / REPODATA).mkdir()
    for name in ("repomd.xml", *(Path(file.location).name for file in read_repomd(source)[1])):
        link_or_copy(source / REPODATA / name, destination / REPODATA / name)


def createrepo_program() -> str:
    """The createrepo_c that comes with the library, without its Python wrapper; else the system's."""
    found = importlib.util.find_spec("createrepo_c")
    for place in (found.submodule_search_locations or []) if found else []:
        inside = Path(place, "data", "bin", "createrepo_c")
        if inside.is_file():
            return str(inside)
    beside = Path(sys.executable).with_name("createrepo_c")
    return str(beside) if beside.is_file() else "createrepo_c"


def read_repodata(directory: Path) -> Repodata:
    """What a client learns of the repository in `directory`, with every checksum of repomd.xml compared.

    Raises InputError when there is no readable repomd.xml; anything else that is wrong is one of the `problems`.
    """
    revision, files = read_repomd(directory)
    problems = [problem for file in files for problem in _check_file(directory, file)]
    kinds = {file.kind: directory / file.location for file in files}
    problems += [
        f"{REPOMD} names no {kind}" for kind in ("primary", "filelists", "other") if kind not in kinds
    ]
    packages: tuple[IndexedPackage, ...] = ()
    if not problems:
        try:
            packages = _packages(kinds["primary"])
        except ValueError as error:
            problems.append(f"{kinds['primary'].name} cannot be read: {error}")
    return Repodata(revision=revision, files=files, packages=packages, problems=tuple(problems))


def read_repomd(directory: Path) -> tuple[str, tuple[MetadataFile, ...]]:
    """Revision and metadata files that repomd.xml names, nothing compared. Raises InputError when it is unreadable."""
    try:
        root = ElementTree.parse(directory / REPOMD).getroot()  # noqa: S314 - expat 2.4.1 and later bound expansion
        if root.tag.rpartition("}")[2] != "repomd":
            raise ValueError(f"it is a document of another kind: {root.tag}")
        files = tuple(_metadata_file(data) for data in root.iterfind("{*}data"))
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise InputError(
            f"{directory} is not a yum repository",
            why=f"{REPOMD} cannot be read: {error}",
            todo="check the path; a release's repositories are its subfolders",
        ) from error
    return root.findtext("{*}revision", ""), tuple(sorted(files, key=lambda file: file.kind))


def _metadata_file(data: ElementTree.Element) -> MetadataFile:
    """One file of repomd.xml. Raises ValueError for a size or checksum that is not one."""
    location, checksum, size = data.find("{*}location"), data.find("{*}checksum"), data.findtext("{*}size")
    return MetadataFile(
        kind=data.get("type", ""),
        location="" if location is None else location.get("href", ""),
        checksum=None if checksum is None else make_checksum(checksum.get("type", ""), checksum.text or ""),
        size=None if size is None else int(size),
    )


def _check_file(directory: Path, file: MetadataFile) -> list[str]:
    """What is wrong with one metadata file: missing, outside, of another size or other bytes."""
    if Path(file.location).parent != Path(REPODATA):
        return [f"{REPOMD} names a file outside {REPODATA}/: {file.location}"]
    try:
        data = (directory / file.location).read_bytes()
    except OSError as error:
        return [f"{file.location} cannot be read: {error.strerror}"]
    expected = file.checksum.sha256 if file.checksum is not None else None
    if expected is None:
        return [f"{file.location} has no SHA-256 in {REPOMD}"]
    if hashlib.sha256(data).hexdigest() != expected:
        return [f"{file.location} is not what {REPOMD} says: another SHA-256"]
    if len(data) != file.size:
        return [f"{file.location} has {len(data)} bytes, {REPOMD} says {file.size}"]
    return []


def find_owners(directory: Path, path: str) -> tuple[str, ...]:
    """The locations of the packages in a repository's folder that hold the file `path`. Raises InputError."""
    import createrepo_c

    _, files = read_repomd(directory)
    kinds = {file.kind: str(directory / file.location) for file in files}
    held: dict[str, str] = {}  # package id → location
    owners: list[str] = []

    def note(package: createrepo_c.Package) -> None:
        held[package.pkgId] = package.location_href

    def look(package: createrepo_c.Package) -> None:
        if any(f"{folder}{name}" == path for _, folder, name, *_ in package.files):
            owners.append(held[package.pkgId])

    try:
        createrepo_c.xml_parse_primary(kinds["primary"], pkgcb=note, do_files=False)
        createrepo_c.xml_parse_filelists(kinds["filelists"], pkgcb=look)
    except (KeyError, OSError, createrepo_c.CreaterepoCError) as error:
        raise InputError(f"the file lists of {directory} cannot be read", why=str(error)) from error
    return tuple(owners)


def _packages(primary: Path) -> tuple[IndexedPackage, ...]:
    """The packages of a primary.xml of any compression, in its order. Raises ValueError when it cannot be read."""
    import createrepo_c

    found: list[createrepo_c.Package] = []
    try:
        createrepo_c.xml_parse_primary(str(primary), pkgcb=found.append, do_files=False)
    except createrepo_c.CreaterepoCError as error:
        raise ValueError(str(error)) from error
    return tuple(
        IndexedPackage(
            nevra=Nevra(
                name=package.name,
                epoch=int(package.epoch or 0),
                version=package.version,
                release=package.release,
                arch=package.arch,
            ),
            location=package.location_href,
            sha256=package.pkgId if package.checksum_type == "sha256" else "",
            size=package.size_package,
            sourcerpm=package.rpm_sourcerpm or "",
            is_source=package.arch in SOURCE_ARCHES,
        )
        for package in found
    )
