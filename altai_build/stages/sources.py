"""The sources of third-party packages: listed in specs/NAME/sources.yaml, downloaded once, checked by SHA-256."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from altai_build.config.sources import read_sources
from altai_build.errors import AltaiError, InputError, faults_of
from altai_build.model.checksum import SHA256, Checksum
from altai_build.model.component import ComponentKind
from altai_build.model.quantity import format_count
from altai_build.model.sources import SOURCES_FILE_NAME, PypiOrigin, UpstreamSource
from altai_build.tools import download, pypi
from altai_build.tools.git.superproject import ComponentSource

# Of one source file.
_MAX_SOURCE_BYTES = 1 << 30
_MAX_LIST_BYTES = 4 << 20


def listed_sources(sourced: ComponentSource) -> tuple[UpstreamSource, ...]:
    """The sources in the sources.yaml beside a component's spec, from the component's commit; none without that file.

    Raises InputError naming all errors of the file.
    """
    if sourced.component.kind is not ComponentKind.SPEC:
        return ()
    path = posixpath.join(posixpath.dirname(sourced.component.spec), SOURCES_FILE_NAME)
    entry = next((entry for entry in sourced.tree if entry.is_file and entry.path == path), None)
    if entry is None:
        return ()
    return read_sources(sourced.store.read_blobs([entry.oid], limit=_MAX_LIST_BYTES)[0], path)


def fetch_sources(
    sources: Sequence[ComponentSource], cache: Path, *, jobs: int
) -> dict[str, dict[str, Path] | AltaiError]:
    """Component → file name → the checked file in `cache`, or the error for that component."""
    results: dict[str, dict[str, Path] | AltaiError] = {}

    def fetch(source: ComponentSource) -> None:
        try:
            with faults_of(f"the list of sources of {source.component.name}"):
                results[source.component.name] = _fetch_all(listed_sources(source), cache)
        except AltaiError as error:
            results[source.component.name] = error

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        list(pool.map(fetch, (source for source in sources if source.component.kind is ComponentKind.SPEC)))
    return results


def _fetch_all(sources: Sequence[UpstreamSource], cache: Path) -> dict[str, Path]:
    """All sources of one component. Raises InputError naming all that are not available."""
    found, errors = {}, []
    for source in sources:
        path = cache / source.sha256[:2] / source.sha256 / source.file
        try:
            if isinstance(source.origin, PypiOrigin):
                pypi.fetch_sdist(source.origin.project, source.origin.version, source.sha256, path)
            else:
                download.fetch_file(
                    source.origin.url,
                    path,
                    checksum=Checksum(SHA256, source.sha256),
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
