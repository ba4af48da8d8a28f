"""gpg-agent's protocol against a scripted agent, and the real agent's end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from altai_build.tools.openpgp.agent import AgentError, connect_agent, end_agent
from altai_build.tools.openpgp.keyring import open_keyring
from tests.kit.keys import import_secret_key, make_key


@contextmanager
def scripted_agent(path: Path, *exchanges: tuple[bytes, bytes]) -> Iterator[list[bytes]]:
    """An agent that answers each expected command; yields what it received, to be read after the block."""
    received: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"OK Pleased to meet you\n")
                for end, answer in ((b"OPTION", b"OK\n"), *exchanges):
                    while True:
                        line = next(lines, b"")
                        received.append(line)
                        if line.startswith(end) or not line:
                            break
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield received
        thread.join(10)
        assert not thread.is_alive()


def test_data_is_returned_and_long_secrets_are_sent_escaped_in_pieces(tmp_path: Path) -> None:
    secret = b"50% of\r\n" + b"x" * 600
    with (
        scripted_agent(
            tmp_path / "S",
            (b"PASSWD grip", b"INQUIRE PASSPHRASE 1 2\n"),
            (b"END", b"INQUIRE NEW_PASSPHRASE\n"),
            (b"END", b"OK\n"),
            (b"GETINFO", b"D 12\nD 34\nOK\n"),
        ) as received,
        connect_agent(tmp_path / "S") as agent,
    ):
        agent.change_passphrase("grip", secret, b"new")
        assert agent.send_command("GETINFO pid") == b"1234"
    data = [line for line in received if line.startswith(b"D ")]
    assert len(data) == 4 and max(map(len, data)) < 1000
    assert b"".join(line[2:-1] for line in data[:3]) == b"50%25 of%0D%0A" + b"x" * 600
    assert data[3] == b"D new\n"


@pytest.mark.parametrize(
    ("answer", "wrong", "why"),
    [
        (b"ERR 67108875 Bad passphrase <GPG Agent>\n", True, "Bad passphrase <GPG Agent>"),
        (b"ERR 67108881 No secret key <GPG Agent>\n", False, "No secret key <GPG Agent>"),
        (b"", False, "the agent closed the connection"),
    ],
)
def test_a_refusal_says_why(tmp_path: Path, answer: bytes, wrong: bool, why: str) -> None:
    with scripted_agent(tmp_path / "S", (b"PRESET", answer)), connect_agent(tmp_path / "S") as agent:
        with pytest.raises(AgentError) as caught:
            agent.cache_passphrase("grip", b"secret")
        assert (caught.value.wrong_passphrase, caught.value.why) == (wrong, why)


def test_an_unexpected_inquiry_is_cancelled(tmp_path: Path) -> None:
    with (
        scripted_agent(
            tmp_path / "S", (b"PRESET", b"INQUIRE PINENTRY_LAUNCHED\n"), (b"CAN", b"OK\n")
        ) as received,
        connect_agent(tmp_path / "S") as agent,
    ):
        agent.cache_passphrase("grip", b"secret")
    assert received[-1] == b"CAN\n"


def test_an_agent_is_gone_when_end_agent_returns(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    with open_keyring(tmp_path / "home") as keyring:
        import_secret_key(keyring, key.secret)
        with connect_agent(keyring.session.agent_socket) as agent:
            pid = int(agent.send_command("GETINFO pid"))
        end_agent(keyring.session.agent_socket)
        # An ended process that nobody has waited for yet has no command line.
        command = Path(f"/proc/{pid}/cmdline")
        assert not command.exists() or command.read_bytes() == b""
        # Without an agent there is nothing to do.
        end_agent(keyring.session.agent_socket)
        end_agent(tmp_path / "gone")
