"""Keys over time: which releases use which, and which of them this machine can sign with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from altai_build.config import Key
from altai_build.model.openpgp import PublicKey
from altai_build.model.release import KEY_FILE_PREFIX, Manifest
from altai_build.pipeline.published.releases import load_manifest, releases_directory
from altai_build.pipeline.run import Run
from altai_build.stages.publish import list_releases
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.keyring import open_keyring


@dataclass(frozen=True)
class KeyUse:
    """What one release has of a key: packages signed by it, its metadata, or neither (clients get it all the same)."""

    release: str
    packages: int
    metadata: bool


@dataclass(frozen=True)
class ListedKey:
    """One public key; `key` is None where repos.yaml does not name it any more, `public` where its file is missing."""

    name: str
    key: Key | None
    public: PublicKey | None
    secret: bool  # this machine can sign with it
    uses: tuple[KeyUse, ...]


def list_key_usage(run: Run) -> tuple[ListedKey, ...]:
    """The keys of repos.yaml in its order, then those that only releases have."""
    secret = _secret_keys(run)
    releases = releases_directory(run.config)
    held = [(load_manifest(releases / one), _keys_of(releases / one)) for one in list_releases(releases)]
    listed: list[ListedKey] = []
    for key in run.config.keys.values():
        publics = read_public_keys(key.file) if key.file.exists() else ()
        if not publics:
            listed.append(ListedKey(name=key.name, key=key, public=None, secret=False, uses=()))
        for public in publics:
            uses = _uses(public, held)
            here = public.fingerprint in secret
            listed.append(ListedKey(name=key.name, key=key, public=public, secret=here, uses=uses))
    known = {one.public.fingerprint for one in listed if one.public}
    for _, keys in held:
        for public, name in keys.items():
            if public.fingerprint not in known:
                known.add(public.fingerprint)
                here, uses = public.fingerprint in secret, _uses(public, held)
                listed.append(ListedKey(name=name, key=None, public=public, secret=here, uses=uses))
    return tuple(listed)


def _secret_keys(run: Run) -> set[str]:
    if not run.workspace.gnupg.is_dir():
        return set()
    with open_keyring(run.workspace.gnupg) as home:
        return {one.fingerprint for one in home.list_secret_keys()}


def _keys_of(directory: Path) -> dict[PublicKey, str]:
    """The keys that a release brings along, and their names."""
    return {
        public: file.name[len(KEY_FILE_PREFIX) :]
        for file in sorted(directory.glob(f"{KEY_FILE_PREFIX}*"))
        for public in read_public_keys(file)
    }


def _uses(public: PublicKey, held: list[tuple[Manifest, dict[PublicKey, str]]]) -> tuple[KeyUse, ...]:
    """The releases that have the key, oldest first."""
    found = []
    for manifest, keys in held:
        name = next((name for one, name in keys.items() if one.fingerprint == public.fingerprint), None)
        signed = Counter(one.signer.fingerprint for one in manifest.packages)[public.fingerprint]
        if name is not None or signed:
            metadata = name == manifest.signed_by
            found.append(KeyUse(release=manifest.version, packages=signed, metadata=metadata))
    return tuple(found)
