"""The metadata of package repositories, fetched, verified and cached for the solver."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.checksum import Checksum
from altai_build.tools import download
from altai_build.tools.files import make_directory, scratch_directory
from altai_build.tools.openpgp.verify import verify_detached
from altai_build.tools.repo.repodata import MetadataFile, read_repomd


@dataclass(frozen=True)
class RepositorySource:
    """A package repository to draw from, as dnf.conf or repos.yaml names it."""

    name: str
    urls: tuple[str, ...]
    check_packages: bool  # gpgcheck
    check_metadata: bool  # repo_gpgcheck
    keys: tuple[Path, ...]
    priority: int = 99  # as in dnf: the lower number wins
    exclude: tuple[str, ...] = ()
    only: tuple[str, ...] = ()  # includepkgs; empty: all
    repomd: tuple[Checksum, ...] = ()  # that a metalink allows repomd.xml to have; empty: any
    check_if_signed: bool = False  # a signature of the metadata must be right, but need not be there


@dataclass(frozen=True)
class RepositoryMetadata:
    """One state of a repository's metadata on this machine."""

    source: RepositorySource
    url: str  # the one that answered; package locations start here
    revision: str
    primary: Path
    filelists: Path | None
    groups: Path | None
    signed: bool = False  # repomd.xml carried a signature, which was right

    @property
    def digest(self) -> str:
        """What tells two states apart: the primary's checksum (its file name here)."""
        return self.primary.name.split("-", 1)[0]


def fetch_metadata(source: RepositorySource, cache: Path, *, not_before: str = "") -> RepositoryMetadata:
    """The current metadata of a repository; only what changed since the last time is fetched.

    With `check_metadata` repomd.xml must be signed by one of the repository's keys. A state older than the revision
    `not_before` is refused: it is a mirror's that lags behind, or one shown to us on purpose. Raises InputError
    naming each URL that was tried.
    """
    place = make_directory(_cache_directory(source, cache))
    complaints = []
    for url in source.urls:
        try:
            return _fetch_from_url(source, url, place, not_before)
        except InputError as error:
            complaints.append(f"{error.what}: {error.why}" if error.why else error.what)
    raise InputError(
        f"the repository {source.name} cannot be used",
        why="\n".join(complaints) or "it has no URL",
        todo="check its URL in repos.yaml, or in the target's mock configuration",
    )


def read_cached_metadata(source: RepositorySource, cache: Path) -> RepositoryMetadata | None:
    """The last state of a repository that `fetch_metadata` brought here, without asking; None when there is none."""
    place = _cache_directory(source, cache)
    if not (place / "repomd.xml").is_file():
        return None
    with scratch_directory(place, ".look") as scratch:
        make_directory(scratch / "repodata")
        shutil.copyfile(place / "repomd.xml", scratch / "repodata" / "repomd.xml")
        revision, files = read_repomd(scratch)
    kept = {
        file.kind: _cached_path(file, file.checksum, place) for file in files if file.checksum is not None
    }
    primary = kept.get("primary")
    if primary is None or not primary.is_file():
        return None
    return RepositoryMetadata(
        source=source,
        url=source.urls[0],
        revision=revision,
        primary=primary,
        filelists=kept["filelists"] if "filelists" in kept and kept["filelists"].is_file() else None,
        groups=None,
    )


def read_local_metadata(name: str, directory: Path) -> RepositoryMetadata:
    """The metadata of a repository in a folder, as it is: whoever publishes it has verified it, or will.

    Raises InputError when there is none.
    """
    revision, files = read_repomd(directory)
    places = {file.kind: directory / file.location for file in files}
    if "primary" not in places:
        raise InputError(f"{directory} has no primary metadata")
    url = directory.resolve().as_uri()
    return RepositoryMetadata(
        source=RepositorySource(name=name, urls=(url,), check_packages=False, check_metadata=False, keys=()),
        url=url,
        revision=revision,
        primary=places["primary"],
        filelists=places.get("filelists"),
        groups=None,
    )


def _fetch_from_url(source: RepositorySource, url: str, place: Path, not_before: str) -> RepositoryMetadata:
    with scratch_directory(place, ".new") as scratch:
        fresh = make_directory(scratch / "repodata") / "repomd.xml"
        download.fetch_file(download.join_url(url, "repodata/repomd.xml"), fresh, limit=16 << 20)
        _check_metalink(source, url, fresh)
        signed = _check_signature(source, url, fresh)
        revision, files = read_repomd(scratch)
        if _is_older(revision, not_before):
            raise InputError(
                f"the metadata at {url} is older than what is known of {source.name}",
                why=f"its revision is {revision}, and {not_before} was seen before",
            )
        shutil.copyfile(fresh, place / f".repomd.{os.getpid()}")
        os.replace(place / f".repomd.{os.getpid()}", place / "repomd.xml")
    named = {file.kind: file for file in files}
    if "primary" not in named:
        raise InputError(f"the repository {source.name} has no primary metadata")
    return RepositoryMetadata(
        source=source,
        url=url,
        revision=revision,
        primary=_fetch_metadata_file(url, named["primary"], place),
        filelists=_fetch_metadata_file(url, named["filelists"], place) if "filelists" in named else None,
        groups=_fetch_metadata_file(url, named["group"], place) if "group" in named else None,
        signed=signed,
    )


def _check_metalink(source: RepositorySource, url: str, repomd: Path) -> None:
    if source.repomd and not any(download.has_checksum(repomd, checksum) for checksum in source.repomd):
        raise InputError(
            f"the metadata at {url} is not what the metalink of {source.name} says",
            why="either this mirror or the metalink is out of date",
        )


def _check_signature(source: RepositorySource, url: str, repomd: Path) -> bool:
    """Whether repomd.xml is signed; a signature that must be there, or is there, has to be right."""
    if not (source.check_metadata or source.check_if_signed):
        return False
    signature = repomd.with_name("repomd.xml.asc")
    try:
        download.fetch_file(download.join_url(url, "repodata/repomd.xml.asc"), signature, limit=1 << 20)
    except download.FileNotOnServer as error:
        if source.check_metadata:
            raise InputError(
                f"the metadata at {url} is not signed",
                why="there is no repodata/repomd.xml.asc, and its signature is asked for "
                "(by repo_gpgcheck, or because it was signed when packages were locked)",
            ) from error
        return False
    check = verify_detached(repomd, signature, source.keys)
    if not check.is_good:
        raise InputError(
            f"the metadata of {source.name} is not signed by its key",
            why=check.description,
            todo="do not use this mirror until its owner has explained it",
        )
    return True


def _is_older(revision: str, known: str) -> bool:
    """Revisions are Unix times nearly everywhere; others cannot be compared."""
    numbers = revision.isascii() and revision.isdigit() and known.isascii() and known.isdigit()
    return numbers and int(revision) < int(known)


def _fetch_metadata_file(url: str, file: MetadataFile, place: Path) -> Path:
    if file.checksum is None:
        raise InputError(f"the metadata at {url} gives no checksum for its {file.kind} file")
    path = _cached_path(file, file.checksum, place)
    # The name holds the checksum and was given after the check; comparing again at each run would cost its reading.
    if path.is_file() and path.stat().st_size == file.size:
        return path
    return download.fetch_file(
        download.join_url(url, file.location), path, size=file.size, checksum=file.checksum
    )


def _cache_directory(source: RepositorySource, cache: Path) -> Path:
    return cache / hashlib.sha256(" ".join(source.urls).encode()).hexdigest()[:24]


def _cached_path(file: MetadataFile, checksum: Checksum, place: Path) -> Path:
    """Where a metadata file is kept, under a name of its content."""
    ending = "".join(Path(file.location).suffixes[-2:])
    return place / f"{checksum.value}-{file.kind}{ending}"


def fetch_package(
    metadata: RepositoryMetadata, location: str, checksum: Checksum, size: int, cache: Path
) -> Path:
    """One package of a repository (`size` in bytes), from the cache or the repository. Raises InputError."""
    path = cache / checksum.value[:2] / checksum.value / Path(location).name
    if not (path.is_file() and path.stat().st_size == size):
        download.fetch_file(
            download.join_url(metadata.url, location), path, size=size or None, checksum=checksum
        )
    return path
