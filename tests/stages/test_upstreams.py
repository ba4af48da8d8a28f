"""The repositories of repos.yaml that are not ours, and their current metadata."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.config import MirrorListKind
from altai_build.config.upstreams import list_upstreams
from altai_build.errors import DistrustedError, InputError, UnreachableError
from altai_build.model.release import Signer
from altai_build.stages.upstreams import probe_upstream, read_upstreams, refuse_other_signers
from altai_build.tools.http import attempts
from altai_build.tools.openpgp.keyfile import read_public_keys
from tests.kit.keys import make_key
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
    aged = replace(lock, repositories=tuple(newer))
    cache = site.folder / "cache"
    assert read_upstreams(list_upstreams(config), cache=cache, known=aged, jobs=1, accept_older=True)


def test_distrust_is_told_before_what_cannot_be_reached(
    site: LockSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "RETRY_DELAY", 0.001)
    base, updates, _ = list_upstreams(site.config())
    gone = replace(base, url="http://127.0.0.1:9/gone")
    other = make_key(tmp_path, "other").public
    distrusted = replace(updates, key=replace(updates.key, file=other))
    with pytest.raises(UnreachableError, match="the repository base/os cannot be used"):
        read_upstreams([gone, updates], cache=tmp_path, known=None, jobs=2)
    with pytest.raises(DistrustedError, match="the repository deps/updates is not trusted"):
        read_upstreams([gone, distrusted], cache=tmp_path, known=None, jobs=2)


def test_a_key_file_is_looked_at_before_any_server_is_asked(site: LockSite, tmp_path: Path) -> None:
    base, *_ = list_upstreams(site.config())
    keyless = replace(
        base,
        url="http://127.0.0.1:9/list",
        listing=MirrorListKind.METALINK,
        key=replace(base.key, file=tmp_path),
    )
    with pytest.raises(DistrustedError, match="the repository base/os is not trusted"):
        read_upstreams([keyless], cache=tmp_path, known=None, jobs=1)


def test_a_probe_verifies_the_signature_and_downloads_no_metadata(site: LockSite, tmp_path: Path) -> None:
    base, *_ = list_upstreams(site.config())
    assert probe_upstream(base, cache=tmp_path, known=None) == (base.url, True)
    assert list(tmp_path.iterdir()) == []
    other = replace(base, key=replace(base.key, file=make_key(tmp_path / "keys", "other").public))
    with pytest.raises(DistrustedError, match="the repository base/os is not trusted"):
        probe_upstream(other, cache=tmp_path, known=None)


def test_the_key_that_signed_the_locked_packages_must_be_in_the_key_file(site: LockSite) -> None:
    config = site.config()
    lock = site.lock(config, site.ours(NOVA))
    _, _, epel = list_upstreams(config)
    (key,) = read_public_keys(epel.key.file)
    signed = replace(
        lock,
        packages=tuple(
            replace(package, signer=Signer(key_id=key.key_id, fingerprint=key.fingerprint))
            for package in lock.packages
        ),
    )
    refuse_other_signers(epel, signed)
    refuse_other_signers(epel, None)
    with pytest.raises(DistrustedError, match="the key k is not the one that signed the locked packages"):
        refuse_other_signers(epel, lock)
