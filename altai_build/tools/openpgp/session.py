"""gpg sessions: a private home with an agent of its own, removed at the end."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from altai_build.tools import process
from altai_build.tools.files import remove_tree
from altai_build.tools.openpgp import agent

# A socket's path may have 107 bytes (unix(7)); gpg's own names take the last 24 of them.
_MAX_SOCKET_DIR_LENGTH = 80


_SESSION_PREFIX = "altai-gpg."


_LOCK_TIMEOUT = 5  # what a session may take from being made to being locked


@contextmanager
def open_session(home: Path, agent_conf: str) -> Iterator[Path]:
    """A short-lived GNUPGHOME with an agent of its own, ended with the block; it uses the public ring of `home`.

    An agent makes its sockets in its GNUPGHOME: the path of a real home may be too long for a socket's name, and of
    two runs that share a home the first to end would take the other's agent with it.
    """
    _end_abandoned_agents()
    session = Path(tempfile.mkdtemp(prefix=_SESSION_PREFIX, dir=_short_temporary_directory()))
    lock = os.open(session, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(lock, fcntl.LOCK_EX)  # says that we are alive, and is gone with us
    try:
        ring = (home / "pubring.kbx").absolute()
        (session / "gpg.conf").write_text(f"no-default-keyring\nkeyring {ring}\ntrust-model always\n")
        (session / "gpg-agent.conf").write_text(agent_conf)
        try:
            yield session
        finally:
            _end_session(session)
    finally:
        os.close(lock)
        remove_tree(session)


def _end_session(session: Path) -> None:
    """End the session's agent, and remove its sockets where they are elsewhere."""
    environment = {"GNUPGHOME": str(session)}
    agent.end(agent_socket(environment))
    process.run(["gpgconf", "--remove-socketdir"], env=environment, ok=())


def _end_abandoned_agents() -> None:
    """End the agents of runs that were killed before they could: each still has a key open."""
    for folder in Path(_short_temporary_directory()).glob(f"{_SESSION_PREFIX}*"):
        try:
            status = folder.lstat()
            if status.st_uid != os.geteuid() or time.time() - status.st_mtime < _LOCK_TIMEOUT:
                continue
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # another run was quicker, or it is none of ours
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _end_session(folder)
            remove_tree(folder)
        except BlockingIOError:
            continue  # its run is alive
        finally:
            os.close(lock)


def agent_socket(environment: dict[str, str]) -> Path:
    """Where the session's agent listens: beside its configuration, or below /run/user where that exists."""
    listing = process.run(["gpgconf", "--list-dirs", "agent-socket"], env=environment)
    return Path(listing.text.strip())


def _short_temporary_directory() -> str:
    """The temporary folder, unless its path is too long for a socket."""
    folder = tempfile.gettempdir()
    return folder if len(os.fsencode(folder)) <= _MAX_SOCKET_DIR_LENGTH else "/tmp"  # noqa: S108
