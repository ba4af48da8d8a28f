"""Signing keys in a home of our own, and signatures made with them: GnuPG and rpmsign."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path

import gnupg

from altai_build.errors import InputError, SigningError
from altai_build.model.openpgp import PublicKey
from altai_build.model.release import Compat
from altai_build.tools import process, processors
from altai_build.tools.files import file_lock, link_if_identical_else_write, make_directory, write_atomically
from altai_build.tools.openpgp import agent
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.passphrase import PASSPHRASE_FILE_VARIABLE, Passphrase
from altai_build.tools.openpgp.session import agent_socket, open_session
from altai_build.tools.openpgp.verify import verify_detached

_KEY_TYPES: dict[str, dict[str, object]] = {
    "rsa4096": {"key_type": "RSA", "key_length": 4096},
    "ed25519": {"key_type": "EDDSA", "key_curve": "ed25519"},
}
_EXPIRY_PATTERN = re.compile(r"0|[1-9][0-9]*[dwmy]?|[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PRIVATE_KEYS_DIR = "private-keys-v1.d"
_STORED_PATHS = (_PRIVATE_KEYS_DIR, "openpgp-revocs.d")
# For copies locked by a random passphrase only: the least iterations that gpg-agent takes, under a millisecond.
_AGENT_CONFIG = "allow-preset-passphrase\ns2k-count 65536\n"
_MIN_BATCH, _MAX_BATCH = (
    4,
    500,
)  # packages: fewer are not worth a process, more are too many for a command line


def check_signing_key(key: PublicKey, compat: Compat, *, now: datetime | None = None) -> None:
    """Refuse a key whose signatures clients would refuse; raises SigningFailed that says why."""
    moment = now or datetime.now(timezone.utc)
    name = f"the signing key {key.key_id} ({key.uid})"
    if key.revoked:
        raise SigningError(f"{name} is revoked", todo="make another one with `altai-build keys init`")
    if key.expires is not None and key.expires <= moment:
        raise SigningError(
            f"{name} expired on {key.expires:%Y-%m-%d}",
            why="clients would refuse what it signs",
            todo="extend it (`gpg --quick-set-expire`) and export the public key file again, or make another one",
        )
    if compat is Compat.EL6 and key.algorithm not in ("RSA", "DSA"):
        raise SigningError(
            f"{name} is of a kind ({key.algorithm}) that the target's rpm cannot read",
            why="rpm 4.8 of enterprise Linux 6 knows RSA and DSA signatures only",
            todo="sign this target with an RSA key: `altai-build keys init --algorithm rsa4096`",
        )


@contextmanager
def open_keyring(home: Path) -> Iterator[Keyring]:
    """The keys stored in `home` (made when missing, 0700), ready for use; no process of it runs on afterwards."""
    make_directory(home, mode=0o700)
    home.chmod(0o700)
    for name in _STORED_PATHS:
        make_directory(home / name, mode=0o700)
    with ExitStack() as stack:
        session = stack.enter_context(open_session(home, ""))
        for name in _STORED_PATHS:
            (session / name).symlink_to((home / name).absolute())
        yield Keyring(stored=home, session=session, stack=stack)


class Keyring:
    """An open home of signing keys; made by `open_keyring`, whose block bounds its life."""

    def __init__(self, *, stored: Path, session: Path, stack: ExitStack) -> None:
        self._stored = stored
        self._stack = stack
        self._environment = {"GNUPGHOME": str(session)}
        self._unlocked: dict[str, dict[str, str]] = {}  # fingerprint: the environment in which it can sign
        program = process.find_program("gpg")
        if program is None:
            raise process.program_missing_error("gpg")
        self._gpg = program
        self._library = gnupg.GPG(
            gpgbinary=program,
            gnupghome=str(session),
            env=process.child_environment(self._environment),
            encoding="utf-8",
        )

    def list_keys(self) -> tuple[PublicKey, ...]:
        """The keys whose secret part is here."""
        listed = self._library.list_keys(secret=True)
        return tuple(key for entry in listed for key in self._read_public_key(entry["fingerprint"]))

    def find_key(self, public: Sequence[PublicKey]) -> PublicKey:
        """Which of these keys can sign here; raises SigningFailed when none can."""
        here = {key.fingerprint for key in self.list_keys()}
        for key in public:
            if key.fingerprint in here:
                return key
        wanted = ", ".join(f"{key.key_id} ({key.uid})" for key in public)
        raise SigningError(
            f"there is no secret key for {wanted}",
            why=f"{self._stored} holds {', '.join(sorted(here)) or 'no secret key'}",
            todo="make one with `altai-build keys init`, or import the existing one into that folder",
        )

    def make_key(
        self,
        *,
        name: str,
        email: str,
        algorithm: str = "rsa4096",
        passphrase: str | None = None,
        expires: str = "0",
    ) -> PublicKey:
        """Make a signing key; `expires` is gpg's: 0 for never, `2y`, or a date. Raises InputError or SigningFailed."""
        for what, text in (("name", name), ("email", email), ("passphrase", passphrase or "")):
            if any(character < " " for character in text):  # it becomes one line of gpg's input
                raise InputError(f"the key's {what} may not hold control characters")
        if algorithm not in _KEY_TYPES:
            raise InputError(f"no such kind of key: {algorithm}", todo=f"use one of {', '.join(_KEY_TYPES)}")
        if not _EXPIRY_PATTERN.fullmatch(expires):
            raise InputError(f"not a time of expiry: {expires}", todo="use 0, 2y, 18m, 90d or 2030-12-31")
        fields = dict(_KEY_TYPES[algorithm])
        fields.update(key_usage="sign", name_real=name, name_email=email, expire_date=expires)
        fields.update({"passphrase": passphrase} if passphrase else {"no_protection": True})
        request = self._library.gen_key_input(**fields)
        with file_lock(self._stored / ".lock"):
            made = self._library.gen_key(request)
        if not made.fingerprint:
            raise SigningError("gpg did not make the key", why=_gpg_error_text(made.stderr))
        return self._read_public_key(made.fingerprint)[0]

    def import_secret_key(self, file: Path) -> PublicKey:
        """Take over an exported secret key, protected as it is; raises SigningFailed when the file holds none."""
        with file_lock(self._stored / ".lock"):
            try:
                imported = self._library.import_keys(file.read_bytes())
            except OSError as error:
                raise InputError(f"cannot read {file}", why=error.strerror or str(error)) from error
        if not getattr(imported, "sec_read", 0) or not imported.fingerprints:
            raise SigningError(
                f"{file} holds no secret key",
                why=_gpg_error_text(imported.stderr),
                todo="export it with `gpg --armor --export-secret-keys KEYID`",
            )
        return self._read_public_key(imported.fingerprints[0])[0]

    def export_public_key(self, key: PublicKey, destination: Path) -> None:
        """Write the armored public key; raises SigningFailed where another key's file is in the way."""
        armored = self._export_key(key.fingerprint)
        if destination.exists():
            there = {one.fingerprint for one in read_public_keys(destination)}
            if there != {key.fingerprint}:
                raise SigningError(
                    f"{destination} holds another key and stays as it is",
                    why=f"it holds {', '.join(sorted(there))}; to be written was {key.fingerprint}",
                    todo="move it away, or give another file under `keys` in repos.yaml",
                )
        write_atomically(destination, armored)

    def unlock(self, key: PublicKey, passphrase: Passphrase) -> None:
        """Open the key for the rest of the block; `passphrase` is asked only if it is locked.

        An agent that knows a passphrase still turns it into a key for every signature, which takes 0.4 s by intent and
        makes signing 14 times slower. So the session gets a copy of the locked key, locked by a random passphrase that
        needs no such hardening and that only our agent's memory knows. Raises SigningFailed for a wrong passphrase.
        """
        if self._can_sign(key):
            return
        secret = passphrase(key).encode()
        keygrips = self._keygrips(key)
        session = self._stack.enter_context(open_session(self._stored, _AGENT_CONFIG))
        (session / _PRIVATE_KEYS_DIR).mkdir(mode=0o700)
        for keygrip in keygrips:
            shutil.copy(self._stored / _PRIVATE_KEYS_DIR / f"{keygrip}.key", session / _PRIVATE_KEYS_DIR)
        environment = {"GNUPGHOME": str(session)}
        process.run(["gpgconf", "--launch", "gpg-agent"], env=environment)
        random = secrets.token_hex(32).encode()
        try:
            with agent.connect_agent(agent_socket(environment)) as conversation:
                for keygrip in keygrips:
                    conversation.change_passphrase(keygrip, secret, random)
                    conversation.cache_passphrase(keygrip, random)
        except agent.AgentError as error:
            raise SigningError(
                f"the signing key {key.key_id} ({key.uid}) does not open",
                why="the passphrase is wrong" if error.wrong_passphrase else error.why,
                todo=f"check the passphrase, or the file named in {PASSPHRASE_FILE_VARIABLE}",
            ) from error
        self._unlocked[key.fingerprint] = environment

    def sign_rpms(self, paths: Sequence[Path], key: PublicKey, *, rpmv3: bool = False) -> None:
        """Sign these files in place, in a few processes; other names of the same files keep their bytes.

        `rpmv3` adds the signatures over header and payload that rpm before 4.14 needs to check a whole package.
        Raises SigningFailed; what rpmsign leaves half done is then to be thrown away.
        """
        if not paths:
            return
        for path in paths:
            _break_hard_link(path)
        macros = {
            "__gpg": self._gpg,
            "_gpg_name": key.fingerprint,
            "_gpg_digest_algo": "sha256",
            "_gpg_sign_cmd_extra_args": "--batch --pinentry-mode error",
        }
        options = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
        words = ["rpmsign", "--addsign", *(["--rpmv3"] if rpmv3 else []), *options]
        environment = self._signing_options(key)
        # The agent signs one at a time; what rpmsign and gpg do besides takes as long, and goes on side by side.
        cpus = processors.available()
        parts = max(min(cpus, -(-len(paths) // _MIN_BATCH)), -(-len(paths) // _MAX_BATCH))
        names = [[str(path.absolute()) for path in paths[number::parts]] for number in range(parts)]
        try:
            with ThreadPoolExecutor(cpus) as pool:
                list(pool.map(lambda part: process.run([*words, *part], env=environment), names))
        except process.ProgramFailed as error:
            raise _signing_error(key, f"{len(paths)} packages", error) from error

    def detach_sign(self, path: Path, key: PublicKey) -> Path:
        """Write `path`.asc, an armored signature over the file, not durable by itself; raises SigningFailed."""
        signature = path.with_name(f"{path.name}.asc")
        words = ["--batch", "--pinentry-mode", "error", "--armor", "--digest-algo", "SHA256"]
        words += ["--local-user", key.fingerprint, "--output", "-", "--detach-sign", str(path.absolute())]
        try:
            result = process.run([self._gpg, *words], env=self._signing_options(key))
        except process.ProgramFailed as error:
            raise _signing_error(key, path.name, error) from error
        write_atomically(signature, result.stdout, durable=False)
        return signature

    def sign_or_reuse(self, path: Path, key: PublicKey, key_file: Path, earlier: Path | None) -> None:
        """`detach_sign`, but for a file that is the very file `earlier`: the signature there is taken over with it.

        It must be good, and of no weak kind, for who has `key_file` alone; else it is made anew, as it is where `key`
        has taken the place of another. Raises SigningFailed.
        """
        if earlier is None or not earlier.exists() or not os.path.samefile(path, earlier):
            self.detach_sign(path, key)
            return
        kept = earlier.with_name(f"{earlier.name}.asc")
        check = verify_detached(path, kept, [key_file])
        if (
            check.is_good
            and check.fingerprint == key.fingerprint
            and not (check.weaknesses or check.signed_after_expiry)
        ):
            link_if_identical_else_write(path.with_name(f"{path.name}.asc"), kept.read_bytes(), kept)
        else:
            self.detach_sign(path, key)

    def _can_sign(self, key: PublicKey) -> bool:
        """Try it: only a signature tells whether a key is unlocked."""
        words = ["--batch", "--pinentry-mode", "error", "--local-user", key.fingerprint, "--output", "-"]
        argv = [self._gpg, *words, "--detach-sign", os.devnull]
        return process.run(argv, env=self._signing_options(key), ok=()).returncode == 0

    def _signing_options(self, key: PublicKey) -> dict[str, str]:
        return self._unlocked.get(key.fingerprint, self._environment)

    def _keygrips(self, key: PublicKey) -> tuple[str, ...]:
        """The agent's names for the key and its subkeys."""
        listing = self._run_gpg(
            self._gpg, "--batch", "--with-colons", "--with-keygrip", "--list-secret-keys", key.fingerprint
        )
        rows = (line.split(":") for line in listing.text.splitlines())
        return tuple(row[9] for row in rows if row[0] == "grp")

    def _export_key(self, fingerprint: str) -> bytes:
        words = ["--batch", "--armor", "--export-options", "export-minimal", "--export", fingerprint]
        return self._run_gpg(self._gpg, *words).stdout

    def _read_public_key(self, fingerprint: str) -> tuple[PublicKey, ...]:
        """The stored public key, read by the reader that all key files go through."""
        with tempfile.NamedTemporaryFile(prefix="altai-key.") as file:
            file.write(self._export_key(fingerprint))
            file.flush()
            return read_public_keys(Path(file.name))

    def _run_gpg(self, *argv: str) -> process.ProcessResult:
        return process.run(argv, env=self._environment)


def _break_hard_link(path: Path) -> None:
    """Give the file bytes of its own: a hard link into a published release must never be signed."""
    if path.stat().st_nlink == 1:
        return
    copy = path.with_name(f".{path.name}.own")
    shutil.copy2(path, copy)
    os.replace(copy, path)


def _signing_error(key: PublicKey, what: str, error: process.ProgramFailed) -> SigningError:
    return SigningError(
        f"{what} could not be signed with {key.key_id} ({key.uid})",
        why=error.why,
        todo="`altai-build keys list` shows which keys there are and whether they are usable",
    )


def _gpg_error_text(stderr: str) -> str:
    """gpg's own words without the status lines meant for programs."""
    lines = [line for line in stderr.splitlines() if line and not line.startswith("[GNUPG:]")]
    return "\n".join(lines[-6:])
