"""The index of a whole release: the metadata of all its repositories of binary packages as those of one repository.

It is in the release's own folder, `repodata/`, and names each package by its path, `centos6/x.rpm`. A client that reads
it sees all packages of one release, and never repositories of two releases.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.model.compat import Compat
from altai_build.tools.files import remove_tree
from altai_build.tools.repo.repodata import (
    link_repodata,
    list_package_files,
    parse_packages,
    read_repodata,
    refuse_incomplete_index,
)
from altai_build.tools.repo.repomd import REPODATA, REPOMD, read_repomd
from altai_build.tools.repo.stored_files import StoredFile

if TYPE_CHECKING:
    import createrepo_c

_KINDS = ("primary", "filelists", "other")


def write_whole_index(
    directory: Path,
    repositories: Sequence[str],
    *,
    epoch: int,
    compat: Compat,
    reuse_from: Path | None = None,
) -> None:
    """Write the index of the release in `directory`, of these repositories, whose metadata is there already.

    The same bytes for the same metadata and `epoch` (a Unix time). The index of the release `reuse_from` is linked when
    it lists the very same files. No package is read. Raises InputError when the index has not all packages.
    """
    names = sorted(
        f"{repository}/{name}"
        for repository in repositories
        for name in list_package_files(directory / repository)
    )
    if reuse_from is not None and _has_same_files(directory, reuse_from, names):
        link_repodata(reuse_from, directory)
        return
    _write_metadata(directory, _read_packages(directory, repositories), epoch, compat)
    refuse_incomplete_index(directory, names)


def _read_packages(directory: Path, repositories: Sequence[str]) -> list[createrepo_c.Package]:
    """All that the metadata of the repositories says of their packages, with the locations in the release."""
    import createrepo_c

    packages = []
    for repository in repositories:
        repomd = read_repomd(directory / repository)
        paths = {
            f"{file.kind}_path": str(directory / repository / file.location)
            for file in repomd.files
            if file.kind in _KINDS
        }
        for package in createrepo_c.PackageIterator(**paths):
            package.location_href = f"{repository}/{package.location_href}"
            packages.append(package)
    return sorted(packages, key=lambda package: str(package.location_href))


def _write_metadata(
    directory: Path, packages: Sequence[createrepo_c.Package], epoch: int, compat: Compat
) -> None:
    """Write `repodata/` as the program createrepo_c does."""
    import createrepo_c

    remove_tree(directory / REPODATA)
    (directory / REPODATA).mkdir()
    method, ending = {
        Compat.EL6: (createrepo_c.GZ_COMPRESSION, "gz"),
        Compat.MODERN: (createrepo_c.ZSTD_COMPRESSION, "zst"),
    }[compat]
    repomd = createrepo_c.Repomd()
    repomd.set_revision(str(epoch))
    writers = (createrepo_c.PrimaryXmlFile, createrepo_c.FilelistsXmlFile, createrepo_c.OtherXmlFile)
    for kind, writer in zip(_KINDS, writers):
        path = str(directory / REPODATA / f"{kind}.xml.{ending}")
        content = createrepo_c.ContentStat(createrepo_c.SHA256)
        file = writer(path, method, content)
        file.set_num_of_pkgs(len(packages))
        for package in packages:
            file.add_pkg(package)
        file.close()
        record = createrepo_c.RepomdRecord(kind, path)
        record.load_contentstat(content)
        record.fill(createrepo_c.SHA256)
        record.set_timestamp(epoch)
        record.rename_file()
        repomd.set_record(record)
    repomd.sort_records()
    (directory / REPOMD).write_text(repomd.xml_dump(), encoding="utf-8")


def _has_same_files(directory: Path, other: Path, names: Sequence[str]) -> bool:
    """True when the index of another release is right and lists the same inodes under the same names."""
    try:
        index = read_repodata(other)
        return (
            not index.problems
            and sorted(package.location for package in index.packages) == list(names)
            and all((directory / name).samefile(other / name) for name in names)
        )
    except (InputError, OSError):
        return False


def compare_whole_index(directory: Path, repositories: Sequence[str]) -> Mapping[str, str]:
    """Package → what is wrong, where the index of a release says something else than its repositories.

    Compared is all that clients resolve with: names, versions, dependencies, checksums, sizes, and lists of files.
    Raises InputError for metadata that cannot be read.
    """
    indexed = _describe_packages(directory, "")
    declared = {
        path: digest
        for repository in repositories
        for path, digest in _describe_packages(directory / repository, f"{repository}/").items()
    }
    wrong = {}
    for path in sorted(indexed.keys() | declared.keys()):
        if path not in indexed:
            wrong[path] = "the package is missing from the index of the release"
        elif path not in declared:
            wrong[path] = "the index of the release lists a package that no repository of the release has"
        elif indexed[path] != declared[path]:
            wrong[path] = "the index of the release describes the package otherwise than its repository"
    return wrong


def _describe_packages(directory: Path, prefix: str) -> dict[str, str]:
    """Location, after the prefix → the SHA-256 of all that the metadata says of the package there."""
    import createrepo_c

    repomd = read_repomd(directory)
    # Location → package id and description; package id → lists of files, which are the same in a right repository.
    described: dict[str, tuple[str, str]] = {}
    files: dict[str, set[str]] = {}

    def add_primary(package: createrepo_c.Package) -> None:
        path = f"{prefix}{package.location_href}"
        package.location_href = ""
        described[path] = (package.pkgId, createrepo_c.xml_dump_primary(package))

    def add_files(package: createrepo_c.Package) -> None:
        files.setdefault(package.pkgId, set()).add(createrepo_c.xml_dump_filelists(package))

    for kind, callback in (("primary", add_primary), ("filelists", add_files)):
        file = repomd.find(kind)
        if file is None:
            raise InputError(f"{directory} is not a yum repository", why=f"{REPOMD} lists no {kind} file")
        try:
            parse_packages(StoredFile(directory / file.location, file), callback)
        except ValueError as error:
            raise InputError(f"{directory / file.location} cannot be read", why=str(error)) from error
    return {
        path: hashlib.sha256("".join([text, *sorted(files.get(package, ()))]).encode()).hexdigest()
        for path, (package, text) in described.items()
    }
