"""Keys and signatures of any time, made by the real gpg and rpmsign: expired, revoked, with subkeys, dated wrongly."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class TimedKeyring:
    """A gpg home. Days are given as 20200131; gpg is made to believe that it is that day."""

    def __init__(self, home: Path) -> None:
        self._home = home
        home.mkdir(mode=0o700, parents=True)

    def make(
        self, name: str, day: str, *, expires: str = "0", usage: str = "sign", algorithm: str = "ed25519"
    ) -> str:
        """Make a key that was made on that day, and lasts so long; returns its fingerprint."""
        user = f"{name} <{name}@example.org>"
        self._gpg(*_clock(day), "--quick-generate-key", user, algorithm, usage, expires)
        return self._list_fingerprints(name)[0]

    def add_subkey(self, key: str, day: str, *, expires: str = "0") -> str:
        """Add a subkey for signing; returns its fingerprint."""
        self._gpg(*_clock(day), "--quick-add-key", key, "ed25519", "sign", expires)
        return self._list_fingerprints(key)[-1]

    def extend(self, key: str, *subkeys: str) -> None:
        """Let the key, or some of its subkeys, last for ever from now on."""
        self._gpg("--quick-set-expire", key, "0", *subkeys)

    def revoke(self, key: str) -> None:
        """Revoke a key with the certificate that gpg made for it."""
        ready = self._home / "openpgp-revocs.d" / f"{key}.rev"
        ready.write_text(ready.read_text().replace(":-----BEGIN", "-----BEGIN"))
        self._gpg("--import", str(ready))

    def revoke_subkey(self, key: str, *, number: int = 1) -> None:
        """Revoke a subkey, by its number among those of the key."""
        answers = f"key {number}\nrevkey\ny\n0\n\ny\nsave\n"
        self._gpg("--command-fd", "0", "--edit-key", key, input=answers.encode())

    def drop_signing(self, key: str) -> None:
        """Let a key that is for signing and certifying be for certifying alone."""
        self._gpg("--command-fd", "0", "--edit-key", key, input=b"change-usage\nS\nQ\nsave\n")

    def export(self, path: Path, *keys: str) -> Path:
        """Write the public keys as they are now."""
        path.write_bytes(self._gpg("--armor", "--export", *keys))
        return path

    def export_secret(self, path: Path, key: str) -> Path:
        """Write the secret key with its subkeys."""
        path.write_bytes(self._gpg("--armor", "--export-secret-keys", key))
        return path

    def sign(
        self, path: Path, *keys: str, day: str = "", suffix: str = ".asc", digest: str = "sha256"
    ) -> Path:
        """Write detached signatures of that day beside the file."""
        signature = path.with_name(path.name + suffix)
        signers = [word for key in keys for word in ("--local-user", f"{key}!")]
        options = [*_clock(day), "--digest-algo", digest, "--allow-weak-digest-algos", "--armor", *signers]
        signature.write_bytes(self._gpg(*options, "--detach-sign", "-o-", str(path)))
        return signature

    def sign_rpm(self, path: Path, key: str, day: str = "", *, digest: str = "sha256") -> None:
        """Sign a package on that day, in place."""
        macros = {
            "__gpg": shutil.which("gpg") or "gpg",
            "_gpg_name": f"{key}!",
            "_gpg_digest_algo": digest,
            "_gpg_sign_cmd_extra_args": " ".join(
                ["--batch", "--pinentry-mode", "loopback", "--allow-weak-digest-algos", *_clock(day)]
            ),
        }
        options = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
        result = subprocess.run(
            ["rpmsign", "--addsign", *options, str(path)],
            env={"PATH": "/usr/bin:/bin:/usr/sbin", "GNUPGHOME": str(self._home), "HOME": str(self._home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert result.returncode == 0, result.stdout.decode("utf-8", "replace")

    def close(self) -> None:
        """End the agent."""
        command = ["gpgconf", "--homedir", str(self._home), "--kill", "all"]
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True)

    def _list_fingerprints(self, key: str) -> list[str]:
        rows = self._gpg("--with-colons", "--list-keys", key).decode().splitlines()
        return [row.split(":")[9] for row in rows if row.startswith("fpr")]

    def _gpg(self, *words: str, input: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(self._home), "--batch", "--yes", "--no-tty", "--quiet"]
        command += ["--pinentry-mode", "loopback", "--passphrase", "", *words]
        result = subprocess.run(command, input=input, capture_output=True, check=False)
        assert result.returncode == 0, f"{command}: {result.stderr.decode('utf-8', 'replace')}"
        return result.stdout


@contextmanager
def timed_keyring(folder: Path) -> Iterator[TimedKeyring]:
    """A keyring in a short temporary folder below `folder`, with its agent ended after the block."""
    keyring = TimedKeyring(folder / "gpg")
    try:
        yield keyring
    finally:
        keyring.close()
        shutil.rmtree(folder / "gpg", ignore_errors=True)


def _clock(day: str) -> list[str]:
    return ["--faked-system-time", f"{day}T120000!", "--ignore-time-conflict"] if day else []
