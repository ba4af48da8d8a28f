"""Talk to a running gpg-agent in its own protocol (Assuan), so that no secret becomes an argument or a file."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from altai_build.errors import AltaiError

# Assuan allows 1,000 bytes a line, and escaping may triple the data.
_DATA_LINE_SIZE = 300
# GPG_ERR_BAD_PASSPHRASE; the upper half of an error code names the part of GnuPG that it comes from.
_BAD_PASSPHRASE_CODE = 11
_END_TIMEOUT = 5.0


class AgentError(AltaiError):
    """The agent answered ERR; `wrong_passphrase` is true when the user's passphrase is the reason."""

    exit_code = 6

    def __init__(self, answer: str) -> None:
        code, _, text = answer.partition(" ")
        self.wrong_passphrase = code.isdigit() and int(code) & 0xFFFF == _BAD_PASSPHRASE_CODE
        super().__init__("gpg-agent reported an error", why=text or answer)


def end_agent(path: Path) -> None:
    """End the agent that listens on this socket, if there is one, and wait until its process is gone."""
    if not path.is_socket():
        return
    try:
        with connect_agent(path) as agent:
            pid = int(agent.send_command("GETINFO pid"))
            agent.send_command("KILLAGENT")
    except OSError:
        return  # no process listens on the socket any more
    deadline = time.monotonic() + _END_TIMEOUT
    while _is_alive(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.005)


def _is_alive(pid: int) -> bool:
    """False for a process that has ended, even if its parent has not waited for it: its command line is empty."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


@contextmanager
def connect_agent(path: Path) -> Iterator[Agent]:
    """A connection to the agent that listens on this socket. Raises OSError when none does."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        agent = Agent(connection)
        try:
            agent.send_command("OPTION pinentry-mode=loopback")
            yield agent
        finally:
            agent.close()


class Agent:
    """One connection to a gpg-agent."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("rb")
        self._read_response({})

    def close(self) -> None:
        """Release the reader of the connection; the socket itself belongs to the caller."""
        self._lines.close()

    def send_command(self, command: str, answers: Mapping[str, bytes] | None = None) -> bytes:
        """Send one command and return its data; `answers` maps the agent's inquiries to data. Raises AgentError."""
        self._connection.sendall(command.encode() + b"\n")
        return self._read_response(answers or {})

    def change_passphrase(self, keygrip: str, old: bytes, new: bytes) -> None:
        """Protect the stored key by another passphrase, with the agent's own count of iterations."""
        self.send_command(f"PASSWD {keygrip}", {"PASSPHRASE": old, "NEW_PASSPHRASE": new})

    def cache_passphrase(self, keygrip: str, passphrase: bytes) -> None:
        """Make the agent remember the key's passphrase as long as it runs."""
        self.send_command(f"PRESET_PASSPHRASE {keygrip} -1 {passphrase.hex().upper()}")

    def _read_response(self, answers: Mapping[str, bytes]) -> bytes:
        """The data of the response, after answering the agent's inquiries."""
        data = b""
        for line in self._lines:
            word, _, rest = line.rstrip(b"\n").partition(b" ")
            if word == b"OK":
                return data
            if word == b"ERR":
                raise AgentError(rest.decode("utf-8", "replace"))
            if word == b"D":
                data += rest
            if word == b"INQUIRE":
                self._send_data(answers.get(rest.decode().split(" ")[0]))
        raise AgentError("0 the agent closed the connection")

    def _send_data(self, data: bytes | None) -> None:
        """Answer an inquiry; None cancels it."""
        if data is None:
            self._connection.sendall(b"CAN\n")
            return
        pieces = [
            _escape(data[start : start + _DATA_LINE_SIZE]) for start in range(0, len(data), _DATA_LINE_SIZE)
        ] or [b""]
        self._connection.sendall(b"".join(b"D " + piece + b"\n" for piece in pieces) + b"END\n")


def _escape(data: bytes) -> bytes:
    return data.replace(b"%", b"%25").replace(b"\r", b"%0D").replace(b"\n", b"%0A")
