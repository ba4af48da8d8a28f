"""The signing keys of a run: found, fit for the target and unlocked before any work is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from altai_build.config import Key, SourceKind, Target
from altai_build.errors import SigningError
from altai_build.model.openpgp import PublicKey
from altai_build.pipeline.run import Run
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.keyring import Keyring, check_signing_key, open_keyring
from altai_build.tools.openpgp.passphrase import Passphrase


class SigningKeys:
    """The signing keys of a run, open for as long as its block lasts."""

    def __init__(self, home: Keyring, opened: dict[str, PublicKey]) -> None:
        self.home = home
        self._opened = opened

    def get(self, name: str) -> PublicKey:
        """The key that repos.yaml calls `name`."""
        return self._opened[name]


@contextmanager
def unlock_signing_keys(run: Run, target: Target, passphrase: Passphrase) -> Iterator[SigningKeys]:
    """The keys that the release signs with, found, fit for the target and unlocked before any work is done."""
    names = {one.key for one in run.config.repositories.values() if one.source is not SourceKind.MIRROR}
    with ExitStack() as stack:
        home = stack.enter_context(open_keyring(run.workspace.gnupg))
        opened = {}
        for name in sorted(names):
            key = home.find_key(_public(run.config.keys[name]))
            check_signing_key(key, target.compat)
            home.unlock(key, passphrase)
            opened[name] = key
        yield SigningKeys(home, opened)


def _public(key: Key) -> Sequence[PublicKey]:
    if not key.file.exists():
        raise SigningError(
            f"the key {key.name} has no public key file",
            why=f"{key.file} does not exist",
            todo=f"make a key with `altai-build keys init {key.name}`, or put the file there",
        )
    return read_public_keys(key.file)
