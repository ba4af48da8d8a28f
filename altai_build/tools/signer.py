"""Signing keys in a home of our own, and signatures made with them: GnuPG and rpmsign."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path

import gnupg

from altai_build.errors import InputError, SigningFailed
from altai_build.model.openpgp import PublicKey
from altai_build.model.release import Compat
from altai_build.tools import agent, process
from altai_build.tools.files import file_lock, make_directory, remove_tree, write_or_link, write_whole
from altai_build.tools.gpgv import verify_detached
from altai_build.tools.rpmkeys import read_public_keys

PASSPHRASE_FILE = "ALTAI_BUILD_PASSPHRASE_FILE"  # noqa: S105 (a variable's name)

# Asked for the passphrase of a key, and only when that key is locked.
Passphrase = Callable[[PublicKey], str]

_KEY_TYPES: dict[str, dict[str, object]] = {
    "rsa4096": {"key_type": "RSA", "key_length": 4096},
    "ed25519": {"key_type": "EDDSA", "key_curve": "ed25519"},
}
_EXPIRES = re.compile(r"0|[1-9][0-9]*[dwmy]?|[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SECRETS = "private-keys-v1.d"
_STORED = (_SECRETS, "openpgp-revocs.d")
# For copies locked by a random passphrase only: the least iterations that gpg-agent takes, under a millisecond.
_QUICK_AGENT = "allow-preset-passphrase\ns2k-count 65536\n"
# A socket's path may have 107 bytes (unix(7)); gpg's own names take the last 24 of them.
_LONGEST_SOCKET_FOLDER = 80
_SESSION_PREFIX = "altai-gpg."
_FEW, _MANY = 4, 500  # packages: fewer are not worth a process, more are too many for a command line
_SECONDS_TO_LOCK = 5  # what a session may take from being made to being locked


def check_usable(key: PublicKey, compat: Compat, *, now: datetime | None = None) -> None:
    """Refuse a key whose signatures clients would refuse; raises SigningFailed that says why."""
    moment = now or datetime.now(timezone.utc)
    name = f"the signing key {key.key_id} ({key.uid})"
    if key.revoked:
        raise SigningFailed(f"{name} is revoked", todo="make another one with `altai-build keys init`")
    if key.expires is not None and key.expires <= moment:
        raise SigningFailed(
            f"{name} expired on {key.expires:%Y-%m-%d}",
            why="clients would refuse what it signs",
            todo="extend it (`gpg --quick-set-expire`) and export the public key file again, or make another one",
        )
    if compat is Compat.EL6 and key.algorithm not in ("RSA", "DSA"):
        raise SigningFailed(
            f"{name} is of a kind ({key.algorithm}) that the target's rpm cannot read",
            why="rpm 4.8 of enterprise Linux 6 knows RSA and DSA signatures only",
            todo="sign this target with an RSA key: `altai-build keys init --algorithm rsa4096`",
        )


def passphrase_source(prompt: Passphrase | None) -> Passphrase:
    """Where passphrases come from: the file that ALTAI_BUILD_PASSPHRASE_FILE names, else `prompt` (a person)."""

    def ask(key: PublicKey) -> str:
        given = passphrase_from_file()
        if given is not None:
            return given
        if prompt is None:
            raise SigningFailed(
                f"the signing key {key.key_id} ({key.uid}) is locked",
                why="it has a passphrase, and there is no terminal to ask for it",
                todo=f"put the passphrase into a file only you can read and name it in {PASSPHRASE_FILE}",
            )
        return prompt(key)

    return ask


def passphrase_from_file() -> str | None:
    """The passphrase in the file that ALTAI_BUILD_PASSPHRASE_FILE names; None when it names none."""
    file = os.environ.get(PASSPHRASE_FILE)
    return _passphrase_from(Path(file)) if file else None


def _passphrase_from(file: Path) -> str:
    """The first line of a file that nobody else may read."""
    try:
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SigningFailed(
                f"the passphrase file {file} can be read by others",
                why=f"its permissions are {stat.filemode(file.stat().st_mode)}",
                todo=f"chmod 600 {file}, and change the passphrase if others could have seen it",
            )
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SigningFailed(
            f"the passphrase file {file} cannot be read",
            why=str(error),
            todo=f"correct {PASSPHRASE_FILE}",
        ) from error
    return lines[0] if lines else ""


@contextmanager
def open_home(home: Path) -> Iterator[KeyHome]:
    """The keys stored in `home` (made when missing, 0700), ready for use; no process of it runs on afterwards."""
    make_directory(home, mode=0o700)
    home.chmod(0o700)
    for name in _STORED:
        make_directory(home / name, mode=0o700)
    with ExitStack() as stack:
        session = stack.enter_context(_session(home, ""))
        for name in _STORED:
            (session / name).symlink_to((home / name).absolute())
        yield KeyHome(stored=home, session=session, stack=stack)


@contextmanager
def _session(home: Path, agent_conf: str) -> Iterator[Path]:
    """A short-lived GNUPGHOME with an agent of its own, ended with the block; it uses the public ring of `home`.

    An agent makes its sockets in its GNUPGHOME: the path of a real home may be too long for a socket's name, and of
    two runs that share a home the first to end would take the other's agent with it.
    """
    _clear_abandoned()
    session = Path(tempfile.mkdtemp(prefix=_SESSION_PREFIX, dir=_short_folder()))
    lock = os.open(session, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(lock, fcntl.LOCK_EX)  # says that we are alive, and is gone with us
    try:
        ring = (home / "pubring.kbx").absolute()
        (session / "gpg.conf").write_text(f"no-default-keyring\nkeyring {ring}\ntrust-model always\n")
        (session / "gpg-agent.conf").write_text(agent_conf)
        try:
            yield session
        finally:
            _end(session)
    finally:
        os.close(lock)
        remove_tree(session)


def _end(session: Path) -> None:
    """End the session's agent, and remove its sockets where they are elsewhere."""
    environment = {"GNUPGHOME": str(session)}
    agent.end(_socket(environment))
    process.run(["gpgconf", "--remove-socketdir"], env=environment, ok=())


def _clear_abandoned() -> None:
    """End the agents of runs that were killed before they could: each still has a key open."""
    for folder in Path(_short_folder()).glob(f"{_SESSION_PREFIX}*"):
        try:
            status = folder.lstat()
            if status.st_uid != os.geteuid() or time.time() - status.st_mtime < _SECONDS_TO_LOCK:
                continue
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # another run was quicker, or it is none of ours
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _end(folder)
            remove_tree(folder)
        except BlockingIOError:
            continue  # its run is alive
        finally:
            os.close(lock)


def _socket(environment: dict[str, str]) -> Path:
    """Where the session's agent listens: beside its configuration, or below /run/user where that exists."""
    listing = process.run(["gpgconf", "--list-dirs", "agent-socket"], env=environment)
    return Path(listing.text.strip())


def _short_folder() -> str:
    """The temporary folder, unless its path is too long for a socket."""
    folder = tempfile.gettempdir()
    return folder if len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER else "/tmp"  # noqa: S108


class KeyHome:
    """An open home of signing keys; made by `open_home`, whose block bounds its life."""

    def __init__(self, *, stored: Path, session: Path, stack: ExitStack) -> None:
        self._stored = stored
        self._stack = stack
        self._environment = {"GNUPGHOME": str(session)}
        self._unlocked: dict[str, dict[str, str]] = {}  # fingerprint: the environment in which it can sign
        program = process.find("gpg")
        if program is None:
            raise process.missing("gpg")
        self._gpg = program
        self._library = gnupg.GPG(
            gpgbinary=program,
            gnupghome=str(session),
            env=process.environment(self._environment),
            encoding="utf-8",
        )

    def list_keys(self) -> tuple[PublicKey, ...]:
        """The keys whose secret part is here."""
        listed = self._library.list_keys(secret=True)
        return tuple(key for entry in listed for key in self._public(entry["fingerprint"]))

    def find_key(self, public: Sequence[PublicKey]) -> PublicKey:
        """Which of these keys can sign here; raises SigningFailed when none can."""
        here = {key.fingerprint for key in self.list_keys()}
        for key in public:
            if key.fingerprint in here:
                return key
        wanted = ", ".join(f"{key.key_id} ({key.uid})" for key in public)
        raise SigningFailed(
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
        if not _EXPIRES.fullmatch(expires):
            raise InputError(f"not a time of expiry: {expires}", todo="use 0, 2y, 18m, 90d or 2030-12-31")
        fields = dict(_KEY_TYPES[algorithm])
        fields.update(key_usage="sign", name_real=name, name_email=email, expire_date=expires)
        fields.update({"passphrase": passphrase} if passphrase else {"no_protection": True})
        request = self._library.gen_key_input(**fields)
        with file_lock(self._stored / ".lock"):
            made = self._library.gen_key(request)
        if not made.fingerprint:
            raise SigningFailed("gpg did not make the key", why=_complaint(made.stderr))
        return self._public(made.fingerprint)[0]

    def import_secret_key(self, file: Path) -> PublicKey:
        """Take over an exported secret key, protected as it is; raises SigningFailed when the file holds none."""
        with file_lock(self._stored / ".lock"):
            try:
                imported = self._library.import_keys(file.read_bytes())
            except OSError as error:
                raise InputError(f"cannot read {file}", why=error.strerror or str(error)) from error
        if not getattr(imported, "sec_read", 0) or not imported.fingerprints:
            raise SigningFailed(
                f"{file} holds no secret key",
                why=_complaint(imported.stderr),
                todo="export it with `gpg --armor --export-secret-keys KEYID`",
            )
        return self._public(imported.fingerprints[0])[0]

    def export_public_key(self, key: PublicKey, destination: Path) -> None:
        """Write the armored public key; raises SigningFailed where another key's file is in the way."""
        armored = self._export(key.fingerprint)
        if destination.exists():
            there = {one.fingerprint for one in read_public_keys(destination)}
            if there != {key.fingerprint}:
                raise SigningFailed(
                    f"{destination} holds another key and stays as it is",
                    why=f"it holds {', '.join(sorted(there))}; to be written was {key.fingerprint}",
                    todo="move it away, or give another file under `keys` in repos.yaml",
                )
        write_whole(destination, armored)

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
        session = self._stack.enter_context(_session(self._stored, _QUICK_AGENT))
        (session / _SECRETS).mkdir(mode=0o700)
        for keygrip in keygrips:
            shutil.copy(self._stored / _SECRETS / f"{keygrip}.key", session / _SECRETS)
        environment = {"GNUPGHOME": str(session)}
        process.run(["gpgconf", "--launch", "gpg-agent"], env=environment)
        random = secrets.token_hex(32).encode()
        try:
            with agent.connected(_socket(environment)) as conversation:
                for keygrip in keygrips:
                    conversation.change_passphrase(keygrip, secret, random)
                    conversation.preset(keygrip, random)
        except agent.AgentRefused as error:
            raise SigningFailed(
                f"the signing key {key.key_id} ({key.uid}) does not open",
                why="the passphrase is wrong" if error.wrong_passphrase else error.why,
                todo=f"check the passphrase, or the file named in {PASSPHRASE_FILE}",
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
            _own_inode(path)
        macros = {
            "__gpg": self._gpg,
            "_gpg_name": key.fingerprint,
            "_gpg_digest_algo": "sha256",
            "_gpg_sign_cmd_extra_args": "--batch --pinentry-mode error",
        }
        options = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
        words = ["rpmsign", "--addsign", *(["--rpmv3"] if rpmv3 else []), *options]
        environment = self._signing(key)
        # The agent signs one at a time; what rpmsign and gpg do besides takes as long, and goes on side by side.
        cpus = os.cpu_count() or 1
        parts = max(min(cpus, -(-len(paths) // _FEW)), -(-len(paths) // _MANY))
        names = [[str(path.absolute()) for path in paths[number::parts]] for number in range(parts)]
        try:
            with ThreadPoolExecutor(cpus) as pool:
                list(pool.map(lambda part: process.run([*words, *part], env=environment), names))
        except process.ProgramFailed as error:
            raise _not_signed(key, f"{len(paths)} packages", error) from error

    def detach_sign(self, path: Path, key: PublicKey) -> Path:
        """Write `path`.asc, an armored signature over the file, not durable by itself; raises SigningFailed."""
        signature = path.with_name(f"{path.name}.asc")
        words = ["--batch", "--pinentry-mode", "error", "--armor", "--digest-algo", "SHA256"]
        words += ["--local-user", key.fingerprint, "--output", "-", "--detach-sign", str(path.absolute())]
        try:
            result = process.run([self._gpg, *words], env=self._signing(key))
        except process.ProgramFailed as error:
            raise _not_signed(key, path.name, error) from error
        write_whole(signature, result.stdout, durable=False)
        return signature

    def sign_or_keep(self, path: Path, key: PublicKey, key_file: Path, earlier: Path | None) -> None:
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
            check.good
            and check.fingerprint == key.fingerprint
            and not (check.weaknesses or check.signed_after_expiry)
        ):
            write_or_link(path.with_name(f"{path.name}.asc"), kept.read_bytes(), kept)
        else:
            self.detach_sign(path, key)

    def _can_sign(self, key: PublicKey) -> bool:
        """Try it: only a signature tells whether a key is unlocked."""
        words = ["--batch", "--pinentry-mode", "error", "--local-user", key.fingerprint, "--output", "-"]
        argv = [self._gpg, *words, "--detach-sign", os.devnull]
        return process.run(argv, env=self._signing(key), ok=()).returncode == 0

    def _signing(self, key: PublicKey) -> dict[str, str]:
        return self._unlocked.get(key.fingerprint, self._environment)

    def _keygrips(self, key: PublicKey) -> tuple[str, ...]:
        """The agent's names for the key and its subkeys."""
        listing = self._run(
            self._gpg, "--batch", "--with-colons", "--with-keygrip", "--list-secret-keys", key.fingerprint
        )
        rows = (line.split(":") for line in listing.text.splitlines())
        return tuple(row[9] for row in rows if row[0] == "grp")

    def _export(self, fingerprint: str) -> bytes:
        words = ["--batch", "--armor", "--export-options", "export-minimal", "--export", fingerprint]
        return self._run(self._gpg, *words).stdout

    def _public(self, fingerprint: str) -> tuple[PublicKey, ...]:
        """The stored public key, read by the reader that all key files go through."""
        with tempfile.NamedTemporaryFile(prefix="altai-key.") as file:
            file.write(self._export(fingerprint))
            file.flush()
            return read_public_keys(Path(file.name))

    def _run(self, *argv: str) -> process.Result:
        return process.run(argv, env=self._environment)


def _own_inode(path: Path) -> None:
    """Give the file bytes of its own: a hard link into a published release must never be signed."""
    if path.stat().st_nlink == 1:
        return
    copy = path.with_name(f".{path.name}.own")
    shutil.copy2(path, copy)
    os.replace(copy, path)


def _not_signed(key: PublicKey, what: str, error: process.ProgramFailed) -> SigningFailed:
    return SigningFailed(
        f"{what} could not be signed with {key.key_id} ({key.uid})",
        why=error.why,
        todo="`altai-build keys list` shows which keys there are and whether they are usable",
    )


def _complaint(stderr: str) -> str:
    """gpg's own words without the status lines meant for programs."""
    lines = [line for line in stderr.splitlines() if line and not line.startswith("[GNUPG:]")]
    return "\n".join(lines[-6:])
