"""The repositories of repos.yaml that are not ours, and their current metadata."""

from __future__ import annotations

from dataclasses import replace

import pytest

from altai_build.errors import InputError
from tests.kit.locks import NOVA, LockSite


def test_metadata_that_was_signed_must_stay_signed(site: LockSite) -> None:
    config, ours = site.config(), site.ours(NOVA)
    lock = site.lock(config, ours)
    signature = site.folder / "epel/repodata/repomd.xml.asc"
    kept = signature.read_bytes()
    signature.unlink()
    try:
        with pytest.raises(InputError, match="the metadata was signed when packages were locked"):
            site.resolve(config, ours, known=lock)
    finally:
        signature.write_bytes(kept)


def test_metadata_older_than_the_lock_is_refused_unless_the_repository_moved(site: LockSite) -> None:
    config = site.config()
    lock = site.lock(config, site.ours(NOVA))
    newer = [replace(repository, revision="1700000001") for repository in lock.repositories]
    with pytest.raises(InputError, match="the repository base/os cannot be used"):
        site.resolve(config, site.ours(NOVA), known=replace(lock, repositories=tuple(newer)))
    moved = tuple(replace(repository, url="https://example.org/") for repository in newer)
    assert site.resolve(config, site.ours(NOVA), known=replace(lock, repositories=moved))
