"""The current metadata of the repositories that are not ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from altai_build.config.upstreams import Upstream
from altai_build.errors import DistrustedError, InputError
from altai_build.model.lock import Lock, LockedRepository
from altai_build.model.variables import make_arch_variables
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.repo.metadata import (
    RepositoryMetadata,
    RepositorySource,
    check_key_files,
    fetch_metadata,
    probe_metadata,
)
from altai_build.tools.repo.mirrors import Mirrors, read_mirrors

T = TypeVar("T")


def find_mirrors(upstream: Upstream) -> Mirrors:
    """The current URLs of an upstream; fetches its mirror list if it has one. Raises InputError."""
    if upstream.listing is None:
        return Mirrors(urls=(upstream.url,))
    return read_mirrors(upstream.url, make_arch_variables(upstream.arch), upstream.connection)


def read_upstreams(
    upstreams: Sequence[Upstream], *, cache: Path, known: Lock | None, jobs: int, accept_older: bool = False
) -> tuple[RepositoryMetadata, ...]:
    """The current metadata of every upstream.

    It must be signed where it was signed when the lock `known` was made, and without `accept_older` it must not be
    older than it was then. Raises InputError for an upstream that cannot be used: for one that is not trusted before
    all others.
    """

    def read(upstream: Upstream) -> RepositoryMetadata:
        locked = _find_locked(known, upstream)
        source = _find_source(upstream, locked, priority=0 if upstream.is_base else upstreams.index(upstream))
        not_before = locked.revision if locked is not None and not accept_older else ""
        return fetch_metadata(source, cache, not_before=not_before)

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        outcomes = list(pool.map(lambda upstream: _attempt(lambda: read(upstream)), upstreams))
    errors = [outcome for outcome in outcomes if isinstance(outcome, InputError)]
    for error in sorted(errors, key=lambda error: not isinstance(error, DistrustedError)):
        raise error
    return tuple(outcome for outcome in outcomes if isinstance(outcome, RepositoryMetadata))


def probe_upstream(upstream: Upstream, *, cache: Path, known: Lock | None) -> tuple[str, bool]:
    """(URL that answered, True when its metadata is signed), without a download of the metadata itself.

    Raises InputError like `read_upstreams`.
    """
    return probe_metadata(_find_source(upstream, _find_locked(known, upstream)), cache)


def refuse_other_signers(upstream: Upstream, lock: Lock | None) -> None:
    """Raise DistrustedError when packages of the upstream are locked that a key signed which its key file lacks."""
    if lock is None:
        return
    held = {key.fingerprint for key in read_public_keys(upstream.key.file)}
    signers = {package.signer.fingerprint for package in lock.packages if package.repository == upstream.name}
    if others := sorted(signers - held):
        raise DistrustedError(
            f"the key {upstream.key.name} is not the one that signed the locked packages of {upstream.name}",
            why=f"{upstream.key.file} holds {', '.join(sorted(held))}; they are signed by {', '.join(others)}",
            todo="restore the key file; if the key was replaced on purpose, run `altai-build deps lock`",
        )


def _find_source(
    upstream: Upstream, locked: LockedRepository | None, *, priority: int = 0
) -> RepositorySource:
    """The upstream with its current URLs. Raises DistrustedError for its key file before any server is asked."""
    source = RepositorySource(
        name=upstream.name,
        origin=upstream.url,
        urls=(),
        check_packages=True,
        check_metadata=locked is not None and locked.signed,
        keys=(upstream.key.file,),
        priority=priority,
        exclude=upstream.exclude,
        check_if_signed=True,
        modules=upstream.modules,
        connection=upstream.connection,
    )
    check_key_files(source)
    mirrors = find_mirrors(upstream)
    return replace(source, urls=mirrors.urls, repomd_checksums=mirrors.repomd_checksums)


def _attempt(read: Callable[[], T]) -> T | InputError:
    try:
        return read()
    except InputError as error:
        return error


def _find_locked(lock: Lock | None, upstream: Upstream) -> LockedRepository | None:
    """The state of an upstream in a lock; None when the lock does not have it under this URL."""
    locked = lock.repository(upstream.name) if lock is not None else None
    return locked if locked is not None and locked.url == upstream.url else None
