"""A web server on the loopback address, for what clients fetch."""

from __future__ import annotations

import http.client
import http.server
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def running(server: socketserver.TCPServer) -> Iterator[str]:
    """Answer requests in another thread while the block runs; yields the URL of the server, which is then closed."""
    with server:
        # Asked 50 times a second whether it shall end.
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    """Serve what is, or will be, in `directory`; yields the URL without a slash at its end."""
    handler = partial(_Silent, directory=str(directory))
    with running(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)) as url:
        yield url


@dataclass(frozen=True)
class Request:
    """What a client asked for, and where the answer goes, byte by byte."""

    path: str
    # Lower-case names.
    headers: Mapping[str, str]
    write: Callable[[bytes], None]

    @property
    def start(self) -> int:
        """The first byte that is asked for."""
        return int(self.headers.get("range", "bytes=0-")[len("bytes=") :].partition("-")[0])

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer; `content_range` is sent as Content-Range. No length is announced unless it is given."""
        lines = [f"HTTP/1.1 {status} Whatever", "Connection: close"]
        lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
        self.write("\r\n".join([*lines, "", ""]).encode() + body)


@contextmanager
def scripted_server(answer: Callable[[Request], None]) -> Iterator[str]:
    """A server that does whatever `answer` does with each request; yields its URL."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            first = self.rfile.readline().split()
            headers = http.client.parse_headers(self.rfile)
            named = {name.lower(): value for name, value in headers.items()}
            # The client may have gone.
            with suppress(OSError):
                answer(Request(first[1].decode(), named, self._write))

        def _write(self, data: bytes) -> None:
            self.wfile.write(data)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        # A script that waits for its client must not hold the test.
        block_on_close = False

    with running(Server(("127.0.0.1", 0), Handler)) as url:
        yield url
