"""The sources of packages that are downloaded: listed beside the spec with checksums, downloaded once, and checked."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from altai_build.config import Config
from altai_build.config.sources import read_sources
from altai_build.errors import AltaiError, InputError, faults_of
from altai_build.model.component import ComponentKind
from altai_build.model.quantity import format_count
from altai_build.model.sources import (
    SOURCES_FILE_NAME,
    PypiOrigin,
    SourceChoice,
    UpstreamSource,
    UrlOrigin,
    is_source_file_name,
)
from altai_build.model.spec import find_archive_source
from altai_build.tools.git.component_source import ComponentSource
from altai_build.tools.rpm.source_files import SourceFile, find_committed_source
from altai_build.tools.rpm.source_lists import read_checksum_lists

# Of one source file.
_MAX_SOURCE_BYTES = 1 << 30
_MAX_LIST_BYTES = 4 << 20
# Without a user and a password.
_URL = re.compile(r"https?://[^\s/@]+/\S+")


def list_downloads(source: ComponentSource, config: Config) -> tuple[UpstreamSource, ...]:
    """What is to be downloaded for a component: all of its sources.yaml, and by the checksum lists of dist-git what
    the spec gives a URL for and the commit does not have.

    Raises InputError naming all errors of sources.yaml.
    """
    listed = _read_source_list(source)
    checksums = {file: one for found in read_checksum_lists(source).values() for file, one in found.items()}
    if not checksums:
        return listed
    known = {one.file for one in listed}
    own = find_archive_source(source.info) if _is_archive_of_commit(source, config) else None
    tags = [tag for tag in (*source.info.sources, *source.info.patches) if tag is not own]
    wanted = {
        tag.file: UpstreamSource(tag.file, checksum, UrlOrigin(tag.value))
        for tag in tags
        if tag.file not in known
        and is_source_file_name(tag.file)
        and _URL.fullmatch(tag.value)
        and (checksum := checksums.get(tag.file)) is not None
    }
    return (
        *listed,
        *(
            one
            for one in wanted.values()
            if not isinstance(find_committed_source(source, one.file), SourceFile)
        ),
    )


def _read_source_list(source: ComponentSource) -> tuple[UpstreamSource, ...]:
    """The sources in the sources.yaml beside a component's spec, from the component's commit; none without that file.

    Raises InputError naming all errors of the file.
    """
    path = posixpath.join(posixpath.dirname(source.component.spec), SOURCES_FILE_NAME)
    entry = next((entry for entry in source.tree if entry.path == path and entry.is_file), None)
    if entry is None:
        return ()
    return read_sources(source.store.read_blobs([entry.oid], limit=_MAX_LIST_BYTES)[0], path)


def _is_archive_of_commit(source: ComponentSource, config: Config) -> bool:
    component = source.component
    settings = config.find_component(component.name, component.path)
    return (
        component.kind is not ComponentKind.SPEC
        and settings is not None
        and settings.source is SourceChoice.ARCHIVE
    )


def fetch_sources(
    sources: Sequence[ComponentSource], config: Config, cache: Path, *, jobs: int
) -> dict[str, dict[str, Path] | AltaiError]:
    """Component → file name → the checked file in `cache`, or the error for that component."""
    results: dict[str, dict[str, Path] | AltaiError] = {}

    def fetch(source: ComponentSource) -> None:
        try:
            with faults_of(f"the list of sources of {source.component.name}"):
                results[source.component.name] = _fetch_all(list_downloads(source, config), cache)
        except AltaiError as error:
            results[source.component.name] = error

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        list(pool.map(fetch, sources))
    return results


def _fetch_all(sources: Sequence[UpstreamSource], cache: Path) -> dict[str, Path]:
    """All sources of one component. Raises InputError naming all that are not available."""
    if not sources:
        return {}
    # Few components have sources elsewhere.
    from altai_build.tools.http import download, pypi

    found, errors = {}, []
    for source in sources:
        digest = source.checksum.value
        path = cache / digest[:2] / digest / source.file
        try:
            if isinstance(source.origin, PypiOrigin):
                pypi.fetch_sdist(source.origin.project, source.origin.version, digest, path)
            else:
                download.fetch_file(
                    source.origin.url,
                    path,
                    checksum=source.checksum,
                    limit=_MAX_SOURCE_BYTES,
                )
            found[source.file] = path
        except InputError as error:
            errors.append(f"  {source.file}: {error.what}\n    {error.why}")
    if errors:
        raise InputError(
            f"{format_count(len(errors), 'source')} {'is' if len(errors) == 1 else 'are'} not available",
            why="\n".join(errors),
            todo=f"check {SOURCES_FILE_NAME}, the network, and whether upstream still has the file",
        )
    return found
