"""The current metadata of the repositories that are not ours."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from altai_build.config.upstreams import Upstream
from altai_build.model.lock import Lock, LockedRepository
from altai_build.tools.repo.metadata import RepositoryMetadata, RepositorySource, fetch_metadata
from altai_build.tools.repo.mirrors import Mirrors, read_mirrors


def find_mirrors(upstream: Upstream) -> Mirrors:
    """The current URLs of an upstream; fetches its mirror list if it has one. Raises InputError."""
    return read_mirrors(upstream.url) if upstream.listing is not None else Mirrors(urls=(upstream.url,))


def read_upstreams(
    upstreams: Sequence[Upstream], *, cache: Path, known: Lock | None, jobs: int
) -> tuple[RepositoryMetadata, ...]:
    """The current metadata of every upstream, not older than the metadata that the lock `known` was made from.

    Raises InputError for the first that cannot be used, or that was signed when `known` was made and no longer is.
    """

    def read(upstream: Upstream) -> RepositoryMetadata:
        mirrors = find_mirrors(upstream)
        locked = _find_locked(known, upstream)
        source = RepositorySource(
            name=upstream.name,
            urls=mirrors.urls,
            check_packages=True,
            check_metadata=locked is not None and locked.signed,
            keys=(upstream.key.file,),
            priority=0 if upstream.is_base else upstreams.index(upstream),
            exclude=upstream.exclude,
            repomd_checksums=mirrors.repomd_checksums,
            check_if_signed=True,
        )
        return fetch_metadata(source, cache, not_before=locked.revision if locked is not None else "")

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        return tuple(pool.map(read, upstreams))


def _find_locked(lock: Lock | None, upstream: Upstream) -> LockedRepository | None:
    """The state of an upstream in a lock; None when the lock does not have it under this URL."""
    locked = lock.repository(upstream.name) if lock is not None else None
    return locked if locked is not None and locked.url == upstream.url else None
