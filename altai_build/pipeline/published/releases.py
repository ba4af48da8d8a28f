"""What was released before: manifests, and the names that already belong to bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.config import Config
from altai_build.errors import InputError
from altai_build.model.manifest import manifest_from_json
from altai_build.model.nevra import Nevra
from altai_build.model.release import MANIFEST_NAME, ComponentOrigin, Manifest, SpecOrigin
from altai_build.stages.publish import list_releases
from altai_build.tools.rpm.header import compare_versions, read_header

if TYPE_CHECKING:
    from altai_build.model.build import BuildResult


def find_previous_manifest(releases: Path, version: str) -> Manifest | None:
    """The manifest of the highest release below a version: the one it follows."""
    before = list_releases_before(releases, version)
    return load_manifest(before[-1]) if before else None


def list_releases_before(releases: Path, version: str) -> tuple[Path, ...]:
    """The folders of the published releases below a version, lowest first."""
    return tuple(
        releases / published
        for published in list_releases(releases)
        if compare_versions(published, version) < 0
    )


def releases_directory(config: Config) -> Path:
    """The folder that releases are published in."""
    return config.get_release_settings().directory


def find_release(releases: Path, named: str) -> Path:
    """The folder of a release by its version, `latest`, or a path; a link is followed to the release it names.

    Raises InputError with the versions that there are.
    """
    place = (Path(named) if "/" in named else releases / named).resolve()
    if (place / MANIFEST_NAME).is_file():
        return place
    import difflib  # only a wrong name needs it

    versions = list_releases(releases)
    near = difflib.get_close_matches(named, versions, n=1)
    hint = f"perhaps you meant {near[0]}; " if near else ""
    raise InputError(
        f"there is no release {named}",
        why=f"{place / MANIFEST_NAME} is not there",
        todo=f"{hint}published in {releases}: {', '.join(versions) or 'nothing'}",
    )


def load_manifest(directory: Path) -> Manifest:
    """The manifest of a published release."""
    path = directory / MANIFEST_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"there is no release in {directory}",
            why=str(error),
            todo="`altai-build releases` lists what is published",
        ) from error
    return manifest_from_json(text, where=str(path))


@dataclass(frozen=True)
class PublishedReleases:
    """What all earlier releases have given names to."""

    files: dict[str, Path]  # NEVRA → the released file
    files_by_build: dict[tuple[str, str], Path]  # (NEVRA, build key) → the released file

    @classmethod
    def load(cls, releases: Path) -> PublishedReleases:
        """Read the manifests of all published releases, oldest first: a later one's file stands for an equal name."""
        files: dict[str, Path] = {}
        files_by_build: dict[tuple[str, str], Path] = {}
        for name in list_releases(releases):
            for package in load_manifest(releases / name).packages:
                path = releases / name / package.path
                files[str(package.nevra)] = path
                if isinstance(package.origin, (ComponentOrigin, SpecOrigin)):
                    files_by_build[str(package.nevra), package.origin.build_key] = path
        return cls(files=files, files_by_build=files_by_build)

    def has_no_name_conflict(self, built: BuildResult) -> bool:
        """True when no earlier release has other bytes under a name of these packages.

        The header's digest covers everything but the signature: dependencies, scripts, every file's digest.
        """
        for rpm in built.rpms:
            name = str(rpm.header.nevra)
            released = self.files.get(name)
            if released is None or (name, built.key) in self.files_by_build:
                continue
            if read_header(released).header_digest != rpm.header.header_digest:
                return False
        return True

    def find(self, nevra: Nevra) -> Path | None:
        """The released file that holds the package of a name."""
        return self.files.get(str(nevra))
