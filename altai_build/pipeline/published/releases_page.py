"""Collect what the page of all releases shows, and write it; a release that cannot be read is named there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import AltaiError
from altai_build.model.release_files import RELEASES_PAGE, REPORT_PATH
from altai_build.model.unknown import Unknown
from altai_build.pipeline.published.catalog import open_catalog
from altai_build.pipeline.published.channels import list_channel_keys
from altai_build.pipeline.published.index_memory import MEMORY_NAME, IndexMemory
from altai_build.pipeline.published.manifest_trust import open_reader
from altai_build.pipeline.published.report import known, read_keys
from altai_build.stages.diff import compare_releases
from altai_build.stages.publish import lock_releases
from altai_build.stages.report.index import (
    AnyRelease,
    DamagedRelease,
    IndexedRelease,
    IndexInputs,
    ReleaseSummary,
    format_index,
    summarize_release,
    write_releases_page,
)

if TYPE_CHECKING:
    from altai_build.model.release import Manifest
    from altai_build.model.release_changes import ReleaseDiff
    from altai_build.pipeline.published.catalog import Catalog
    from altai_build.pipeline.published.manifest_trust import CheckedManifest, ManifestReader
    from altai_build.pipeline.run import Run


def update_releases_page(run: Run) -> None:
    """Write the page after a publication; warn when that fails: the release is published all the same."""
    releases = run.config.get_release_settings().directory
    try:
        with open_catalog(run, str(releases)) as catalog:
            # Who signed releases is on the page.
            reader = open_reader(run.config, (), lambda text: None)
            memory = IndexMemory(run.workspace.cache / MEMORY_NAME, list_channel_keys(run.config))
            write_page(releases, catalog, reader, run.config.project, memory)
    except (AltaiError, OSError) as error:
        reason = error.what if isinstance(error, AltaiError) else str(error)
        run.reporter.warn(f"{releases / RELEASES_PAGE} was not updated: {reason}")


def write_page(
    releases: Path,
    catalog: Catalog,
    reader: ManifestReader,
    project: str,
    memory: IndexMemory | None = None,
) -> IndexInputs:
    """Write the page into the folder of all releases; returns what it shows.

    Under the lock of the folder, so that of two publications the later one writes last. Raises PublishError for a page
    that somebody else wrote, InputError and OSError when the page cannot be written.
    """
    with lock_releases(releases):
        inputs = collect_index(catalog, reader, project, memory)
        write_releases_page(releases / RELEASES_PAGE, format_index(inputs))
    return inputs


def collect_index(
    catalog: Catalog, reader: ManifestReader, project: str, memory: IndexMemory | None = None
) -> IndexInputs:
    """What the page shows of the releases of a catalog; those that `memory` knows are not read again."""
    directories = {directory.name: directory for directory in catalog.list_all()}
    remembered = memory.find_all(directories) if memory is not None else {}
    rest = [directory for name, directory in directories.items() if name not in remembered]
    read = {release.directory: release for release in reader.read_readable(rest)}
    releases: list[AnyRelease] = []
    for name, directory in directories.items():
        # Of a release on a server the page was not downloaded.
        has_page = catalog.find_url(directory) is not None or (directory / REPORT_PATH).is_file()
        if name in remembered:
            releases.append(IndexedRelease(name, *remembered[name], has_page))
        elif directory in read:
            release = read[directory]
            summary = _summarize(release, reader, directories)
            if memory is not None:
                memory.remember(name, summary, release.trust)
            releases.append(IndexedRelease(name, summary, release.trust, has_page))
        else:
            # Without the path: the page is published.
            reason = reader.explain_unreadable(directory).why
            releases.append(DamagedRelease(name, f"release.json: {reason}"))
    if memory is not None:
        memory.write()
    return IndexInputs(project=project, latest=catalog.find_latest(), releases=tuple(releases))


def _summarize(
    release: CheckedManifest, reader: ManifestReader, directories: Mapping[str, Path]
) -> ReleaseSummary:
    manifest, directory = release.manifest, release.directory
    diff = _compare(manifest, reader, directories)
    return summarize_release(manifest, diff, known(directory, lambda: read_keys(directory)))


def _compare(
    manifest: Manifest, reader: ManifestReader, directories: Mapping[str, Path]
) -> ReleaseDiff | Unknown | None:
    if manifest.previous is None:
        return None
    folder = directories.get(manifest.previous)
    for previous in reader.read_readable([folder] if folder is not None else []):
        return compare_releases(previous.manifest, manifest)
    return Unknown(f"{manifest.previous}, which it follows, is missing or cannot be read")


def find_project_name(run: Run, catalog: Catalog) -> str:
    """The name of the project: that in repos.yaml, else that of the newest release with a .repo file."""
    if run.config.file is not None:
        return run.config.project
    for directory in reversed(catalog.list_all()):
        names = sorted(path.stem for path in directory.glob("*.repo"))
        if names:
            return names[0]
    return catalog.location.rstrip("/").rpartition("/")[2]
