"""List the packages of a release, and find the releases that hold a package, file or commit."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.bill_of_materials import PackageDescription
from altai_build.model.gitlink import require_commit
from altai_build.model.inventory import InventoryEntry, MatchKind, PackageMatch
from altai_build.model.nevra import parse_nevra
from altai_build.model.release import (
    KEY_FILE_PREFIX,
    ComponentOrigin,
    Manifest,
    MirrorOrigin,
    ReleasedPackage,
)
from altai_build.pipeline.published.manifest_trust import CheckedManifest, ManifestReader
from altai_build.pipeline.run import Run
from altai_build.stages.publish import list_releases
from altai_build.tools.files import sha256_file
from altai_build.tools.openpgp.keyfile import read_user_ids
from altai_build.tools.repo.metadata import read_local_metadata
from altai_build.tools.repo.repodata import find_owners
from altai_build.tools.solver.describe import describe_packages

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def list_packages(run: Run, release: CheckedManifest) -> tuple[InventoryEntry, ...]:
    """Every package of a release, with the name of its signer and the packages that need it.

    Raises InputError when its keys or metadata cannot be read.
    """
    directory, manifest = release.directory, release.manifest
    names = read_user_ids(sorted(directory.glob(f"{KEY_FILE_PREFIX}*")))
    repositories = [
        read_local_metadata(repository.name, directory / repository.name)
        for repository in manifest.repositories
    ]
    descriptions = describe_packages(repositories, cache=run.workspace.cache / "solv")
    dependents = _find_dependents(manifest, descriptions)
    return tuple(
        InventoryEntry(
            package=package,
            signer_name=names.get(package.signer.fingerprint, ""),
            license=descriptions[package.path].license if package.path in descriptions else "",
            needed_by=package.origin.needed_by
            if isinstance(package.origin, MirrorOrigin)
            else tuple(sorted(dependents[package.name] - {package.name})),
        )
        for package in manifest.packages
    )


def _find_dependents(
    manifest: Manifest, descriptions: Mapping[str, PackageDescription]
) -> dict[str, set[str]]:
    """Package name → names of the packages in the release that require something it provides."""
    names = {package.path: package.name for package in manifest.packages}
    dependents: dict[str, set[str]] = defaultdict(set)
    for path, description in descriptions.items():
        for needed in description.needs:
            if path in names and needed in names:
                dependents[names[needed]].add(names[path])
    return dependents


def find_matches(run: Run, reader: ManifestReader, releases: Path, query: str) -> tuple[PackageMatch, ...]:
    """The packages and releases that a name (or pattern), NEVRA, file, SHA-256 or commit refers to, oldest first.

    A file is the file name of an RPM, the path of an RPM on this machine (its bytes are compared), or the absolute path
    of a file that packages install. A commit has at least seven digits. If no package was built from that very
    commit, releases that contain it in a component's history match, as far as local repositories have the commits.
    Raises InputError when there is no release.
    """
    versions = list_releases(releases)
    if not versions:
        raise InputError(
            "there are no releases",
            why=f"{releases} contains no release",
            todo="publish one with `altai-build release VERSION`",
        )
    read = reader.read_all(releases / version for version in versions)
    manifests = [release.manifest for release in read]
    local_rpm = _find_local_rpm(query)
    digest = sha256_file(local_rpm) if local_rpm is not None else query.lower()
    matches = [
        match
        for manifest in manifests
        for package in manifest.packages
        if (match := _match_package(manifest, package, query, digest, local_rpm)) is not None
    ]
    if local_rpm is None and query.startswith("/"):
        matches += _find_owners(read, query)
    if _COMMIT.fullmatch(query.lower()) and not matches:
        matches += _CommitSearch(run, manifests).find_matches(query.lower())
    return tuple(matches)


def suggest_names(reader: ManifestReader, releases: Path, query: str) -> list[str]:
    """Names of released packages that are similar to the query."""
    read = reader.read_all(releases / version for version in list_releases(releases))
    names = {package.name for release in read for package in release.manifest.packages}
    return difflib.get_close_matches(query, sorted(names), n=3, cutoff=0.6)


def _find_local_rpm(query: str) -> Path | None:
    path = Path(query)
    return path if query.endswith(".rpm") and path.is_file() else None


def _match_package(
    manifest: Manifest, package: ReleasedPackage, query: str, digest: str, local_rpm: Path | None
) -> PackageMatch | None:
    """How the package matches the query; None if it does not."""
    if _SHA256.fullmatch(digest) and package.sha256 == digest:
        is_renamed = local_rpm is not None and local_rpm.name != package.file
        note = f"released as {package.file}" if is_renamed else ""
        return PackageMatch(release=manifest.version, how=MatchKind.SHA256, package=package, note=note)
    file = query.rpartition("/")[2]
    if package.file == file or package.path == query:
        note = "" if local_rpm is None else f"{local_rpm} has different bytes"
        return PackageMatch(release=manifest.version, how=MatchKind.FILE, package=package, note=note)
    if local_rpm is not None:
        return None
    if fnmatch.fnmatchcase(package.name, query):
        return PackageMatch(release=manifest.version, how=MatchKind.NAME, package=package)
    nevra = package.nevra
    spellings = (str(nevra), f"{nevra.name}-{nevra.evr}", nevra.filename.removesuffix(".rpm"))
    if query in spellings or parse_nevra(query) == nevra:
        return PackageMatch(release=manifest.version, how=MatchKind.NEVRA, package=package)
    return None


def _find_owners(releases: Sequence[CheckedManifest], path: str) -> Iterator[PackageMatch]:
    """The packages that install a file."""
    for release in releases:
        manifest = release.manifest
        packages = {(package.repository, package.file): package for package in manifest.packages}
        for repository in manifest.repositories:
            for location in find_owners(release.directory / repository.name, path):
                package = packages.get((repository.name, location))
                if package is not None:
                    yield PackageMatch(
                        release=manifest.version, how=MatchKind.CONTENT, package=package, note=path
                    )


class _CommitSearch:
    """The search for releases that were made from a commit, or contain it in their history."""

    def __init__(self, run: Run, manifests: list[Manifest]) -> None:
        self._run = run
        self._manifests = manifests

    def find_matches(self, abbreviated_id: str) -> Iterator[PackageMatch]:
        """For each release: the release itself, then its packages."""
        self._run.workspace.prepare()
        for manifest in self._manifests:
            pinned = require_commit(manifest.superproject.commit)
            if pinned.startswith(abbreviated_id):
                yield PackageMatch(release=manifest.version, how=MatchKind.RELEASE, package=None, note=pinned)
            elif commit := self._find_in_superproject(manifest, abbreviated_id):
                note = f"{commit} is in the history of {pinned[:12]}"
                yield PackageMatch(release=manifest.version, how=MatchKind.RELEASE, package=None, note=note)
            yield from self._match_packages(manifest, abbreviated_id)

    def _match_packages(self, manifest: Manifest, abbreviated_id: str) -> Iterator[PackageMatch]:
        contained = dict(self._find_in_components(manifest, abbreviated_id))
        for package in manifest.packages:
            origin = package.origin
            if isinstance(origin, MirrorOrigin):
                continue
            if origin.commit.startswith(abbreviated_id):
                yield PackageMatch(
                    release=manifest.version, how=MatchKind.COMMIT, package=package, note=origin.commit
                )
            elif isinstance(origin, ComponentOrigin) and origin.path in contained:
                note = f"{contained[origin.path]} is in the history of {origin.commit[:12]}"
                yield PackageMatch(
                    release=manifest.version, how=MatchKind.CONTAINED, package=package, note=note
                )

    def _find_in_superproject(self, manifest: Manifest, abbreviated_id: str) -> str | None:
        """The full id, if the release's superproject commit contains the commit."""
        pinned = require_commit(manifest.superproject.commit)
        store = self._run.superproject.open_store(pinned)
        commit = store.expand_abbreviated_id(abbreviated_id) if store.has_commit_object(pinned) else None
        return commit if commit is not None and store.is_ancestor(commit, pinned) else None

    def _find_in_components(self, manifest: Manifest, abbreviated_id: str) -> Iterator[tuple[str, str]]:
        """(path, full id) of the release's components whose pinned commit contains the commit."""
        superproject = self._run.superproject
        pinned = require_commit(manifest.superproject.commit)
        store = superproject.open_store(pinned)
        if not store.has_commit_object(pinned):
            return
        for submodule in superproject.read_submodules(
            pinned, store.read_tree(pinned), self._run.config.superproject.components
        ):
            pin = submodule.link.commit
            component_store = superproject.find_local_store(submodule, (pin,))
            if component_store is None:
                continue
            commit = component_store.expand_abbreviated_id(abbreviated_id)
            if commit is not None and component_store.is_ancestor(commit, pin):
                yield submodule.link.path, commit
