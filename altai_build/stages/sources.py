"""The sources of third-party packages: what specs/NAME/sources.yaml lists, fetched once and proved by SHA-256."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from altai_build.config.sources import read_sources
from altai_build.errors import AltaiError, InputError
from altai_build.model.checksum import SHA256, Checksum
from altai_build.model.component import ComponentKind
from altai_build.model.sources import SOURCES_FILE_NAME, PypiOrigin, UpstreamSource
from altai_build.tools import download, pypi
from altai_build.tools.git.superproject import ComponentSource

_MAX_SOURCE_BYTES = 1 << 30  # bytes of one source file


def listed_sources(sourced: ComponentSource) -> tuple[UpstreamSource, ...]:
    """What the sources.yaml beside a component's spec lists, as it is in the commit; nothing where there is none.

    Raises InputError naming all faults of the file.
    """
    if sourced.component.kind is not ComponentKind.SPEC:
        return ()
    path = posixpath.join(posixpath.dirname(sourced.component.spec), SOURCES_FILE_NAME)
    entry = next((one for one in sourced.tree if one.is_file and one.path == path), None)
    if entry is None:
        return ()
    return read_sources(sourced.store.read_blobs([entry.oid])[0], path)


def fetch_sources(
    sourced: Sequence[ComponentSource], cache: Path, *, jobs: int
) -> dict[str, dict[str, Path] | AltaiError]:
    """component → file → the proved bytes in `cache`, or what stands in the way of that component."""
    answers: dict[str, dict[str, Path] | AltaiError] = {}

    def fetch(one: ComponentSource) -> None:
        try:
            answers[one.component.name] = _fetch_all(listed_sources(one), cache)
        except AltaiError as error:
            answers[one.component.name] = error

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        list(pool.map(fetch, (one for one in sourced if one.component.kind is ComponentKind.SPEC)))
    return answers


def _fetch_all(sources: Sequence[UpstreamSource], cache: Path) -> dict[str, Path]:
    """All sources of one component; raises InputError with every one that cannot be had."""
    found, faults = {}, []
    for source in sources:
        place = cache / source.sha256[:2] / source.sha256 / source.file
        try:
            if isinstance(source.origin, PypiOrigin):
                pypi.fetch_sdist(source.origin.project, source.origin.version, source.sha256, place)
            else:
                download.fetch_file(
                    source.origin.url,
                    place,
                    checksum=Checksum(SHA256, source.sha256),
                    limit=_MAX_SOURCE_BYTES,
                )
            found[source.file] = place
        except InputError as error:
            faults.append(f"  {source.file}: {error.what}\n    {error.why}")
    if faults:
        raise InputError(
            f"{len(faults)} source{'s' if len(faults) > 1 else ''} cannot be had",
            why="\n".join(faults),
            todo=f"check {SOURCES_FILE_NAME}, the network, and whether upstream still has the file",
        )
    return found
