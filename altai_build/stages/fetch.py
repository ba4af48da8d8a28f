"""Third-party packages brought here and proved: size, SHA-256, a signature by their repository's own key; then kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.checksum import Checksum, Sha256
from altai_build.model.findings import SignatureCheck
from altai_build.model.release import Signer
from altai_build.tools import download
from altai_build.tools.files import link_or_copy, make_directory, remove_tree, sha256_file, sync_tree
from altai_build.tools.progress import TaskProgress
from altai_build.tools.rpm.signatures import verify_signatures


@dataclass(frozen=True)
class PackageRequest:
    """One package as a repository's metadata, or the lock, describes it; `key_file` holds its repository's key."""

    repository: str
    location: str
    checksum: Checksum
    size: int  # bytes
    key_file: Path

    @property
    def file(self) -> str:
        """Its file name."""
        return self.location.rpartition("/")[2]


@dataclass(frozen=True)
class FetchedPackage:
    """A proved package on the shelf."""

    path: Path
    sha256: Sha256
    signer: Signer
    weaknesses: tuple[str, ...]  # what a modern policy refuses in its signature


@dataclass(frozen=True)
class PackageStore:
    """Proved packages by their SHA-256, kept for good: upstream may stop having them."""

    root: Path

    def place(self, sha256: Sha256, file: str) -> Path:
        """Where a package is kept, whether it is there or not."""
        return self.root / sha256[:2] / sha256 / file

    def put(self, path: Path, sha256: Sha256, *, share: bool) -> Path:
        """Keep a package; with `share` under the same inode, which then nobody else may write to."""
        place = self.place(sha256, path.name)
        if place.is_file() and sha256_file(place) == sha256:
            return place
        remove_tree(place.parent)
        fresh = place.parent.with_name(f".{sha256}.{os.getpid()}")
        remove_tree(fresh)
        make_directory(fresh)
        if share:
            link_or_copy(path, fresh / path.name)
        else:
            shutil.copyfile(path, fresh / path.name)
        sync_tree(fresh)
        os.replace(fresh, place.parent)
        return place


@dataclass(frozen=True)
class PackageSources:
    """Where packages may be taken from, the nearest first.

    `released` tells the packages of earlier releases by SHA-256; it is asked for what is not on the shelf.
    """

    package_store: PackageStore
    released: Callable[[], Mapping[str, Path]]
    cache: Path
    urls: Mapping[str, Sequence[str]]  # repository → its URLs, the best first

    def find_local(self, wanted: PackageRequest) -> Path | None:
        """The package with the right bytes on this machine, or None; a damaged one on the shelf is removed."""
        digest = wanted.checksum.sha256
        if digest is None:
            return None
        kept = self.package_store.place(digest, wanted.file)
        if _matches_checksum(kept, wanted):
            return kept
        if kept.exists():
            remove_tree(kept.parent)
        earlier = self.released().get(digest)
        return earlier if earlier is not None and _matches_checksum(earlier, wanted) else None


def _matches_checksum(path: Path, wanted: PackageRequest) -> bool:
    return (
        path.is_file() and path.stat().st_size == wanted.size and sha256_file(path) == wanted.checksum.sha256
    )


def fetch_packages(
    wanted: Sequence[PackageRequest], sources: PackageSources, *, jobs: int, work: TaskProgress
) -> dict[PackageRequest, FetchedPackage]:
    """Bring all packages onto the shelf. Raises InputError with every one that cannot be had or is not genuine.

    Nothing is kept before its size, digest and signature are proved.
    """
    found: dict[PackageRequest, Path] = {}
    faults: dict[PackageRequest, str] = {}

    def bring(one: PackageRequest) -> None:
        work.start(one.file)
        try:
            here = sources.find_local(one)
            found[one] = here or _download(one, sources)
            work.finish(one.file, "reused" if here else "ok", "" if here else f"{one.size} bytes")
        except InputError as error:
            faults[one] = f"{error.what}: {error.why}" if error.why else error.what
            work.finish(one.file, "failed", error.what)

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        list(pool.map(bring, dict.fromkeys(wanted)))
    checks = _check_signatures(found)
    for one, check in checks.items():
        if problem := _rejection_reason(check):
            faults[one] = problem
    if faults:
        raise InputError(
            f"{len(faults)} third-party packages cannot be used",
            why="\n".join(f"  {one.repository}/{one.file}: {faults[one]}" for one in wanted if one in faults),
            todo="wait for the mirror, or name another (url in repos.yaml); what is gone upstream for good is "
            "replaced by `altai-build deps lock`; what is not signed by the right key must not be used",
        )
    return {one: _store_package(one, found[one], check, sources) for one, check in checks.items()}


def _download(wanted: PackageRequest, sources: PackageSources) -> Path:
    digest = wanted.checksum.value
    place = sources.cache / digest[:2] / digest / wanted.file
    complaints = []
    for url in sources.urls.get(wanted.repository, ()):
        try:
            return download.fetch_file(
                download.join_url(url, wanted.location), place, size=wanted.size, checksum=wanted.checksum
            )
        except InputError as error:
            complaints.append(f"{error.what}: {error.why}" if error.why else error.what)
    raise InputError("\n    ".join(complaints) or "its repository has no URL")


def _check_signatures(found: Mapping[PackageRequest, Path]) -> dict[PackageRequest, SignatureCheck]:
    """Each package judged by the key of its own repository and no other."""
    checks: dict[PackageRequest, SignatureCheck] = {}
    for key_file in {one.key_file for one in found}:
        group = [one for one in found if one.key_file == key_file]
        checks.update(zip(group, verify_signatures([found[one] for one in group], [key_file])))
    return checks


def _rejection_reason(check: SignatureCheck) -> str:
    if not check.is_good:
        return f"not signed by its repository's key: {check.description}"
    if check.signed_after_expiry:
        return f"its repository's key had expired (on {check.key_expired_on}) when it signed"
    if "revoked key" in check.weaknesses:
        return "its repository's key is revoked"
    return ""


def _store_package(
    wanted: PackageRequest, path: Path, check: SignatureCheck, sources: PackageSources
) -> FetchedPackage:
    digest = wanted.checksum.sha256
    # A package that the store has under this checksum was found there by it.
    if digest is None or path != sources.package_store.place(digest, wanted.file):
        digest = sha256_file(path)
        # A file repository's packages came by hard link: its owner may rewrite them, and ours must not change then.
        foreign = sources.cache in path.parents and path.stat().st_nlink > 1
        path = sources.package_store.put(path, digest, share=not foreign)
    return FetchedPackage(
        path=path,
        sha256=digest,
        signer=Signer(
            key_id=check.signature.key_id if check.signature else "", fingerprint=check.fingerprint or ""
        ),
        weaknesses=check.weaknesses,
    )
