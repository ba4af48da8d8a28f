"""Lay out a release in a folder of its own: packages by hard link, repodata, .repo file, keys, manifest, checksums."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.compat import Compat
from altai_build.model.findings import Waiver
from altai_build.model.manifest import manifest_to_json
from altai_build.model.nevra import is_safe_name
from altai_build.model.openpgp import KeyId, PublicKey
from altai_build.model.release import (
    CHECKSUMS_NAME,
    KEY_FILE_PREFIX,
    MANIFEST_NAME,
    BuildRecord,
    Manifest,
    Origin,
    ReleasedPackage,
    ReleasedRepository,
    Signer,
    SkippedComponent,
    SuperprojectPin,
    format_created,
    make_repo_section_name,
)
from altai_build.tools import processors
from altai_build.tools.files import link_or_copy, make_directory, sha256_file, write_atomically
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.signing import SigningKey
from altai_build.tools.repo.repodata import REPOMD, IndexedPackage, read_repodata, write_repodata
from altai_build.tools.rpm.signatures import read_signatures


@dataclass(frozen=True)
class KeyFile:
    """A public key of the configuration: its name there and its file."""

    name: str
    file: Path


@dataclass(frozen=True)
class Placement:
    """One signed package to be put into a repository, and where it came from."""

    path: Path
    origin: Origin


@dataclass(frozen=True)
class RepositoryContents:
    """One directory of the release; `key` is the name of the key that signs its packages."""

    name: str
    key: str
    source: bool  # source RPMs only: published, but not offered to yum clients
    packages: tuple[Placement, ...]
    reuse_from: Path | None = None  # the same repository in the previous release
    further_keys: tuple[str, ...] = ()  # keys that clients need besides, while one takes the place of another


@dataclass(frozen=True)
class ReleaseContents:
    """Everything a release is made of; `epoch` is the commit's time, `signing_key` a name out of `keys`."""

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

    def key_file(self, name: str) -> Path:
        """The file of a key by its name."""
        return next(key.file for key in self.keys if key.name == name)


def compose(directory: Path, plan: ReleaseContents, key: SigningKey) -> Manifest:
    """Fill an empty `directory` with the release, but for its checksums, which `sign_checksums` adds last.

    Nothing in it is flushed to disk before it is published. Raises InputError for packages that
    cannot be published (damaged, two of one name).
    """

    def repository(one: RepositoryContents) -> list[ReleasedPackage]:
        folder = _link_packages(directory, one)
        write_repodata(folder, epoch=plan.epoch, compat=plan.compat, reuse_from=one.reuse_from)
        previous = one.reuse_from / REPOMD if one.reuse_from is not None else None
        key.sign_or_reuse(folder / REPOMD, previous)
        return _manifest_entries(folder, one, plan)

    with ThreadPoolExecutor(processors.available()) as pool:
        packages = [package for part in pool.map(repository, plan.repositories) for package in part]
    for name in _used_keys(plan):
        write_atomically(
            directory / f"{KEY_FILE_PREFIX}{name}", plan.key_file(name).read_bytes(), durable=False
        )
    write_atomically(directory / f"{plan.project}.repo", repo_file(plan).encode(), durable=False)
    manifest = Manifest(
        version=plan.version,
        created=format_created(plan.epoch),
        superproject=plan.superproject,
        previous=plan.previous,
        target=plan.target,
        tool_version=plan.tool_version,
        signed_by=plan.signing_key,
        repositories=tuple(_repository(repository, plan) for repository in plan.repositories),
        packages=tuple(packages),
        builds=plan.builds,
        skipped=plan.skipped,
        waivers=plan.waivers,
    )
    write_atomically(directory / MANIFEST_NAME, manifest_to_json(manifest).encode(), durable=False)
    key.detach_sign(directory / MANIFEST_NAME)
    return manifest


def sign_checksums(directory: Path, key: SigningKey, manifest: Manifest | None = None) -> None:
    """Write and sign SHA256SUMS over every file there is; from now on nothing in the folder may change.

    With `manifest` the packages get the checksums that it and the metadata say they have: whoever verifies the release
    compares them with the bytes.
    """
    for name in (CHECKSUMS_NAME, f"{CHECKSUMS_NAME}.asc"):
        (directory / name).unlink(missing_ok=True)
    files = sorted(
        Path(folder, name).relative_to(directory).as_posix()
        for folder, _, names in os.walk(directory)
        for name in names
    )
    said = {one.path: one.sha256 for one in manifest.packages} if manifest else {}
    with ThreadPoolExecutor(processors.available()) as pool:  # hashing lets other threads run
        digests = pool.map(lambda name: said.get(name) or sha256_file(directory / name), files)
        text = "".join(f"{digest}  {name}\n" for digest, name in zip(digests, files))
    write_atomically(directory / CHECKSUMS_NAME, text.encode(), durable=False)
    key.detach_sign(directory / CHECKSUMS_NAME)


def repo_file(plan: ReleaseContents) -> str:
    """The .repo file for yum and dnf: one section for each repository of binary packages.

    The key of the metadata is listed beside the key of the packages: repomd.xml is signed by us in mirrors too.
    """
    root = f"{plan.baseurl.rstrip('/')}/{plan.version}"
    sections = []
    for repository in plan.repositories:
        if repository.source:
            continue
        keys = dict.fromkeys((repository.key, *repository.further_keys, *_signing_keys(plan)))
        lines = [
            f"[{make_repo_section_name(plan.project, repository.name)}]",
            f"name={plan.project} {plan.version} {repository.name}",
            f"baseurl={root}/{repository.name}/",
            "enabled=1",
            "gpgcheck=1",
            "repo_gpgcheck=1",
            "gpgkey=" + "\n       ".join(f"{root}/{KEY_FILE_PREFIX}{name}" for name in keys),
        ]
        sections.append("\n".join(lines) + "\n")
    return "\n".join(sections)


def _link_packages(directory: Path, repository: RepositoryContents) -> Path:
    """Hard links to the packages under their canonical names; raises InputError for two of one name."""
    folder = make_directory(directory / repository.name)
    for placement in repository.packages:
        name = placement.path.name
        if not is_safe_name(name) or not name.endswith(".rpm"):
            raise InputError(
                f"{name!r} is no name for a package file", todo="rename it NAME-VERSION-RELEASE.ARCH.rpm"
            )
        try:
            link_or_copy(str(placement.path), f"{folder}/{name}")
        except FileExistsError as error:
            raise InputError(
                f"two packages want to be {repository.name}/{name}",
                why=f"one of them is {placement.path}",
                todo="see which components build it (`altai-build plan`) and leave one out",
            ) from error
    return folder


def _manifest_entries(
    folder: Path, repository: RepositoryContents, plan: ReleaseContents
) -> list[ReleasedPackage]:
    """The manifest's entries, from what the metadata tells clients: nothing is read or hashed twice."""
    names = (repository.key, *repository.further_keys)
    keys = tuple(key for name in names for key in read_public_keys(plan.key_file(name)))
    indexed = {package.location: package for package in read_repodata(folder).packages}
    return [
        _manifest_entry(indexed[placement.path.name], folder, repository.name, keys, placement.origin)
        for placement in repository.packages
    ]


def _manifest_entry(
    package: IndexedPackage, folder: Path, repository: str, keys: tuple[PublicKey, ...], origin: Origin
) -> ReleasedPackage:
    """One package; an unsigned one has an empty signer, which verification then finds."""
    signatures = read_signatures(folder / package.location)
    key_id = signatures[0].key_id if signatures else KeyId("")
    key = next((one for one in keys if one.covers(key_id)), None)
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
        signer=Signer(key_id=key_id, fingerprint=key.fingerprint if key else ""),
        sourcerpm=package.sourcerpm,
        origin=origin,
    )


def _repository(repository: RepositoryContents, plan: ReleaseContents) -> ReleasedRepository:
    keys = read_public_keys(plan.key_file(repository.key))
    return ReleasedRepository(
        name=repository.name,
        source=repository.source,
        key=repository.key,
        fingerprints=tuple(key.fingerprint for key in keys),
        further_keys=repository.further_keys,
    )


def _used_keys(plan: ReleaseContents) -> list[str]:
    """The names of the keys a client of this release needs."""
    names = {name for one in plan.repositories for name in (one.key, *one.further_keys)}
    return sorted(names | set(_signing_keys(plan)))


def _signing_keys(plan: ReleaseContents) -> tuple[str, ...]:
    """The key of the metadata, and those around it in its succession."""
    own = (one.further_keys for one in plan.repositories if one.key == plan.signing_key)
    return (plan.signing_key, *next(own, ()))
