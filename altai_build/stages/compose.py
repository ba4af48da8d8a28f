"""Fill the directory of a release: hard links to packages, repodata, .repo file, keys, manifest, checksums."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from altai_build.errors import InputError
from altai_build.model.compat import Compat
from altai_build.model.findings import Waiver
from altai_build.model.manifest import manifest_to_json
from altai_build.model.nevra import is_safe_name
from altai_build.model.openpgp import KeyId, PublicKey
from altai_build.model.release import (
    BuildRecord,
    FollowedRelease,
    Manifest,
    Origin,
    ReleasedPackage,
    ReleasedRepository,
    Signer,
    SkippedComponent,
    SuperprojectPin,
    format_created,
)
from altai_build.model.release_files import CHECKSUMS_NAME, KEY_FILE_PREFIX, MANIFEST_NAME
from altai_build.model.repo_file import format_repo_file
from altai_build.tools import processors
from altai_build.tools.files import link_or_copy, make_directory, sha256_file, write_atomically
from altai_build.tools.openpgp.keyfile import read_public_keys, read_rewritten_keys
from altai_build.tools.openpgp.signing import SigningKey
from altai_build.tools.repo.repodata import IndexedPackage, write_repodata
from altai_build.tools.repo.repomd import REPOMD
from altai_build.tools.repo.whole_index import write_whole_index
from altai_build.tools.rpm.signatures import read_signatures
from altai_build.tools.tree import walk_tree


@dataclass(frozen=True)
class KeyFile:
    """A public key: its name in repos.yaml, and its file."""

    name: str
    file: Path


@dataclass(frozen=True)
class Placement:
    """A signed package of a repository, and how it came to be."""

    path: Path
    origin: Origin
    # The file of an earlier release that has the same bytes: linked where `path` cannot be.
    released: Path | None = None
    # Of a package that was found sound by it, or by its signature after it was hashed; "" where it is not known.
    sha256: str = ""


@dataclass(frozen=True)
class RepositoryContents:
    """One directory of the release; `key` is the name of the key that signs its packages."""

    name: str
    key: str
    source: bool  # source RPMs only: published, but not in the .repo file
    packages: tuple[Placement, ...]
    reuse_from: Path | None = None  # the same repository in the previous release
    further_keys: tuple[str, ...] = ()  # clients need these too, while one key replaces another


@dataclass(frozen=True)
class ReleaseContents:
    """Everything that a release contains; `epoch` is the commit's time, `signing_key` one of the names in `keys`."""

    project: str
    version: str
    baseurl: str
    epoch: int
    compat: Compat
    superproject: SuperprojectPin
    previous: str | None
    target: str
    tool_version: str
    keys: tuple[KeyFile, ...]
    signing_key: str
    repositories: tuple[RepositoryContents, ...]
    builds: tuple[BuildRecord, ...] = ()
    skipped: tuple[SkippedComponent, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    follows: tuple[FollowedRelease, ...] | None = None
    expected_by: str | None = None
    reuse_index_from: Path | None = None  # the previous release

    def get_key_file(self, name: str) -> Path:
        """The public key file of a key."""
        return next(key.file for key in self.keys if key.name == name)


def compose(directory: Path, contents: ReleaseContents, key: SigningKey) -> Manifest:
    """Fill the empty `directory` with the release, except for its checksums, which `sign_checksums` adds last.

    `key` signs the metadata and the manifest. Nothing is flushed to disk; publication does that. Raises InputError for
    packages that cannot be published: damaged, with an unsafe name, or two with one name.
    """

    def fill(repository: RepositoryContents) -> list[ReleasedPackage]:
        return _fill_repository(directory, repository, contents, key)

    with ThreadPoolExecutor(processors.available()) as pool:
        packages = [package for listed in pool.map(fill, contents.repositories) for package in listed]
    _write_index(directory, contents, key)
    for name in _list_published_keys(contents):
        public_key = read_rewritten_keys(contents.get_key_file(name))
        write_atomically(directory / f"{KEY_FILE_PREFIX}{name}", public_key, durable=False)
    write_atomically(
        directory / f"{contents.project}.repo", _format_repo_file(contents).encode(), durable=False
    )
    manifest = Manifest(
        version=contents.version,
        created=format_created(contents.epoch),
        superproject=contents.superproject,
        previous=contents.previous,
        target=contents.target,
        tool_version=contents.tool_version,
        signed_by=contents.signing_key,
        repositories=tuple(
            _describe_repository(repository, contents) for repository in contents.repositories
        ),
        packages=tuple(packages),
        builds=contents.builds,
        skipped=contents.skipped,
        waivers=contents.waivers,
        follows=contents.follows,
        expected_by=contents.expected_by,
    )
    write_atomically(directory / MANIFEST_NAME, manifest_to_json(manifest).encode(), durable=False)
    key.sign_detached(directory / MANIFEST_NAME)
    return manifest


def sign_checksums(
    directory: Path,
    key: SigningKey,
    manifest: Manifest | None = None,
    *,
    digests: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write and sign SHA256SUMS over every file in `directory`; no file may change afterwards.

    With `manifest`, its packages are not hashed again: they get the checksums of the manifest and the metadata, which
    every verification compares with the files. `digests` are those of files that a verification has hashed and that
    have not changed since.
    """
    for name in (CHECKSUMS_NAME, f"{CHECKSUMS_NAME}.asc"):
        (directory / name).unlink(missing_ok=True)
    files = sorted(entry.path for entry in walk_tree(directory) if not entry.is_folder)
    packages = {package.path: package.sha256 for package in manifest.packages} if manifest else {}
    known = {**digests, **packages}

    new = [path for path in files if not known.get(path)]
    # hashlib releases Python's lock, so that threads hash on several processors.
    with ThreadPoolExecutor(processors.available()) as pool:
        known.update(zip(new, pool.map(lambda path: sha256_file(directory / path), new)))
    text = "".join(f"{known[path]}  {path}\n" for path in files)
    write_atomically(directory / CHECKSUMS_NAME, text.encode(), durable=False)
    key.sign_detached(directory / CHECKSUMS_NAME)


def _format_repo_file(contents: ReleaseContents) -> str:
    """The .repo file.

    Each section lists the key that signs the metadata too, because our key signs repomd.xml of mirrored repositories.
    """
    keys = {
        repository.name: (repository.key, *repository.further_keys, *_list_metadata_keys(contents))
        for repository in contents.repositories
        if not repository.source
    }
    return format_repo_file(
        contents.project,
        contents.version,
        contents.baseurl,
        keys,
        release_keys=_list_metadata_keys(contents),
    )


def _fill_repository(
    directory: Path, repository: RepositoryContents, contents: ReleaseContents, key: SigningKey
) -> list[ReleasedPackage]:
    """Link the packages of one repository, write and sign its metadata, and list the packages for the manifest."""
    folder = _link_packages(directory, repository)
    metadata = write_repodata(
        folder,
        epoch=contents.epoch,
        compat=contents.compat,
        reuse_from=repository.reuse_from,
        digests={each.path.name: each.sha256 for each in repository.packages if each.sha256},
    )
    previous = repository.reuse_from / REPOMD if repository.reuse_from is not None else None
    key.sign_or_reuse(folder / REPOMD, previous)
    names = (repository.key, *repository.further_keys)
    public_keys = tuple(
        public_key for name in names for public_key in read_public_keys(contents.get_key_file(name))
    )
    # The metadata has names, sizes and digests already: no package is read or hashed twice.
    indexed = {package.location: package for package in metadata.packages}
    return [
        _describe_package(
            indexed[placement.path.name], folder, repository.name, public_keys, placement.origin
        )
        for placement in repository.packages
    ]


def _write_index(directory: Path, contents: ReleaseContents, key: SigningKey) -> None:
    """Write and sign the index of the whole release, which those who follow a channel read."""
    names = [repository.name for repository in contents.repositories if not repository.source]
    reuse_from = contents.reuse_index_from
    write_whole_index(directory, names, epoch=contents.epoch, compat=contents.compat, reuse_from=reuse_from)
    key.sign_or_reuse(directory / REPOMD, reuse_from / REPOMD if reuse_from is not None else None)


def _link_packages(directory: Path, repository: RepositoryContents) -> Path:
    """Make hard links to the packages; raises InputError for an unsafe name and for two packages with one name."""
    folder = make_directory(directory / repository.name)
    names: set[str] = set()
    for placement in repository.packages:
        name = placement.path.name
        if not is_safe_name(name) or not name.endswith(".rpm"):
            raise InputError(
                f"{name!r} is not a safe name for a package file",
                todo="rename it NAME-VERSION-RELEASE.ARCH.rpm",
            )
        if name in names:
            raise InputError(
                f"two packages have the name {repository.name}/{name}",
                why=f"one of them is {placement.path}",
                todo="find the components that build it (`altai-build plan`) and skip one of them",
            )
        names.add(name)
        _link_package(placement, f"{folder}/{name}")
    return folder


def _link_package(placement: Placement, destination: str) -> None:
    """Give the package a name in the release: as a link, to an earlier release if the workspace cannot be linked to."""
    try:
        os.link(placement.path, destination)
        return
    except OSError:
        # For example a workspace on another file system.
        source = placement.path
    if placement.released is not None and _has_digest(placement.released, placement.sha256):
        source = placement.released
    link_or_copy(source, destination)


def _has_digest(path: Path, sha256: str) -> bool:
    """True when the file has these bytes; False when it has others, or cannot be read."""
    try:
        return sha256_file(path) == sha256
    except OSError:
        return False


def _describe_package(
    package: IndexedPackage, folder: Path, repository: str, keys: tuple[PublicKey, ...], origin: Origin
) -> ReleasedPackage:
    """The manifest's entry for a package. An unsigned one has an empty signer; verification reports that."""
    signatures = read_signatures(folder / package.location)
    key_id = signatures[0].key_id if signatures else KeyId("")
    signer = next((key for key in keys if key.covers(key_id)), None)
    return ReleasedPackage(
        name=package.nevra.name,
        epoch=package.nevra.epoch,
        version=package.nevra.version,
        release=package.nevra.release,
        arch=package.nevra.arch,
        file=package.location,
        repository=repository,
        sha256=package.sha256,
        size=package.size,
        signer=Signer(key_id=key_id, fingerprint=signer.fingerprint if signer else ""),
        sourcerpm=package.sourcerpm,
        origin=origin,
    )


def _describe_repository(repository: RepositoryContents, contents: ReleaseContents) -> ReleasedRepository:
    keys = read_public_keys(contents.get_key_file(repository.key))
    return ReleasedRepository(
        name=repository.name,
        source=repository.source,
        key=repository.key,
        fingerprints=tuple(key.fingerprint for key in keys),
        further_keys=repository.further_keys,
    )


def _list_published_keys(contents: ReleaseContents) -> list[str]:
    """The names of the keys that a client of this release needs."""
    names = {
        name for repository in contents.repositories for name in (repository.key, *repository.further_keys)
    }
    return sorted(names | set(_list_metadata_keys(contents)))


def _list_metadata_keys(contents: ReleaseContents) -> tuple[str, ...]:
    """The key that signs the metadata, and the keys that it replaces or that are to replace it."""
    further_keys = (
        repository.further_keys
        for repository in contents.repositories
        if repository.key == contents.signing_key
    )
    return (contents.signing_key, *next(further_keys, ()))
