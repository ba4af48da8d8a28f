"""gpg sessions: a private GNUPGHOME with an agent of its own, removed at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import AltaiError, SigningError
from altai_build.model.openpgp import KeyFingerprint
from altai_build.tools import commands, process
from altai_build.tools.files import remove_tree, scratch_directory
from altai_build.tools.leftovers import find_temporary_parent, list_own_abandoned
from altai_build.tools.openpgp.agent import end_agent

PRIVATE_KEYS_DIR = "private-keys-v1.d"  # gpg-agent(1): one file a secret key, named by its keygrip
_SESSION_PREFIX = "altai-gpg"
# A socket's path may have 107 bytes (unix(7)); gpg's own names take the last 24 of them.
_MAX_SOCKET_DIR_LENGTH = 80
# Waits until the process that started it is gone: then the kernel closes the pipe that `cat` reads, whatever has ended
# the process. A signal to end it means the same.
_WATCHER = """\
trap : TERM
cat >/dev/null
[ -d "$1" ] || exit 0
gpgconf --homedir "$1" --kill all
gpgconf --homedir "$1" --remove-socketdir
rm -rf -- "$1"
"""
_WATCHER_GRACE = 10.0  # seconds


@dataclass(frozen=True)
class GpgSession:
    """A GNUPGHOME in use: `directory` holds its configuration and secret keys, `gpg` is the program's full path."""

    directory: Path
    gpg: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that make gpg, rpmsign and gpgconf use this session."""
        return {"GNUPGHOME": str(self.directory)}

    @property
    def agent_socket(self) -> Path:
        """Where the session's agent listens: beside its configuration, or below /run/user where that exists."""
        return _find_agent_socket(self.environment)

    def run_gpg(self, *options: str) -> process.ProcessResult:
        """Run gpg in this session without any question to the user. Raises ProgramFailed when gpg fails."""
        return process.run(self._gpg_command(options), env=self.environment)

    def is_locked(self, fingerprint: KeyFingerprint) -> bool:
        """True when the secret key needs a passphrase: only a signature tells.

        Raises SigningError when gpg cannot sign with the key for another reason: it is not here, or not valid.
        """
        # gpg removes the file of an unfinished --output, even a device: so it goes to a pipe.
        options = [
            "--pinentry-mode",
            "error",
            "--local-user",
            fingerprint,
            "--output",
            "-",
            "--status-fd",
            "2",
        ]
        command = self._gpg_command([*options, "--detach-sign", os.devnull])
        result = process.run(command, env=self.environment, ok=process.ANY_STATUS)
        if result.returncode == 0:
            return False
        # doc/DETAILS of GnuPG: gpg has chosen a key that it has and that is valid.
        if b"[GNUPG:] BEGIN_SIGNING" in result.stderr:
            return True
        lines = result.error_text.splitlines()
        raise SigningError(
            f"gpg cannot sign with the key {fingerprint}",
            why="\n".join(line for line in lines if not line.startswith("[GNUPG:]")),
            todo="`altai-build keys list` shows whether the key is here and when it expires",
        )

    def _gpg_command(self, options: Sequence[str]) -> list[str]:
        return [self.gpg, "--batch", *options]


@contextmanager
def open_session(home: Path, agent_conf: str) -> Iterator[GpgSession]:
    """A short-lived GNUPGHOME with an agent of its own, ended with the block; it uses the public ring of `home`.

    An agent makes its sockets in its GNUPGHOME: the path of a real home may be too long for a socket's name, and of
    two runs that share a home the first to end would end the other's agent. `agent_conf` is the text of
    gpg-agent.conf. The agent ends with this process, too, however that ends. Raises MissingToolError without gpg.
    """
    gpg = commands.find_program("gpg")
    if gpg is None:
        raise commands.program_missing_error("gpg")
    _end_abandoned_agents()
    with scratch_directory(_find_short_temporary_parent(), _SESSION_PREFIX) as directory:
        ring = (home / "pubring.kbx").absolute()
        (directory / "gpg.conf").write_text(f"no-default-keyring\nkeyring {ring}\ntrust-model always\n")
        (directory / "gpg-agent.conf").write_text(agent_conf)
        watcher = ["sh", "-c", _WATCHER, "altai-gpg-watcher", str(directory)]
        with process.start_child(watcher, input=b"", grace=_WATCHER_GRACE):
            try:
                yield GpgSession(directory=directory, gpg=gpg)
            finally:
                # What cannot be ended now, the watcher ends. The work of the block is done all the same.
                with suppress(AltaiError, OSError):
                    _end_session(directory)
                    remove_tree(directory)


def _end_session(directory: Path) -> None:
    """End the session's agent, and remove its sockets where they are elsewhere."""
    environment = {"GNUPGHOME": str(directory)}
    end_agent(_find_agent_socket(environment))
    process.run(["gpgconf", "--remove-socketdir"], env=environment, ok=process.ANY_END)


def _end_abandoned_agents() -> None:
    """End the agents that killed runs left behind: each may hold an unlocked key."""
    for folder in list_own_abandoned(_find_short_temporary_parent(), f"{_SESSION_PREFIX}.*"):
        _end_session(folder)
        remove_tree(folder)


def _find_agent_socket(environment: dict[str, str]) -> Path:
    listing = process.run(["gpgconf", "--list-dirs", "agent-socket"], env=environment)
    return Path(listing.text.strip())


def _find_short_temporary_parent() -> Path:
    """Where temporary files go, unless its path is too long for a socket."""
    folder = find_temporary_parent()
    return folder if len(os.fsencode(folder)) <= _MAX_SOCKET_DIR_LENGTH else Path("/tmp")  # noqa: S108
