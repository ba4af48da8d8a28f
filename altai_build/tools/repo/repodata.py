"""yum metadata of a directory of RPMs, written by createrepo_c and read back with its library.

The library is imported only where packages are listed: loading it takes much longer than reading repomd.xml.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.model.compat import Compat
from altai_build.model.nevra import SOURCE_ARCHES, Nevra
from altai_build.model.quantity import format_count, parse_whole_number
from altai_build.regular_files import open_regular_file
from altai_build.tools import process, processors
from altai_build.tools.files import link_or_copy, remove_tree, scratch_directory, sha256_file
from altai_build.tools.repo.repomd import REPODATA, REPOMD, MetadataFile, read_repomd
from altai_build.tools.repo.stored_files import StoredFile, read_declared_count
from altai_build.tools.rpm.signatures import find_damaged_packages

if TYPE_CHECKING:
    import createrepo_c

# yum on EL6 reads gz, bz2 and xz, and is slow with xz.
_COMPRESSION = {Compat.EL6: "gz", Compat.MODERN: "zstd"}
# What createrepo_c prints of a package that it cannot describe.
_UNDESCRIBABLE = re.compile(r"Cannot dump XML for (\S+) \([^)]*\): Forbidden control chars")


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
    """The metadata of one repository, and what is wrong with it."""

    revision: str
    files: tuple[MetadataFile, ...]
    packages: tuple[IndexedPackage, ...]
    problems: tuple[str, ...]


# ---- writing -----------------------------------------------------------------------------------------------------


def write_repodata(
    directory: Path,
    *,
    epoch: int,
    compat: Compat,
    reuse_from: Path | None = None,
    workers: int | None = None,
    digests: Mapping[str, str] | None = None,
) -> Repodata:
    """Write `repodata/` for the RPMs in `directory`: the same bytes for the same files and `epoch` (a Unix time).

    If `reuse_from` (the same repository of an earlier release) holds exactly the same inodes, its metadata is linked;
    if it holds some of them, only the other packages are read. Raises InputError naming each damaged package among
    those that are read: createrepo_c indexes them without an error. So rpmkeys checks them, but not those whose SHA-256
    is among the `digests` by file name, because the caller knows it from sound packages: with another one in the
    metadata they are damaged. Returns the metadata, as it was read back.
    """
    digests = digests or {}
    known: set[str] = set()
    if reuse_from is not None and (found := _find_reusable(directory, reuse_from)) is not None:
        metadata, new, old = found
        if new == old:
            link_repodata(reuse_from, directory)
            return metadata
        known = new & old
    names = list_package_files(directory)
    remove_tree(directory / REPODATA)
    with scratch_directory(directory, ".list") as scratch, ThreadPoolExecutor(1) as executor:
        unchecked = [directory / name for name in names if name not in known and name not in digests]
        damaged = executor.submit(find_damaged_packages, unchecked) if unchecked else None
        package_list = scratch / "packages"
        package_list.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        command = [
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
            str(workers or processors.available()),
            "--pkglist",
            str(package_list),
            *(["--update", "--update-md-path", str(reuse_from)] if known else []),
            str(directory),
        ]
        result = process.run(command, env={"SOURCE_DATE_EPOCH": str(epoch)}, ok=process.ANY_END)
    if damaged is not None:
        _reject_damaged(damaged.result(), directory)
    if result.returncode:
        _reject_undescribable(result, directory)
        raise process.ProgramFailed(result)
    written = refuse_incomplete_index(directory, names)
    _reject_damaged(
        [
            (
                directory / package.location,
                f"its SHA-256 is {package.sha256}, and that of the sound one {sound}",
            )
            for package in written.packages
            if (sound := digests.get(package.location, package.sha256)) != package.sha256
        ],
        directory,
    )
    return written


def refuse_incomplete_index(directory: Path, names: Sequence[str]) -> Repodata:
    """Raise InputError unless the metadata in `directory` is right and lists exactly these packages, by their paths.

    Returns the metadata.
    """
    written = read_repodata(directory)
    if sorted(package.location for package in written.packages) != sorted(names) or written.problems:
        raise InputError(
            f"createrepo_c did not index all packages in {directory}",
            why="\n".join(written.problems) or "the packages in the metadata are not those in the directory",
            todo="check free space and memory (`altai-build doctor`) and rerun the command",
        )
    return written


def _reject_damaged(damaged: Sequence[tuple[Path, str]], directory: Path) -> None:
    """Raise InputError for damaged packages, which createrepo_c may have indexed in the meantime."""
    if damaged:
        remove_tree(directory / REPODATA)
        raise InputError(
            f"{format_count(len(damaged), 'damaged package')} in {directory}",
            why="\n".join(f"{path.name}: {why}" for path, why in damaged),
            todo="fetch or build them again",
        )


def _reject_undescribable(result: process.ProcessResult, directory: Path) -> None:
    """Raise InputError for packages with texts that XML cannot hold, for which createrepo_c gives up."""
    text = result.stderr.decode("utf-8", "replace")
    if names := sorted(set(_UNDESCRIBABLE.findall(text))):
        raise InputError(
            f"createrepo_c cannot describe {' and '.join(names)} in {directory}",
            why="the summary, description or another text of the package has control characters",
            todo="remove them from its spec, or from the changelog there, and build it again",
        )


def list_package_files(directory: Path) -> list[str]:
    """The RPM files in a repository's directory, sorted."""
    return sorted(entry.name for entry in os.scandir(directory) if entry.name.endswith(".rpm"))


def _find_reusable(directory: Path, other: Path) -> tuple[Repodata, set[str], set[str]] | None:
    """The other's metadata and the packages in both directories, by name; None when it must not be reused.

    It must be complete. And createrepo_c takes a package of the same name, size and time for the same package: if one
    directory has another package under such a name, all are read.
    """
    try:
        metadata = read_repodata(other)
    except InputError:
        return None
    new, old = _inode_by_name(directory), _inode_by_name(other)
    if metadata.problems or sorted(package.location for package in metadata.packages) != sorted(old):
        return None
    is_same = all(old.get(name, inode) == inode for name, inode in new.items())
    return (metadata, set(new), set(old)) if is_same else None


def _inode_by_name(directory: Path) -> dict[str, tuple[int, int]]:
    """The device and inode of each RPM file in a repository's directory."""
    entries = ((entry.name, entry.stat()) for entry in os.scandir(directory) if entry.name.endswith(".rpm"))
    return {name: (status.st_dev, status.st_ino) for name, status in entries}


def link_repodata(source: Path, destination: Path) -> None:
    """Hard links to the metadata files, without signatures: the key of this release makes its own."""
    remove_tree(destination / REPODATA)
    (destination / REPODATA).mkdir()
    for name in ("repomd.xml", *(Path(file.location).name for file in read_repomd(source).files)):
        link_or_copy(source / REPODATA / name, destination / REPODATA / name)


def createrepo_program() -> str:
    """The createrepo_c program inside the library, without its Python wrapper; else the system's."""
    library = importlib.util.find_spec("createrepo_c")
    for folder in (library.submodule_search_locations or []) if library else []:
        bundled = Path(folder, "data", "bin", "createrepo_c")
        if bundled.is_file():
            return str(bundled)
    script = Path(sys.executable).with_name("createrepo_c")
    return str(script) if script.is_file() else "createrepo_c"


# ---- reading -----------------------------------------------------------------------------------------------------


def read_repodata(directory: Path) -> Repodata:
    """What a client learns of the repository in `directory`, with every checksum in repomd.xml verified.

    Raises InputError when repomd.xml is missing or unreadable; anything else that is wrong is one of the `problems`.
    """
    repomd = read_repomd(directory)
    problems = [problem for file in repomd.files for problem in _check_file(directory, file)]
    needed = ("primary", "filelists", "other")
    problems += [f"{REPOMD} lists no {kind} file" for kind in needed if repomd.find(kind) is None]
    packages: tuple[IndexedPackage, ...] = ()
    primary = repomd.find("primary")
    if primary is not None and not problems:
        try:
            packages = _read_packages(directory, primary)
        except ValueError as error:
            problems.append(f"{Path(primary.location).name} cannot be read: {error}")
    return Repodata(revision=repomd.revision, files=repomd.files, packages=packages, problems=tuple(problems))


def find_damaged_metadata(directory: Path) -> tuple[str, ...]:
    """What is wrong with the metadata files of a repository, by their checksums; nothing is parsed but repomd.xml."""
    try:
        repomd = read_repomd(directory)
    except InputError as error:
        return (error.why,)
    return tuple(problem for file in repomd.files for problem in _check_file(directory, file))


def find_owners(directory: Path, path: str) -> tuple[str, ...]:
    """The locations of the packages in a repository that hold the file `path`. Raises InputError."""
    repomd = read_repomd(directory)
    # Package id → location.
    locations: dict[str, str] = {}
    owners: list[str] = []

    def add_location(package: createrepo_c.Package) -> None:
        locations[package.pkgId] = package.location_href

    def add_owner(package: createrepo_c.Package) -> None:
        if any(f"{folder}{name}" == path for _, folder, name, *_ in package.files):
            owners.append(locations[package.pkgId])

    try:
        for kind, callback in (("primary", add_location), ("filelists", add_owner)):
            file = repomd.find(kind)
            if file is None:
                raise ValueError(f"{REPOMD} lists no {kind} file")
            parse_packages(StoredFile(directory / file.location, file), callback)
    except (KeyError, ValueError) as error:
        raise InputError(f"cannot read the file lists of {directory}", why=str(error)) from error
    return tuple(owners)


def _check_file(directory: Path, file: MetadataFile) -> list[str]:
    """What is wrong with one metadata file: missing, outside repodata, of another size or with another checksum."""
    if file.base:
        return [f"{REPOMD} sends clients to another place for {file.location}: xml:base is {file.base!r}"]
    if Path(file.location).parent != Path(REPODATA):
        return [f"{REPOMD} lists a file outside {REPODATA}/: {file.location}"]
    expected = file.checksum.sha256 if file.checksum is not None else None
    if expected is None:
        return [f"{REPOMD} gives no SHA-256 for {file.location}"]
    try:
        with open_regular_file(directory / file.location) as stream:
            size = os.fstat(stream.fileno()).st_size
        found = sha256_file(directory / file.location)
    except OSError as error:
        return [f"{file.location} cannot be read: {error.strerror}"]
    if found != expected:
        return [f"the SHA-256 of {file.location} differs from the one in {REPOMD}"]
    if size != file.size:
        return [f"{file.location} has {size} bytes, and {REPOMD} gives its size as {file.size}"]
    return []


def parse_packages(file: StoredFile, callback: Callable[[createrepo_c.Package], None]) -> None:
    """Call back with every package in a file of metadata, in its order. Raises ValueError when it cannot be read whole.

    createrepo_c decompresses too, but takes what it gets of a truncated zstd file for the whole, reads wrong numbers as
    0, and does not compare the number of packages with the one that the file announces.
    """
    import createrepo_c

    root, parse = {
        "primary": ("metadata", createrepo_c.xml_parse_primary),
        "filelists": ("filelists", createrepo_c.xml_parse_filelists),
    }[file.entry.kind]
    options = {"do_files": False} if file.entry.kind == "primary" else {}
    warnings: list[str] = []
    count = 0

    def add(package: createrepo_c.Package) -> None:
        nonlocal count
        count += 1
        callback(package)

    def warn(kind: int, message: str) -> bool:
        if kind != createrepo_c.XML_WARNING_UNKNOWNTAG:
            warnings.append(message)
        return True

    try:
        with file.open_plain() as plain:
            announced = read_declared_count(plain, root)
            parse(str(plain), pkgcb=add, warningcb=warn, **options)
    except InputError as error:
        raise ValueError(f"{error.what}: {error.why}") from error
    except createrepo_c.CreaterepoCError as error:
        raise ValueError(str(error)) from error
    if warnings:
        raise ValueError(warnings[0])
    if announced is not None and announced != count:
        raise ValueError(f"it announces {announced} packages and lists {count}")


def _read_packages(directory: Path, primary: MetadataFile) -> tuple[IndexedPackage, ...]:
    """The packages in the primary metadata, in its order. Raises ValueError when it cannot be read."""
    packages: list[createrepo_c.Package] = []
    parse_packages(StoredFile(directory / primary.location, primary), packages.append)
    return tuple(_make_indexed_package(package) for package in packages)


def _make_indexed_package(package: createrepo_c.Package) -> IndexedPackage:
    """One package of the primary metadata. Raises ValueError when it has no identity."""
    # Each attribute of a package is converted whenever it is asked for.
    epoch, location = package.epoch, package.location_href
    name, version, release, arch = package.name, package.version, package.release, package.arch
    number = parse_whole_number(epoch) if epoch else 0
    if not (name and version and release and arch) or number is None:
        raise ValueError(f"{location!r} has no valid name, epoch, version, release or architecture")
    if not location:
        raise ValueError(f"it does not say where {name}-{version}-{release} is")
    if base := package.location_base:
        raise ValueError(f"it sends clients to another place for {location!r}: xml:base is {base!r}")
    return IndexedPackage(
        nevra=Nevra(name, number, version, release, arch),
        location=location,
        sha256=package.pkgId if package.checksum_type == "sha256" else "",
        size=package.size_package,
        sourcerpm=package.rpm_sourcerpm or "",
        is_source=arch in SOURCE_ARCHES,
    )
