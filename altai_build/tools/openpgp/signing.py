"""Unlocked signing keys, and the signatures that rpmsign and gpg make with them."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from altai_build.errors import SigningError, quote_path
from altai_build.model.compat import Compat
from altai_build.model.openpgp import KeyPart, PublicKey
from altai_build.model.quantity import format_count
from altai_build.regular_files import read_regular_file
from altai_build.tools import process, processors
from altai_build.tools.files import link_if_identical_else_write, write_atomically
from altai_build.tools.openpgp.agent import AgentError, connect_agent
from altai_build.tools.openpgp.keyring import Keyring
from altai_build.tools.openpgp.passphrase import PASSPHRASE_FILE_VARIABLE, Passphrase
from altai_build.tools.openpgp.session import PRIVATE_KEYS_DIR, GpgSession, open_session
from altai_build.tools.openpgp.verify import verify_all_detached

# For a copy that is locked by a random passphrase: the fewest iterations that gpg-agent accepts, under a millisecond.
_AGENT_CONFIG = "allow-preset-passphrase\ns2k-count 65536\n"
# Packages per rpmsign process: fewer are not worth a process, more do not fit on a command line.
_MIN_BATCH, _MAX_BATCH = 4, 500


def check_signing_key(key: PublicKey, compat: Compat, home: Path, *, now: datetime | None = None) -> None:
    """Raise SigningError, with the reason, for a key whose signatures the target's clients would refuse.

    `home` is the directory of the keyring that has the key: what the advice is about.
    """
    name = f"the signing key {key.key_id} ({key.uid})"
    part = _find_signing_part(
        key, name, f"gpg --homedir {quote_path(home)}", now or datetime.now(timezone.utc)
    )
    if compat is Compat.EL6 and part.algorithm not in ("RSA", "DSA"):
        raise SigningError(
            f"{name} signs with {part.algorithm}, which the target's rpm cannot read",
            why="rpm 4.8 of Enterprise Linux 6 reads RSA and DSA signatures only",
            todo="sign this target with an RSA key: `altai-build keys init --algorithm rsa4096`",
        )


def _find_signing_part(key: PublicKey, name: str, gpg: str, now: datetime) -> KeyPart:
    """What gpg signs with: the newest valid subkey for signing, else the primary key. Raises SigningError."""
    export = f"export the public key file again (`{gpg} --armor --export {key.fingerprint}`)"
    if key.revoked:
        raise SigningError(f"{name} is revoked", todo="make another key with `altai-build keys init`")
    if key.expires is not None and key.expires <= now:
        raise SigningError(
            f"{name} expired on {key.expires:%Y-%m-%d}",
            why="clients refuse signatures by an expired key",
            todo=f"extend it (`{gpg} --quick-set-expire {key.fingerprint} 2y`) and {export}, or make another key",
        )
    for part in key.signing_parts:
        if part.expires is None or part.expires > now:
            return part
    ends = [f"its subkey {part.key_id} expired on {part.expires:%Y-%m-%d}" for part in key.signing_parts]
    ends += [f"its subkey {part.key_id} is revoked" for part in key.parts if part.can_sign and part.revoked]
    raise SigningError(
        f"{name} has no valid subkey for signing",
        why="\n".join(ends) or "neither the key nor any of its subkeys is for signing",
        todo=f"extend the subkey (`{gpg} --quick-set-expire {key.fingerprint} 2y SUBKEY`) or add one "
        f"(`{gpg} --quick-add-key {key.fingerprint} rsa4096 sign`), and {export}",
    )


@dataclass(frozen=True)
class SigningKey:
    """A key that signs without a passphrase until the block of `unlock` ends.

    `file` is the public key file that clients get: what the key signs must verify with that file alone. `session` is
    the gpg session that holds the secret key.
    """

    public: PublicKey
    file: Path
    session: GpgSession

    def sign_rpms(self, paths: Sequence[Path], *, rpmv3: bool = False) -> None:
        """Sign these packages in place, in several processes; hard links to the same files keep their bytes.

        `rpmv3` adds the signatures over header and payload that rpm before 4.14 needs to check a whole package.
        Raises SigningError; discard the packages then, because rpmsign may have signed only some of them.
        """
        if not paths:
            return
        for path in paths:
            _break_hard_link(path)
        macros = {
            "__gpg": self.session.gpg,
            "_gpg_name": self.public.fingerprint,
            "_gpg_digest_algo": "sha256",
            "_gpg_sign_cmd_extra_args": "--batch --pinentry-mode error",
        }
        options = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
        command = ["rpmsign", "--addsign", *(["--rpmv3"] if rpmv3 else []), *options]
        # The agent makes one signature at a time; the rest of the work takes as long, and runs in parallel.
        workers = processors.available()
        count = max(min(workers, -(-len(paths) // _MIN_BATCH)), -(-len(paths) // _MAX_BATCH))
        batches = [[str(path.absolute()) for path in paths[number::count]] for number in range(count)]

        def sign(batch: list[str]) -> None:
            process.run([*command, *batch], env=self.session.environment)

        try:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(sign, batches))
        except process.ProgramFailed as error:
            raise self._make_error(format_count(len(paths), "package"), error) from error

    def sign_detached(self, path: Path) -> Path:
        """Write the armored signature `path`.asc, without flushing it to disk; raises SigningError."""
        signature = path.with_name(f"{path.name}.asc")
        options = ["--pinentry-mode", "error", "--armor", "--digest-algo", "SHA256"]
        options += ["--local-user", self.public.fingerprint, "--output", "-"]
        try:
            result = self.session.run_gpg(*options, "--detach-sign", str(path.absolute()))
        except process.ProgramFailed as error:
            raise self._make_error(path.name, error) from error
        write_atomically(signature, result.stdout, durable=False)
        return signature

    def sign_or_reuse(self, path: Path, previous: Path | None) -> None:
        """`sign_or_reuse_all` for one file."""
        self.sign_or_reuse_all({path: previous})

    def sign_or_reuse_all(self, files: Mapping[Path, Path | None]) -> None:
        """Write `path`.asc of each: the signature beside `previous` if that is the same file as `path`, else a new one.

        `previous` is the file in the previous release. Its signature is reused only when it is good for a client that
        has `file` alone, was made by this key, and is not weak. All are checked together. Raises SigningError.
        """
        signatures = {
            path: previous.with_name(f"{previous.name}.asc")
            for path, previous in files.items()
            if previous is not None and previous.exists() and os.path.samefile(path, previous)
        }
        checks = verify_all_detached(list(signatures.items()), [self.file])
        good = {
            path
            for path, check in zip(signatures, checks)
            if check.is_good and check.fingerprint == self.public.fingerprint and not check.weaknesses
        }

        def write(path: Path) -> None:
            if path not in good:
                self.sign_detached(path)
                return
            signature = signatures[path]
            link_if_identical_else_write(
                path.with_name(f"{path.name}.asc"), read_regular_file(signature), signature
            )

        with ThreadPoolExecutor(processors.available()) as pool:
            list(pool.map(write, files))

    def _make_error(self, what: str, error: process.ProgramFailed) -> SigningError:
        return SigningError(
            f"cannot sign {what} with the key {self.public.key_id} ({self.public.uid})",
            why=error.why,
            todo="list the keys, and which of them can sign, with `altai-build keys list`",
        )


@contextmanager
def unlock(keyring: Keyring, key: PublicKey, file: Path, passphrase: Passphrase) -> Iterator[SigningKey]:
    """Unlock a key of the keyring until the block ends; `passphrase` is called only if the key is locked.

    `file` is the public key file that clients get. Raises SigningError for a wrong passphrase and for
    a key that gpg cannot use.
    """
    if not keyring.session.is_locked(key.fingerprint):
        yield SigningKey(public=key, file=file, session=keyring.session)
        return
    secret = passphrase(key).encode()
    with _open_unlocked_session(keyring, key, secret) as session:
        yield SigningKey(public=key, file=file, session=session)


@contextmanager
def _open_unlocked_session(keyring: Keyring, key: PublicKey, secret: bytes) -> Iterator[GpgSession]:
    """A session with a copy of the key that the agent unlocks quickly.

    An agent that knows a passphrase derives the key from it again for every signature, which takes 0.4 s by design and
    makes signing 14 times slower. So the copy is locked by a random passphrase that needs no such hardening and that
    only the memory of this session's agent holds.
    """
    keygrips = keyring.list_keygrips(key)
    with open_session(keyring.home, _AGENT_CONFIG) as session:
        folder = session.directory / PRIVATE_KEYS_DIR
        folder.mkdir(mode=0o700)
        for keygrip in keygrips:
            shutil.copy(keyring.home / PRIVATE_KEYS_DIR / f"{keygrip}.key", folder)
        process.run(["gpgconf", "--launch", "gpg-agent"], env=session.environment)
        random = secrets.token_hex(32).encode()
        try:
            with connect_agent(session.agent_socket) as agent:
                for keygrip in keygrips:
                    agent.change_passphrase(keygrip, secret, random)
                    agent.cache_passphrase(keygrip, random)
        except AgentError as error:
            raise SigningError(
                f"cannot unlock the signing key {key.key_id} ({key.uid})",
                why="the passphrase is wrong" if error.wrong_passphrase else error.why,
                todo=f"check the passphrase, or the file named in {PASSPHRASE_FILE_VARIABLE}",
            ) from error
        yield session


def _break_hard_link(path: Path) -> None:
    """Give the file an inode of its own: rpmsign must not change a file that a published release links to."""
    if path.stat().st_nlink == 1:
        return
    copy = path.with_name(f".{path.name}.own")
    shutil.copy2(path, copy)
    os.replace(copy, path)
