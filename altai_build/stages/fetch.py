"""Third-party packages: downloaded, verified (size, SHA-256, signature by their repository's own key), and stored."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.checksum import Checksum, Sha256
from altai_build.model.connection import USUAL_CONNECTION, ConnectionSettings
from altai_build.model.nevra import Nevra
from altai_build.model.package import RpmHeader
from altai_build.model.quantity import format_count, format_size
from altai_build.model.release import Signer
from altai_build.model.signature import SignatureCheck
from altai_build.tools.files import (
    link_or_copy,
    make_directory,
    remove_tree,
    scratch_directory,
    sha256_file,
    sync_directory,
    sync_tree,
)
from altai_build.tools.http import download
from altai_build.tools.http.attempts import Servers
from altai_build.tools.progress import TaskProgress
from altai_build.tools.rpm.header import read_header
from altai_build.tools.rpm.signatures import verify_signatures


@dataclass(frozen=True)
class PackageRequest:
    """One package as its repository's metadata, or the lock, describes it."""

    repository: str
    nevra: Nevra
    location: str
    checksum: Checksum
    # Bytes; None: unknown.
    size: int | None
    # Of the repository.
    key_file: Path

    @property
    def file(self) -> str:
        """Its canonical file name."""
        return self.nevra.filename

    @property
    def path(self) -> str:
        """`repository/file`, as messages name it."""
        return f"{self.repository}/{self.file}"


@dataclass(frozen=True)
class FetchedPackage:
    """A verified package in the store."""

    path: Path
    header: RpmHeader
    sha256: Sha256
    signer: Signer
    # What modern systems refuse in its signature.
    weaknesses: tuple[str, ...]


@dataclass(frozen=True)
class PackageStore:
    """Verified packages by their SHA-256. They are kept for good: upstream may delete them."""

    root: Path

    def get_path(self, sha256: Sha256, file: str) -> Path:
        """Where a package is stored, whether it exists or not."""
        return self.root / sha256[:2] / sha256 / file

    def add(self, path: Path, sha256: Sha256, file: str, *, link: bool) -> Path:
        """Store a package as `file`; with `link` by a hard link: its bytes must never be changed afterwards."""
        stored = self.get_path(sha256, file)
        if stored.is_file() and sha256_file(stored) == sha256:
            return stored
        remove_tree(stored.parent)
        make_directory(stored.parent.parent, durable=True)
        with scratch_directory(stored.parent.parent, ".new") as scratch:
            partial = make_directory(scratch / sha256)
            if link:
                link_or_copy(path, partial / file)
            else:
                shutil.copyfile(path, partial / file)
            sync_tree(partial)
            os.replace(partial, stored.parent)
        sync_directory(stored.parent.parent)
        return stored


@dataclass(frozen=True)
class PackageSources:
    """Where packages may be taken from: the store, earlier releases, then the repositories."""

    package_store: PackageStore
    # SHA-256 → file of the packages in earlier releases; called only when the store lacks a package.
    released: Callable[[], Mapping[str, Path]]
    cache: Path
    # Repository → its URLs, the best first.
    urls: Mapping[str, Sequence[str]]
    # Repository → how its servers are reached, where that is not as usual.
    connections: Mapping[str, ConnectionSettings] = field(default_factory=dict)

    def find_local(self, request: PackageRequest) -> Path | None:
        """The package on this machine, verified by size and SHA-256; a damaged one in the store is deleted."""
        sha256 = request.checksum.sha256
        if sha256 is None:
            return None
        stored = self.package_store.get_path(sha256, request.file)
        if _matches(stored, request):
            return stored
        if stored.exists():
            remove_tree(stored.parent)
        released = self.released().get(sha256)
        return released if released is not None and _matches(released, request) else None


def _matches(path: Path, request: PackageRequest) -> bool:
    return (
        path.is_file()
        and request.size in (None, path.stat().st_size)
        and sha256_file(path) == request.checksum.sha256
    )


def fetch_packages(
    requests: Sequence[PackageRequest], sources: PackageSources, *, jobs: int, work: TaskProgress
) -> dict[PackageRequest, FetchedPackage]:
    """Get all packages into the store. Raises InputError with every one that is unavailable or not genuine.

    Nothing is stored before its size, checksum and signature are verified, and its header says that it is the package
    that was asked for: a repository with unsigned metadata can give any package any name.
    """
    files: dict[PackageRequest, Path] = {}
    errors: dict[PackageRequest, str] = {}
    mirrors = _MirrorsByRepository(sources)

    def fetch(request: PackageRequest) -> None:
        work.start(request.file)
        try:
            local = sources.find_local(request)
            path = files[request] = local or _download(
                request, mirrors.find(request.repository), sources.cache
            )
            detail = "" if local else format_size(path.stat().st_size)
            # What it is, and whose, is checked when all are here.
            work.finish(request.file, "reused" if local else "fetched", detail)
        except InputError as error:
            errors[request] = f"{error.what}: {error.why}" if error.why else error.what
            work.finish(request.file, "failed", error.what)

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        list(pool.map(fetch, dict.fromkeys(requests)))
    checks = _check_signatures(files)
    headers: dict[PackageRequest, RpmHeader] = {}
    for request, check in checks.items():
        try:
            headers[request] = _read_genuine_header(request, files[request], check)
        except InputError as error:
            errors[request] = error.what
            work.finish(request.file, "failed", error.what)
    if errors:
        raise InputError(
            f"{format_count(len(errors), 'third-party package')} cannot be used",
            why="\n".join(
                f"  {request.path}: {errors[request]}" for request in requests if request in errors
            ),
            todo="retry later, or use another mirror (url in repos.yaml); run `altai-build deps lock` to replace "
            "packages that upstream deleted; do not use packages that are not signed by the right key",
        )
    return {
        request: _store_package(request, files[request], headers[request], check, sources)
        for request, check in checks.items()
    }


class _MirrorsByRepository:
    """The servers of each repository, for all packages together: one that fails comes last for the others, too."""

    def __init__(self, sources: PackageSources) -> None:
        self._sources = sources
        self._servers: dict[str, Servers | InputError] = {}
        self._lock = threading.Lock()

    def find(self, repository: str) -> Servers:
        """The servers of a repository. Raises InputError for a mirror list that cannot be read, each time the same."""
        with self._lock:
            if repository not in self._servers:
                try:
                    self._servers[repository] = Servers(
                        self._sources.urls.get(repository, ()),
                        self._sources.connections.get(repository, USUAL_CONNECTION),
                    )
                except InputError as error:
                    self._servers[repository] = error
            found = self._servers[repository]
        if isinstance(found, InputError):
            raise found
        return found


def is_genuine(request: PackageRequest, path: Path) -> bool:
    """True when a file is the package that was asked for, signed by its repository's key."""
    try:
        _read_genuine_header(request, path, _check_signatures({request: path})[request])
    except InputError:
        return False
    return True


def _read_genuine_header(request: PackageRequest, path: Path, check: SignatureCheck) -> RpmHeader:
    """The header of the package that was asked for. Raises InputError for another one, or a wrong signature."""
    if not check.is_good:
        raise InputError(f"not signed by its repository's key: {check.description}")
    header = read_header(path)
    if header.nevra != request.nevra:
        raise InputError(
            f"it is {header.nevra}, although its repository lists it as {request.nevra}: the metadata is false"
        )
    return header


def _download(request: PackageRequest, servers: Servers, cache: Path) -> Path:
    digest = request.checksum.value
    path = cache / digest[:2] / digest / request.file
    return download.fetch_from_servers(
        servers, request.location, path, size=request.size, checksum=request.checksum
    )


def _check_signatures(files: Mapping[PackageRequest, Path]) -> dict[PackageRequest, SignatureCheck]:
    """Verify each package with the key of its own repository and no other."""
    checks: dict[PackageRequest, SignatureCheck] = {}
    for key_file in {request.key_file for request in files}:
        group = [request for request in files if request.key_file == key_file]
        checks.update(zip(group, verify_signatures([files[request] for request in group], [key_file])))
    return checks


def _store_package(
    request: PackageRequest, path: Path, header: RpmHeader, check: SignatureCheck, sources: PackageSources
) -> FetchedPackage:
    sha256 = request.checksum.sha256
    # A file that is in the store under its SHA-256 is there already.
    if sha256 is None or path != sources.package_store.get_path(sha256, request.file):
        sha256 = sha256_file(path)
        # The packages of a file: repository are hard links. Its owner may rewrite them; ours must not change then.
        is_foreign = sources.cache in path.parents and path.stat().st_nlink > 1
        path = sources.package_store.add(path, sha256, request.file, link=not is_foreign)
    return FetchedPackage(
        path=path,
        header=header,
        sha256=sha256,
        signer=Signer(
            key_id=check.signature.key_id if check.signature else "", fingerprint=check.fingerprint or ""
        ),
        weaknesses=check.weaknesses,
    )
