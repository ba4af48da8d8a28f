"""Connections that say nothing take neither the run's descriptors nor another one's place."""

from __future__ import annotations

import resource
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from altai_build.tools.dask import connections
from altai_build.tools.dask.address import make_tls_context
from altai_build.tools.dask.connections import ConnectionServer
from tests.kit.certificates import make_cluster_certificates


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ConnectionServer

    def do_GET(self) -> None:
        if self.path == "/interrupted":
            raise KeyboardInterrupt
        if self.path == "/known":
            self.server.be_patient(self.connection)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(params=[False, True])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ConnectionServer]:
    """Takes three connections, each of which must say what it wants in a moment; with and without TLS."""
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 3)
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    tls = make_cluster_certificates(tmp_path) if request.param else None
    context = make_tls_context(tls, for_server=True) if tls is not None else None
    with ConnectionServer(("127.0.0.1", 0), _Handler, context) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        server.client = make_tls_context(tls, for_server=False) if tls is not None else None  # type: ignore[attr-defined]
        yield server
        server.shutdown()
        thread.join()


def connect(server: ConnectionServer, *, plain: bool = False) -> socket.socket:
    connection = socket.create_connection(server.server_address[:2], timeout=20)  # type: ignore[arg-type]
    context: ssl.SSLContext | None = server.client  # type: ignore[attr-defined]
    return connection if plain or context is None else context.wrap_socket(connection)


def ask(connection: socket.socket, path: str) -> bytes:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection.recv(1 << 16)


def is_shut(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_who_says_nothing_is_shut_out_and_others_are_served(server: ConnectionServer) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(connect(server, plain=True)) for _ in range(2)]
        known = stack.enter_context(connect(server))
        assert ask(known, "/known").startswith(b"HTTP/1.1 200")
        # One too many.
        assert is_shut(stack.enter_context(connect(server, plain=True)))
        # A line that comes byte by byte does not keep its place either.
        silent[0].sendall(b"G")
        assert all(map(is_shut, silent))
        assert ask(known, "/known").startswith(b"HTTP/1.1 200")
        with connect(server) as other:
            assert ask(other, "/").startswith(b"HTTP/1.1 200")


def test_an_interrupted_run_shows_no_traceback(
    server: ConnectionServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[object] = []
    monkeypatch.setattr(threading, "excepthook", shown.append)
    for _ in range(4):
        with connect(server) as connection:
            assert ask(connection, "/interrupted") == b""
    assert shown == []


def test_half_of_the_descriptors_are_for_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (256, 256))
    with ConnectionServer(("127.0.0.1", 0), _Handler, None) as server:
        assert server.most == 128
