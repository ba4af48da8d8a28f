"""Find published releases, read their manifests, and look up released packages by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError, describe_cause
from altai_build.model.manifest import MAX_MANIFEST_SIZE, manifest_from_json
from altai_build.model.release import Manifest
from altai_build.model.release_files import LATEST_LINK, MANIFEST_NAME
from altai_build.model.srpm_making import SrpmMaking
from altai_build.model.suggestion import suggest
from altai_build.regular_files import read_regular_file, resolve_links
from altai_build.stages.publish import compare_releases, finish_publications, is_release, list_releases
from altai_build.tools.url import join_url

if TYPE_CHECKING:
    from altai_build.config import Config
    from altai_build.model.build import BuildResult
    from altai_build.model.nevra import Nevra


def list_releases_before(releases: Path, version: str) -> tuple[Path, ...]:
    """The folders of the published releases below a version, lowest first."""
    return tuple(
        releases / published
        for published in list_releases(releases)
        if compare_releases(published, version) < 0
    )


def releases_directory(config: Config) -> Path:
    """The folder with the published releases."""
    return config.get_release_settings().directory


def open_releases(config: Config, warn: Callable[[str], None]) -> Path:
    """The folder with the published releases; publications that were interrupted are finished first.

    A user who cannot write there is told with `warn` that `latest` may be behind.
    """
    directory = releases_directory(config)
    try:
        for version in finish_publications(directory):
            warn(f"finished the interrupted publication of release {version}")
    except OSError as error:
        warn(
            f"the publication of a release was interrupted and cannot be finished in {directory} "
            f"({error.strerror}): {LATEST_LINK} may point to an earlier release"
        )
    return directory


def refuse_folder_of_releases(named: str) -> None:
    """Raise InputError for the path of a folder that holds releases and is none itself."""
    versions = () if is_release(Path(named)) else list_releases(Path(named))
    if versions:
        paths = [os.path.join(named, version) for version in versions[-3:]]
        raise InputError(f"{named} holds releases and is none itself", todo=f"name one: {', '.join(paths)}")


def find_release(releases: Path, named: str) -> Path:
    """The folder of a release by its version, `latest`, or a path; links are resolved.

    Raises InputError that lists the published versions.
    """
    directory = resolve_links(Path(named) if "/" in named else releases / named)
    if (directory / MANIFEST_NAME).is_file():
        return directory
    if "/" in named:
        refuse_folder_of_releases(named)
    versions = list_releases(releases)
    has_latest = (releases / LATEST_LINK / MANIFEST_NAME).is_file()
    hint = suggest(named, [*versions, *([LATEST_LINK] if has_latest else [])])
    raise InputError(
        f"there is no release {named}",
        why=f"{directory / MANIFEST_NAME} does not exist"
        if directory.is_dir() or not directory.exists()
        else "it is not a folder",
        todo=f"{hint} releases in {releases}: {', '.join(versions)}".strip()
        if versions
        else "name the folder of a release"
        if "/" in named
        else f"there are none in {releases}: publish one with `altai-build release VERSION`",
    )


def load_manifest(directory: Path, url: str | None = None) -> Manifest:
    """The manifest of the release in a folder, which is a copy of what is at `url`, if that is given.

    Raises InputError, which names the URL or the folder, when it cannot be read.
    """
    path = directory / MANIFEST_NAME
    try:
        text = read_regular_file(path, limit=MAX_MANIFEST_SIZE).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"there is no release {'in' if url is None else 'at'} {url or directory}",
            why=describe_cause(error),
            todo="`altai-build releases` lists the published releases",
        ) from error
    return manifest_from_json(text, where=str(path) if url is None else join_url(url, MANIFEST_NAME))


@dataclass(frozen=True)
class PublishedReleases:
    """The packages of all published releases, by name."""

    files: dict[str, Path]  # NEVRA → the released file
    files_by_build: dict[tuple[str, str], Path]  # (NEVRA, build key) → the released file
    files_by_digest: dict[str, Path]  # SHA-256 in the manifest → the released file
    # Released file → its SHA-256 in the manifest.
    digests: Mapping[Path, str] = field(default_factory=dict)
    # Released source package → what made it.
    makings: dict[str, SrpmMaking | None] = field(default_factory=dict)

    @classmethod
    def load(cls, releases: Path, *others: Path) -> PublishedReleases:
        """Read the manifests of all releases in a folder, and of `others`, which are single releases.

        The file of a later release replaces one of the same NEVRA.
        """
        files: dict[str, Path] = {}
        files_by_build: dict[tuple[str, str], Path] = {}
        files_by_digest: dict[str, Path] = {}
        digests: dict[Path, str] = {}
        makings: dict[str, SrpmMaking | None] = {}
        for directory in (*(releases / version for version in list_releases(releases)), *others):
            manifest = load_manifest(directory)
            makings.update({build.source: build.made_with for build in manifest.builds})
            for package in manifest.packages:
                path = directory / package.path
                files[str(package.nevra)] = path
                files_by_digest[package.sha256] = path
                digests[path] = package.sha256
                if package.build_origin is not None:
                    files_by_build[str(package.nevra), package.build_origin.build_key] = path
        return cls(
            files=files,
            files_by_build=files_by_build,
            files_by_digest=files_by_digest,
            digests=digests,
            makings=makings,
        )

    def has_no_name_conflict(self, built: BuildResult) -> bool:
        """True if no release has different bytes under the NEVRA of one of these packages.

        The digest of the header covers everything but the signature: dependencies, scripts, every file's digest.
        """
        # Only builds ask.
        from altai_build.tools.rpm.header import read_header

        for rpm in built.rpms:
            nevra = str(rpm.header.nevra)
            released = self.files.get(nevra)
            if released is None or (nevra, built.key) in self.files_by_build:
                continue
            if read_header(released).header_digest != rpm.header.header_digest:
                return False
        return True

    def find(self, nevra: Nevra) -> Path | None:
        """The released file of a NEVRA."""
        return self.files.get(str(nevra))
