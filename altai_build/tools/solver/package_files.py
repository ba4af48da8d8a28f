"""The files of packages that were chosen, and the lists of files of packages that were not: fetched and verified."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Sequence
from pathlib import Path
from typing import Any

import solv

from altai_build.errors import DistrustedError, InputError
from altai_build.model.quantity import format_count
from altai_build.tools.http.attempts import Servers
from altai_build.tools.repo.metadata import RepositorySource, fetch_package
from altai_build.tools.repo.repodata import parse_packages
from altai_build.tools.rpm.signatures import verify_signatures
from altai_build.tools.solver.pool import PackagePool, ResolvedPackage


def fetch_resolved_packages(packages: Sequence[ResolvedPackage], cache: Path) -> list[Path]:
    """The files of the packages; signatures are checked against the keys of their repositories.

    Raises InputError; DistrustedError for signatures that are missing or of other keys.
    """
    paths: list[Path] = []
    by_source: dict[RepositorySource, list[Path]] = defaultdict(list)
    servers: dict[RepositorySource, Servers] = {}
    for package in packages:
        if package.metadata is None:
            paths.append(Path(package.location))
            continue
        source = package.metadata.source
        mirrors = servers.setdefault(source, Servers((package.metadata.url, *source.urls), source.connection))
        path = fetch_package(mirrors, package.location, package.checksum, package.size, cache)
        paths.append(path)
        if source.check_packages:
            by_source[source].append(path)
    for source, files in by_source.items():
        bad = [check for check in verify_signatures(files, source.keys) if not check.is_good]
        if bad:
            raise DistrustedError(
                f"the key of the repository {source.name} did not sign {format_count(len(bad), 'package')} from it",
                why="\n".join(f"  {check.path.name}: {check.description}" for check in bad),
                todo="do not use this mirror until its owner explains it",
            )
    return paths


def read_file_lists(
    pool: PackagePool, numbers: Collection[int], *, among: Container[str] | None = None
) -> dict[int, frozenset[str]]:
    """The files and directories of packages in repositories; only those `among` some paths, where that is given.

    Ghost files, which a package does not install, are left out. Raises InputError for file lists that are missing or
    cannot be read.
    """
    by_repository: dict[int, dict[str, int]] = defaultdict(dict)
    for number in numbers:
        solvable = pool.libsolv.id2solvable(number)
        by_repository[solvable.repo.id][solvable.lookup_checksum(solv.SOLVABLE_CHECKSUM).hex()] = number
    lists: dict[int, frozenset[str]] = {}
    for repo, metadata in pool.repositories:
        wanted = by_repository.get(repo.id)
        if not wanted:
            continue
        if metadata.filelists is None:
            raise InputError(f"the repository {metadata.source.name} has no file lists")

        def add(package: Any, wanted: dict[str, int] = wanted) -> None:
            number = wanted.get(package.pkgId)
            if number is not None:
                paths = (f"{folder}{name}" for kind, folder, name, *_ in package.files if kind != "ghost")
                lists[number] = frozenset(path for path in paths if among is None or path in among)

        try:
            parse_packages(metadata.filelists, add)
        except ValueError as error:
            raise metadata.filelists.parse_error(str(error)) from error
        missing = set(wanted.values()) - lists.keys()
        if missing:
            raise metadata.filelists.parse_error(
                f"it lacks {format_count(len(missing), 'package')} that primary lists"
            )
    return lists
