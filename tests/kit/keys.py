"""Throwaway OpenPGP keys, made by the real gpg: good, locked, expired, revoked."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from altai_build.model.openpgp import PublicKey
from altai_build.tools.openpgp.keyring import Keyring, open_keyring
from altai_build.tools.openpgp.signing import SigningKey, unlock


@dataclass(frozen=True)
class ThrowawayKey:
    """A key exported to files: `secret` and `public`, both armored."""

    fingerprint: str
    public: Path
    secret: Path
    passphrase: str


def make_key(
    folder: Path,
    name: str = "throwaway",
    *,
    algorithm: str = "rsa2048",
    passphrase: str = "",
    expires: str = "0",
    born: str = "",
    revoked: bool = False,
    extended: bool = False,
) -> ThrowawayKey:
    """Make a signing key and export it into `folder` as NAME.pub and NAME.sec.

    `born` is a day such as 20200101 at which gpg is made to believe the key was made; with `expires` of a year that
    gives an expired key. `extended`: the secret key no longer expires, but the public key file says that it did.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kit.") as home:
        clock = ["--faked-system-time", f"{born}T000000!"] if born else []
        secret = ["--pinentry-mode", "loopback", "--passphrase", passphrase]
        user = f"{name} <{name}@example.org>"
        _gpg(home, *clock, *secret, "--quick-generate-key", user, algorithm, "sign", expires)
        listing = _gpg(home, "--with-colons", "--list-secret-keys").decode().splitlines()
        fingerprint = next(line.split(":")[9] for line in listing if line.startswith("fpr"))
        if revoked:
            ready = Path(home, "openpgp-revocs.d", f"{fingerprint}.rev")
            ready.write_text(ready.read_text().replace(":-----BEGIN", "-----BEGIN"))
            _gpg(home, "--import", str(ready))
        public, private = folder / f"{name}.pub", folder / f"{name}.sec"
        public.write_bytes(_gpg(home, "--armor", "--export", fingerprint))
        if extended:
            _gpg(home, *secret, "--quick-set-expire", fingerprint, "0")
        private.write_bytes(_gpg(home, *secret, "--armor", "--export-secret-keys", fingerprint))
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], stdin=subprocess.DEVNULL, check=True)
    return ThrowawayKey(fingerprint=fingerprint, public=public, secret=private, passphrase=passphrase)


def import_secret_key(keyring: Keyring, file: Path) -> PublicKey:
    """Import an exported secret key with the passphrase it has."""
    before = keyring.list_secret_keys()
    keyring.import_key(file)
    # It may have been there before.
    (imported,) = set(keyring.list_secret_keys()).difference(before) or before
    return imported


@contextmanager
def signing_key(key: ThrowawayKey, home: Path | None = None) -> Iterator[SigningKey]:
    """The key imported into a keyring, in `home` or a temporary folder, and unlocked for the block."""
    with ExitStack() as stack:
        home = home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kit.")))
        keyring = stack.enter_context(open_keyring(home))
        public = import_secret_key(keyring, key.secret)
        yield stack.enter_context(unlock(keyring, public, key.public, lambda _: key.passphrase))


@contextmanager
def only_signing_key(home: Path) -> Iterator[SigningKey]:
    """The only key of the keyring in `home`, which has no passphrase; its public key file is `home`/public."""
    with open_keyring(home) as keyring:
        (public,) = keyring.list_secret_keys()
        keyring.export_public_key(public, home / "public")
        with unlock(keyring, public, home / "public", lambda _: "") as key:
            yield key


def _gpg(home: str, *words: str) -> bytes:
    argv = ["gpg", "--homedir", home, "--batch", "--yes", "--no-tty", *words]
    result = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert result.returncode == 0, f"{argv}: {result.stderr.decode('utf-8', 'replace')}"
    return result.stdout
