"""List the packages of a release, and find the releases that hold a package, file or commit.

What reads repository metadata is imported where that is asked for: the search for a name needs only manifests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.model.gitlink import require_commit
from altai_build.model.inventory import InventoryEntry, MatchKind, PackageMatch
from altai_build.model.release import ComponentOrigin, Manifest, MirrorOrigin, ReleasedPackage, ReleasePart
from altai_build.model.release_files import KEY_FILE_PREFIX
from altai_build.model.suggestion import suggest
from altai_build.tools.openpgp.keyfile import read_user_ids

if TYPE_CHECKING:
    from altai_build.pipeline.published.catalog import Catalog
    from altai_build.pipeline.published.manifest_trust import CheckedManifest, ManifestReader
    from altai_build.pipeline.published.matching import Query
    from altai_build.pipeline.run import Run
    from altai_build.tools.repo.metadata import RepositoryMetadata


def list_packages(run: Run, release: CheckedManifest) -> tuple[InventoryEntry, ...]:
    """Every package of a release, with the name of its signer and the packages that need it.

    A key file that cannot be read is a warning: the fingerprint of the signer is in release.json. Raises InputError
    when the metadata cannot be read.
    """
    from altai_build.model.bill_of_materials import find_dependents
    from altai_build.tools.solver.describe import describe_packages

    directory, manifest = release.directory, release.manifest
    names: dict[str, str] = {}
    for file in sorted(directory.glob(f"{KEY_FILE_PREFIX}*")):
        try:
            names.update(read_user_ids([file]))
        except InputError as error:
            run.reporter.warn(
                f"release {manifest.version}: {file.name} cannot be read, so the names of its keys are unknown: "
                f"{error.why}"
            )
    descriptions = describe_packages(_read_repositories(release), cache=run.workspace.cache / "solv")
    dependents = find_dependents(manifest, descriptions)
    return tuple(
        InventoryEntry(
            package=package,
            signer_name=names.get(package.signer.fingerprint, ""),
            license=descriptions[package.path].license if package.path in descriptions else "",
            needed_by=dependents[package.path],
        )
        for package in manifest.packages
    )


def find_matches(run: Run, reader: ManifestReader, catalog: Catalog, query: str) -> tuple[PackageMatch, ...]:
    """The packages and releases that a query refers to, oldest first.

    A query is a name (or pattern), a NEVRA or its beginning, a range (`nova < 2012.2`), a SHA-256, a capability, a
    source package, a commit, or a file: the file name of an RPM, the path of an RPM on this machine (its bytes are
    compared), or the absolute path of a file that packages install. A commit has at least four digits. If no package
    was built from that very commit, releases that contain it in a component's history match, as far as local
    repositories have the commits. Raises InputError when there is no release that can be read.
    """
    from altai_build.pipeline.published.matching import match_package, match_source_name, read_query

    asked = read_query(query)
    is_content = asked.local_rpm is None and query.startswith("/")
    read = reader.read_readable(
        catalog.list_all(ReleasePart.METADATA if is_content else ReleasePart.MANIFEST)
    )
    if not read:
        reader.refuse_unreadable("releases that cannot be read were not searched")
        raise InputError(
            "there are no releases",
            why=f"{catalog.location} contains no release",
            todo="publish one with `altai-build release VERSION`, or name another place with --releases DIR|URL",
        )
    manifests = [release.manifest for release in read]
    matches = _match_all(manifests, asked, match_package)
    if is_content:
        matches += _find_owners(read, query)
    if not matches and asked.local_rpm is None:
        matches = _match_all(manifests, asked, match_source_name)
    if not matches and asked.commit is not None:
        matches += _CommitSearch(run, manifests).find_matches(asked.commit)
    if not matches and asked.local_rpm is None:
        matches += _find_providers(run, reader, catalog, query)
    return tuple(matches)


def suggest_package(reader: ManifestReader, catalog: Catalog, query: str) -> str:
    """`did you mean NAME?` with names of released packages that are similar to the query."""
    names = {
        package.name
        for release in reader.read_readable(catalog.list_all())
        for package in release.manifest.packages
    }
    return suggest(query, names)


def _match_all(
    manifests: Sequence[Manifest],
    query: Query,
    match_one: Callable[[Manifest, ReleasedPackage, Query], PackageMatch | None],
) -> list[PackageMatch]:
    return [
        match
        for manifest in manifests
        for package in manifest.packages
        if (match := match_one(manifest, package, query)) is not None
    ]


def _find_providers(
    run: Run, reader: ManifestReader, catalog: Catalog, capability: str
) -> Iterator[PackageMatch]:
    """The packages that provide a capability, such as `python3dist(requests)` or `libssl.so.10()(64bit)`.

    A release whose metadata cannot be read is left out with a warning.
    """
    from altai_build.tools.solver.describe import find_provided

    for release in reader.read_readable(catalog.list_all(ReleasePart.METADATA)):
        manifest = release.manifest
        try:
            provided = find_provided(
                _read_repositories(release), capability, cache=run.workspace.cache / "solv"
            )
        except InputError as error:
            run.reporter.warn(f"release {manifest.version} was not searched for capabilities: {error.what}")
            continue
        for package in manifest.packages:
            if package.path in provided:
                yield PackageMatch(
                    release=manifest.version,
                    how=MatchKind.PROVIDES,
                    package=package,
                    note=provided[package.path],
                )


def _read_repositories(release: CheckedManifest) -> list[RepositoryMetadata]:
    from altai_build.tools.repo.metadata import read_local_metadata

    return [
        read_local_metadata(repository.name, release.directory / repository.name)
        for repository in release.manifest.repositories
    ]


def _find_owners(releases: Sequence[CheckedManifest], path: str) -> Iterator[PackageMatch]:
    """The packages that install a file."""
    from altai_build.tools.repo.repodata import find_owners

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
        with_history = self._has_superproject()
        for manifest in self._manifests:
            pinned = require_commit(manifest.superproject.commit)
            if pinned.startswith(abbreviated_id):
                yield PackageMatch(release=manifest.version, how=MatchKind.RELEASE, package=None, note=pinned)
            elif with_history and (commit := self._find_in_superproject(manifest, abbreviated_id)):
                note = f"{commit} is in the history of {pinned[:12]}"
                yield PackageMatch(release=manifest.version, how=MatchKind.RELEASE, package=None, note=note)
            contained = dict(self._find_in_components(manifest, abbreviated_id)) if with_history else {}
            yield from self._match_packages(manifest, abbreviated_id, contained)

    def _has_superproject(self) -> bool:
        """True where commits can be looked up; else a warning says that only the manifests were searched."""
        try:
            _ = self._run.superproject
        except InputError as error:
            self._run.reporter.warn(
                f"only the commits that releases were made from were searched, not their history: {error.what}"
            )
            return False
        self._run.workspace.prepare()
        return True

    def _match_packages(
        self, manifest: Manifest, abbreviated_id: str, contained: Mapping[str, str]
    ) -> Iterator[PackageMatch]:
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
