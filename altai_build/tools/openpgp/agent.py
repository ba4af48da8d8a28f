"""A running gpg-agent, spoken to in its own protocol (Assuan): a secret must not become an argument or a file."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from altai_build.errors import AltaiError

_DATA_LINE_SIZE = 300  # Assuan allows 1,000 bytes a line, and escaping may treble them
_BAD_PASSPHRASE_CODE = (
    11  # GPG_ERR_BAD_PASSPHRASE; the upper half of a code names the part of GnuPG it comes from
)


class AgentError(AltaiError):
    """The agent answered ERR; `wrong_passphrase` tells the one case that is the user's."""

    exit_code = 6

    def __init__(self, answer: str) -> None:
        code, _, text = answer.partition(" ")
        self.wrong_passphrase = code.isdigit() and int(code) & 0xFFFF == _BAD_PASSPHRASE_CODE
        super().__init__("gpg-agent refused", why=text or answer)


_END_TIMEOUT = 5.0


def end(path: Path) -> None:
    """End the agent that listens on this socket, if there is one, and see it gone."""
    if not path.is_socket():
        return
    try:
        with connect_agent(path) as agent:
            pid = int(agent.send_command("GETINFO pid"))
            agent.send_command("KILLAGENT")
    except OSError:
        return  # nobody listens any more
    deadline = time.monotonic() + _END_TIMEOUT
    while _is_alive(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.005)


def _is_alive(pid: int) -> bool:
    """A process that ended and was not yet waited for has an empty command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


@contextmanager
def connect_agent(path: Path) -> Iterator[Agent]:
    """A conversation with the agent that listens on this socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        agent = Agent(connection)
        try:
            agent.send_command("OPTION pinentry-mode=loopback")
            yield agent
        finally:
            agent.close()


class Agent:
    """One conversation: a command, inquiries answered, OK or ERR."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("rb")
        self._read_response({})

    def close(self) -> None:
        """Give the connection back."""
        self._lines.close()

    def send_command(self, command: str, answers: Mapping[str, bytes] | None = None) -> bytes:
        """Send one command and return its data; what it inquires for is looked up in `answers`. Raises AgentRefused."""
        self._connection.sendall(command.encode() + b"\n")
        return self._read_response(answers or {})

    def change_passphrase(self, keygrip: str, old: bytes, new: bytes) -> None:
        """Protect the stored key by another passphrase, with the agent's own count of iterations."""
        self.send_command(f"PASSWD {keygrip}", {"PASSPHRASE": old, "NEW_PASSPHRASE": new})

    def cache_passphrase(self, keygrip: str, passphrase: bytes) -> None:
        """Keep a passphrase for as long as the agent runs."""
        self.send_command(f"PRESET_PASSPHRASE {keygrip} -1 {passphrase.hex().upper()}")

    def _read_response(self, answers: Mapping[str, bytes]) -> bytes:
        data = b""
        for raw in self._lines:
            word, _, rest = raw.rstrip(b"\n").partition(b" ")
            if word == b"OK":
                return data
            if word == b"ERR":
                raise AgentError(rest.decode("utf-8", "replace"))
            if word == b"D":
                data += rest
            if word == b"INQUIRE":
                self._send_data(answers.get(rest.decode().split(" ")[0]))
        raise AgentError("0 the agent ended the conversation")

    def _send_data(self, data: bytes | None) -> None:
        """Answer an inquiry, or cancel it when nothing was foreseen."""
        if data is None:
            self._connection.sendall(b"CAN\n")
            return
        pieces = [
            _escape(data[at : at + _DATA_LINE_SIZE]) for at in range(0, len(data), _DATA_LINE_SIZE)
        ] or [b""]
        self._connection.sendall(b"".join(b"D " + piece + b"\n" for piece in pieces) + b"END\n")


def _escape(data: bytes) -> bytes:
    return data.replace(b"%", b"%25").replace(b"\r", b"%0D").replace(b"\n", b"%0A")
