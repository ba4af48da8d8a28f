"""The signing keys of a release: found, checked against the target and unlocked before any work starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from altai_build.config import Key, SourceKind, Target
from altai_build.errors import SigningError
from altai_build.model.openpgp import PublicKey
from altai_build.pipeline.run import Run
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.keyring import open_keyring
from altai_build.tools.openpgp.passphrase import Passphrase
from altai_build.tools.openpgp.signing import SigningKey, check_signing_key, unlock


@contextmanager
def unlock_signing_keys(
    run: Run, target: Target, passphrase: Passphrase
) -> Iterator[Mapping[str, SigningKey]]:
    """Name in repos.yaml → key, for each key that the release signs with; unlocked until the block ends.

    Raises SigningError for a key that is missing, locked by another passphrase, or unfit for the target's clients.
    """
    names = {
        repository.key
        for repository in run.config.repositories.values()
        if repository.source is not SourceKind.MIRROR
    }
    with unlock_keys(run, sorted(names), target, passphrase) as unlocked:
        yield unlocked


@contextmanager
def unlock_keys(
    run: Run, names: Sequence[str], target: Target, passphrase: Passphrase
) -> Iterator[Mapping[str, SigningKey]]:
    """The same for the keys with these names in repos.yaml."""
    with ExitStack() as stack:
        keyring = stack.enter_context(open_keyring(run.workspace.gnupg))
        unlocked: dict[str, SigningKey] = {}
        for name in names:
            configured = run.config.keys[name]
            key = keyring.find_key(_read_configured_key(configured))
            check_signing_key(key, target.compat, run.workspace.gnupg)
            unlocked[name] = stack.enter_context(unlock(keyring, key, configured.file, passphrase))
        yield unlocked


def _read_configured_key(key: Key) -> Sequence[PublicKey]:
    if not key.file.exists():
        raise SigningError(
            f"the key {key.name} has no public key file",
            why=f"{key.file} does not exist",
            todo=f"make a key with `altai-build keys init {key.name}`, or copy the public key file there",
        )
    return read_public_keys(key.file)
