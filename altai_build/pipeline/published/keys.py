"""List keys: the releases that use each, and whether this machine can sign with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from altai_build.config import Key
from altai_build.errors import InputError
from altai_build.model.openpgp import KeyFingerprint, PublicKey
from altai_build.model.release import Manifest
from altai_build.model.release_files import KEY_FILE_PREFIX
from altai_build.pipeline.published.manifest_trust import CheckedManifest, ManifestReader
from altai_build.pipeline.published.releases import open_releases
from altai_build.pipeline.run import Run
from altai_build.stages.publish import list_releases
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.keyring import KeyringUnusableError, open_keyring


@dataclass(frozen=True)
class KeyUse:
    """How one release uses a key. A release may contain a key that signed nothing in it."""

    release: str
    packages: int  # signed by the key
    metadata: bool  # signed by the key


@dataclass(frozen=True)
class ListedKey:
    """One public key; `key` is None if repos.yaml does not have it any more, `public` if its file is missing."""

    name: str
    key: Key | None
    public: PublicKey | None
    secret: bool | None  # its secret half is here; None where this user may not look
    uses: tuple[KeyUse, ...]


@dataclass(frozen=True)
class _ReleaseKeys:
    """The keys that one release contains, by fingerprint, and the packages that each signed."""

    manifest: Manifest
    keys: dict[KeyFingerprint, tuple[str, PublicKey]]  # fingerprint → (name, key)
    signed_packages: Counter[KeyFingerprint]

    @classmethod
    def read(cls, release: CheckedManifest) -> _ReleaseKeys:
        directory, manifest = release.directory, release.manifest
        keys = {
            key.fingerprint: (file.name.removeprefix(KEY_FILE_PREFIX), key)
            for file in sorted(directory.glob(f"{KEY_FILE_PREFIX}*"))
            for key in read_public_keys(file)
        }
        signed_packages = Counter(KeyFingerprint(package.signer.fingerprint) for package in manifest.packages)
        return cls(manifest=manifest, keys=keys, signed_packages=signed_packages)

    def find_use(self, fingerprint: KeyFingerprint) -> KeyUse | None:
        """How the release uses a key; None if it does not."""
        name, _ = self.keys.get(fingerprint, (None, None))
        packages = self.signed_packages[fingerprint]
        if name is None and not packages:
            return None
        is_metadata_key = name == self.manifest.signed_by
        return KeyUse(release=self.manifest.version, packages=packages, metadata=is_metadata_key)


def list_key_usage(run: Run, reader: ManifestReader) -> tuple[ListedKey, ...]:
    """The keys of repos.yaml in its order, then those that only releases contain.

    Releases that the reader cannot read are left out: its `refuse_unreadable` names them.
    """
    directory = open_releases(run.config, run.reporter.warn)
    read = reader.read_readable(directory / version for version in list_releases(directory))
    releases = []
    for checked in read:
        try:
            releases.append(_ReleaseKeys.read(checked))
        except InputError as error:
            reader.leave_out(checked.directory, error)
    secret = _read_secret_fingerprints(run)

    def list_key(name: str, key: Key | None, public: PublicKey) -> ListedKey:
        uses = (release.find_use(public.fingerprint) for release in releases)
        return ListedKey(
            name=name,
            key=key,
            public=public,
            secret=None if secret is None else public.fingerprint in secret,
            uses=tuple(use for use in uses if use is not None),
        )

    listed: list[ListedKey] = []
    known: set[KeyFingerprint] = set()
    for key in run.config.keys.values():
        publics = read_public_keys(key.file) if key.file.exists() else ()
        if not publics:
            listed.append(ListedKey(name=key.name, key=key, public=None, secret=False, uses=()))
        listed += [list_key(key.name, key, public) for public in publics]
        known.update(public.fingerprint for public in publics)
    for release in releases:
        for fingerprint, (name, public) in release.keys.items():
            if fingerprint not in known:
                known.add(fingerprint)
                listed.append(list_key(name, None, public))
    return tuple(listed)


def _read_secret_fingerprints(run: Run) -> set[KeyFingerprint] | None:
    """The fingerprints of the keys that this machine can sign with; None, with a warning, where that is not known."""
    if not run.workspace.gnupg.is_dir():
        return set()
    try:
        with open_keyring(run.workspace.gnupg) as keyring:
            return {key.fingerprint for key in keyring.list_secret_keys()}
    except KeyringUnusableError as error:
        run.reporter.warn(f"{error.what}: {error.why}; whether this machine can sign is not known")
        return None
