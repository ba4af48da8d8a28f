"""The packages of a release with all that is known of them, and the reverse question over all releases."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.inventory import InventoryEntry, MatchKind, PackageMatch
from altai_build.model.nevra import parse_nevra
from altai_build.model.release import (
    KEY_FILE_PREFIX,
    ComponentOrigin,
    Manifest,
    MirrorOrigin,
    ReleasedPackage,
)
from altai_build.pipeline.published.releases import load_manifest
from altai_build.pipeline.run import Run
from altai_build.stages.publish import list_releases
from altai_build.tools.files import sha256_file
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.repo.metadata import read_local_metadata
from altai_build.tools.repo.repodata import find_owners
from altai_build.tools.solver.pool import Solver

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def list_packages(run: Run, directory: Path) -> tuple[InventoryEntry, ...]:
    """Every package of the release in `directory`, with its signer's name and what needs it.

    Raises InputError when the release cannot be read.
    """
    manifest = load_manifest(directory)
    names = _signer_names(directory)
    needed = _needed_by(run, directory, manifest)
    return tuple(
        InventoryEntry(
            package=package,
            signer_name=names.get(package.signer.fingerprint, ""),
            needed_by=package.origin.needed_by
            if isinstance(package.origin, MirrorOrigin)
            else tuple(sorted(needed[package.name] - {package.name})),
        )
        for package in manifest.packages
    )


def _signer_names(directory: Path) -> dict[str, str]:
    """Fingerprint → user id, of the keys that the release brings along."""
    files = sorted(directory.glob(f"{KEY_FILE_PREFIX}*"))
    return {key.fingerprint: key.uid for file in files for key in read_public_keys(file)}


def _needed_by(run: Run, directory: Path, manifest: Manifest) -> dict[str, set[str]]:
    """Name → the names of the packages in the release that require something it provides."""
    target = run.config.targets.get(manifest.target)
    solver = Solver(target.arch if target else "x86_64", cache=run.workspace.cache / "solv")
    binary = [one.name for one in manifest.repositories if not one.source]
    for name in binary:
        solver.add_repository(read_local_metadata(name, directory / name))
    needed: dict[str, set[str]] = defaultdict(set)
    for name in binary:
        for number in solver.find_by_name_pattern(name, ["*"]):
            asking = solver.get_candidate(number)
            for requirement in asking.requires:
                for provider in solver.find_providers(requirement):
                    needed[solver.get_candidate(provider).nevra.name].add(asking.nevra.name)
    return needed


# ---- which -----------------------------------------------------------------------------------------------------


def which(run: Run, releases: Path, asked: str) -> tuple[PackageMatch, ...]:
    """Where a name (or pattern), NEVRA, file, SHA-256 or commit is to be found, in every release, oldest first.

    A file is a package's own (its name, or a path on this machine, whose bytes are compared), or one that packages
    install, by its absolute path. A commit may be shortened to seven digits; releases that have it in a component's
    history are told too, as far as the repositories at hand know. Raises InputError when there is no release.
    """
    versions = list_releases(releases)
    if not versions:
        raise InputError(
            "nothing is released", why=f"{releases} has no release", todo="`altai-build release VERSION`"
        )
    manifests = [load_manifest(releases / version) for version in versions]
    local = _local_rpm(asked)
    digest = sha256_file(local) if local is not None else asked.lower()
    found = [
        match
        for manifest in manifests
        for package in manifest.packages
        if (match := _match(manifest, package, asked, digest, local)) is not None
    ]
    if local is None and asked.startswith("/"):
        found += _owners(releases, manifests, asked)
    if _COMMIT.fullmatch(asked.lower()) and not found:
        found += _Commits(run, manifests).find(asked.lower())
    return tuple(found)


def near_names(releases: Path, asked: str) -> list[str]:
    """Names of released packages that look like what was asked for."""
    names = {
        package.name
        for version in list_releases(releases)
        for package in load_manifest(releases / version).packages
    }
    return difflib.get_close_matches(asked, sorted(names), n=3, cutoff=0.6)


def _local_rpm(asked: str) -> Path | None:
    path = Path(asked)
    return path if asked.endswith(".rpm") and path.is_file() else None


def _match(
    manifest: Manifest, package: ReleasedPackage, asked: str, digest: str, local: Path | None
) -> PackageMatch | None:
    """How one package answers the question; None when it does not."""
    if _SHA256.fullmatch(digest) and package.sha256 == digest:
        note = "" if local is None or local.name == package.file else f"released as {package.file}"
        return PackageMatch(release=manifest.version, how=MatchKind.SHA256, package=package, note=note)
    file = asked.rpartition("/")[2]
    if package.file == file or package.path == asked:
        note = "" if local is None else f"the bytes of {local} are others"
        return PackageMatch(release=manifest.version, how=MatchKind.FILE, package=package, note=note)
    if local is not None:
        return None
    if fnmatch.fnmatchcase(package.name, asked):
        return PackageMatch(release=manifest.version, how=MatchKind.NAME, package=package)
    nevra = package.nevra
    spellings = (str(nevra), f"{nevra.name}-{nevra.evr}", nevra.filename.removesuffix(".rpm"))
    if asked in spellings or parse_nevra(asked) == nevra:
        return PackageMatch(release=manifest.version, how=MatchKind.NEVRA, package=package)
    return None


def _owners(releases: Path, manifests: list[Manifest], path: str) -> Iterator[PackageMatch]:
    for manifest in manifests:
        packages = {(one.repository, one.file): one for one in manifest.packages}
        for repository in manifest.repositories:
            for location in find_owners(releases / manifest.version / repository.name, path):
                package = packages.get((repository.name, location))
                if package is not None:
                    yield PackageMatch(
                        release=manifest.version, how=MatchKind.CONTENT, package=package, note=path
                    )


class _Commits:
    """The question which releases were made from a commit, or contain it."""

    def __init__(self, run: Run, manifests: list[Manifest]) -> None:
        self._run = run
        self._manifests = manifests

    def find(self, asked: str) -> Iterator[PackageMatch]:
        """By release: the release itself, then its packages."""
        self._run.workspace.prepare()
        for manifest in self._manifests:
            pinned = manifest.superproject.commit
            if pinned.startswith(asked):
                yield PackageMatch(release=manifest.version, how=MatchKind.RELEASE, package=None, note=pinned)
            elif full := self._in_superproject(manifest, asked):
                note = f"{full} is in the history of {pinned[:12]}"
                yield PackageMatch(release=manifest.version, how=MatchKind.RELEASE, package=None, note=note)
            yield from self._in_packages(manifest, asked)

    def _in_packages(self, manifest: Manifest, asked: str) -> Iterator[PackageMatch]:
        whole = dict(self._containing(manifest, asked))
        for package in manifest.packages:
            origin = package.origin
            if isinstance(origin, MirrorOrigin):
                continue
            if origin.commit.startswith(asked):
                yield PackageMatch(
                    release=manifest.version, how=MatchKind.COMMIT, package=package, note=origin.commit
                )
            elif isinstance(origin, ComponentOrigin) and origin.path in whole:
                note = f"{whole[origin.path]} is in the history of {origin.commit[:12]}"
                yield PackageMatch(
                    release=manifest.version, how=MatchKind.CONTAINED, package=package, note=note
                )

    def _in_superproject(self, manifest: Manifest, asked: str) -> str | None:
        """The full id where the release's superproject commit contains the commit."""
        pinned = manifest.superproject.commit
        store = self._run.superproject.open_store(pinned)
        full = store.expand_abbreviated_id(asked) if store.has_commit_object(pinned) else None
        return full if full is not None and store.is_ancestor(full, pinned) else None

    def _containing(self, manifest: Manifest, asked: str) -> Iterator[tuple[str, str]]:
        """(path, full id) of the release's components that have the commit in their pin's history."""
        superproject = self._run.superproject
        pinned = manifest.superproject.commit
        store = superproject.open_store(pinned)
        if not store.has_commit_object(pinned):
            return
        for submodule in superproject.read_submodules(
            pinned, store.read_tree(pinned), self._run.config.superproject.components
        ):
            pin = submodule.link.commit
            inner = superproject.find_local_store(submodule, (pin,))
            full = inner.expand_abbreviated_id(asked) if inner is not None else None
            if inner is not None and full is not None and inner.is_ancestor(full, pin):
                yield submodule.link.path, full
