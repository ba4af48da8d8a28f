"""The keyring of signing keys in the workspace: list, find, make, import and export keys with GnuPG."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import gnupg

from altai_build.errors import SigningError, quote_path
from altai_build.model.key_packets import parse_keys
from altai_build.model.openpgp import KeyFingerprint, PublicKey
from altai_build.tools import commands
from altai_build.tools.disk import describe_full_disks
from altai_build.tools.files import file_lock, make_directory, write_atomically
from altai_build.tools.openpgp.key_request import KEY_TYPES, KeyRequest
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.session import PRIVATE_KEYS_DIR, GpgSession, open_session

# What a session shares with the keyring's home; gpg writes new keys and their revocation certificates there.
SHARED_DIRS = (PRIVATE_KEYS_DIR, "openpgp-revocs.d")


class KeyringUnusableError(SigningError):
    """A keyring that this user may not use: which keys it holds is not known."""


@contextmanager
def open_keyring(home: Path) -> Iterator[Keyring]:
    """The keyring stored in `home` (made with mode 0700 when missing); its agent ends with the block.

    Raises KeyringUnusableError where this user may not use it.
    """
    make_directory(home, mode=0o700)
    try:
        home.chmod(0o700)
    except OSError as error:
        raise KeyringUnusableError(
            f"cannot use the keyring {home}",
            why=error.strerror or str(error),
            todo="run as the user to whom it belongs, on a file system that can be written",
        ) from error
    for name in SHARED_DIRS:
        make_directory(home / name, mode=0o700)
    _remove_locks_of_killed(home)
    with open_session(home, "") as session:
        for name in SHARED_DIRS:
            (session.directory / name).symlink_to((home / name).absolute())
        yield Keyring(home=home, session=session)


def _remove_locks_of_killed(home: Path) -> None:
    """Remove the files from which gpg makes its locks, as far as the gpg that made them was killed.

    gpg itself takes over the lock of such a process, and leaves this file (`.#lk0x….HOST.PID`) behind for ever.
    """
    for path in home.glob(f".#lk*.{os.uname().nodename}.*"):
        pid = path.name.rpartition(".")[2]
        if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            path.unlink(missing_ok=True)


class Keyring:
    """An open keyring; `open_keyring` makes it, and it is usable within that block only."""

    def __init__(self, *, home: Path, session: GpgSession) -> None:
        self.home = home
        self.session = session
        try:
            self._library = gnupg.GPG(
                gpgbinary=session.gpg,
                gnupghome=str(session.directory),
                env=commands.child_environment(session.environment),
                encoding="utf-8",
            )
        # The library runs gpg, and hides what the kernel answers, or that gpg was killed, behind errors of its own.
        except (OSError, ValueError) as error:
            raise SigningError(
                "gpg does not work",
                why=_describe_failure(str(error.__context__ or error)),
                todo="check free space and memory (`altai-build doctor`) and rerun the command",
            ) from error

    def list_secret_keys(self) -> tuple[PublicKey, ...]:
        """The keys whose secret half is in this keyring. Raises SigningError when gpg cannot tell."""
        listed = self._library.list_keys(secret=True)
        if listed.returncode != 0:
            # The library returns what gpg printed, even if gpg failed, and nothing is not the same as no key.
            full = describe_full_disks([self.session.directory, self.home])
            raise SigningError(
                f"gpg cannot list the secret keys of {self.home}",
                why="\n".join(
                    (
                        _gpg_error_text(listed.stderr),
                        f"gpg {commands.describe_exit(listed.returncode)}",
                        *full,
                    )
                ),
                todo="free space there and rerun the command"
                if full
                else "read what gpg says, and rerun the command",
            )
        return tuple(key for entry in listed for key in self._read_public_key(entry["fingerprint"]))

    def find_key(self, public: Sequence[PublicKey]) -> PublicKey:
        """The first of these keys whose secret half is in this keyring; raises SigningError when none is."""
        present = {key.fingerprint for key in self.list_secret_keys()}
        for key in public:
            if key.fingerprint in present:
                return key
        wanted = ", ".join(f"{key.key_id} ({key.uid})" for key in public)
        raise SigningError(
            f"the keyring has no secret key for {wanted}",
            why=f"{self.home} holds {', '.join(sorted(present)) or 'no secret key'}",
            todo=f"restore that directory from your backup of it, or name the workspace that has it (--workspace DIR), "
            f"or import the secret key: gpg --homedir {quote_path(self.home)} --import FILE; "
            "if there is no copy, declare a new key (docs/upgrades.md) and make it with `altai-build keys init NAME`",
        )

    def make_key(self, request: KeyRequest) -> PublicKey:
        """Make a signing key. Raises InputError for a request that gpg would misread, SigningError."""
        request.check()
        fields = dict(KEY_TYPES[request.algorithm])
        fields.update(
            key_usage="sign",
            name_real=request.name,
            name_email=request.email,
            expire_date=request.expires,
        )
        fields.update({"passphrase": request.passphrase} if request.passphrase else {"no_protection": True})
        with file_lock(self.home / ".lock"):
            made = self._library.gen_key(self._library.gen_key_input(**fields))
        if not made.fingerprint:
            full = describe_full_disks([self.session.directory, self.home])
            raise SigningError(
                "gpg did not make the key",
                why="\n".join((_gpg_error_text(made.stderr), *full)),
                todo="check free space and memory (`altai-build doctor`) and rerun the command",
            )
        return self._read_public_key(KeyFingerprint(made.fingerprint))[0]

    def import_key(self, file: Path) -> None:
        """Import a public or secret key; one that is there already is merged with it."""
        with file_lock(self.home / ".lock"):
            self.session.run_gpg("--import", str(file.absolute()))

    def export_public_key(self, key: PublicKey, destination: Path) -> None:
        """Write the armored public key; raises SigningError, and writes nothing, over the file of another key."""
        armored = self._export_key(key.fingerprint)
        if destination.exists():
            present = {other.fingerprint for other in read_public_keys(destination)}
            if present != {key.fingerprint}:
                raise SigningError(
                    f"{destination} holds another key and was not overwritten",
                    why=f"it holds {', '.join(sorted(present))}; the key to write is {key.fingerprint}",
                    todo="move the file away, or name another file under `keys` in repos.yaml",
                )
        write_atomically(destination, armored)

    def list_keygrips(self, key: PublicKey) -> tuple[str, ...]:
        """The agent's names (keygrips) for the secret key and its subkeys."""
        listing = self.session.run_gpg(
            "--with-colons", "--with-keygrip", "--list-secret-keys", key.fingerprint
        )
        rows = (line.split(":") for line in listing.text.splitlines())
        return tuple(row[9] for row in rows if row[0] == "grp")

    def _export_key(self, fingerprint: KeyFingerprint) -> bytes:
        result = self.session.run_gpg(
            "--armor", "--export-options", "export-minimal", "--export", fingerprint
        )
        return result.stdout

    def _read_public_key(self, fingerprint: KeyFingerprint) -> tuple[PublicKey, ...]:
        """The stored public key, read by the parser that reads all key files."""
        return parse_keys(self._export_key(fingerprint))


def _gpg_error_text(stderr: str) -> str:
    """The last lines of gpg's messages, without the status lines meant for programs."""
    lines = [line for line in stderr.splitlines() if line and not line.startswith("[GNUPG:]")]
    return "\n".join(lines[-6:])


def _describe_failure(text: str) -> str:
    """What the library says of a gpg that failed, with a signal by its name instead of as a number below 0."""
    found = re.fullmatch(r"Error invoking gpg: (-\d+): (.*)", text, re.DOTALL)
    if found is None:
        return text
    return "\n".join(filter(None, (f"gpg {commands.describe_exit(int(found[1]))}", found[2].strip())))
