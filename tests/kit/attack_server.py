"""A hostile web server on the loopback address: it serves a tree, but some files without end, slowly or not at all."""

from __future__ import annotations

import http.server
import posixpath
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from tests.kit.server import running

# What an endless file has at most, so that a client that takes it all does not fill the disk.
ENDLESS_BYTES = 64 << 20
# Seconds that a slow file is sent for, a byte at a time.
SLOW_SECONDS = 45.0
_CHUNK = b"0" * (1 << 16)


@dataclass
class Hostility:
    """What the server does now: `trees` are folders by the first part of a path, `endless` and `slow` ends of paths."""

    trees: dict[str, Path] = field(default_factory=dict)
    endless: tuple[str, ...] = ()
    slow: tuple[str, ...] = ()
    sent: int = 0  # bytes of endless files
    # Seconds that a slow file was asked for before the client went away.
    held: float = 0.0


@contextmanager
def hostile_server() -> Iterator[tuple[str, Hostility]]:
    """Yields the URL and what it does, which may be changed at any time."""
    hostility = Hostility()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            path = self._get_path()
            file = self._find_file(path)
            with suppress(OSError):
                if path.endswith(hostility.endless):
                    self._send_endlessly()
                elif path.endswith(hostility.slow):
                    self._send_slowly()
                elif file is None or not file.is_file():
                    self.send_error(404)
                else:
                    data = file.read_bytes()
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

        def do_HEAD(self) -> None:
            file = self._find_file(self._get_path())
            if file is None or not file.is_file():
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(file.stat().st_size))
            self.end_headers()

        def _get_path(self) -> str:
            return posixpath.normpath(unquote(self.path.partition("?")[0])).lstrip("/")

        def _find_file(self, path: str) -> Path | None:
            first, _, rest = path.partition("/")
            tree = hostility.trees.get(first)
            return None if tree is None else tree / rest

        def _send_endlessly(self) -> None:
            self.send_response(200)
            self.end_headers()
            sent = 0
            while sent < ENDLESS_BYTES:
                self.wfile.write(_CHUNK)
                sent += len(_CHUNK)
                hostility.sent = max(hostility.sent, sent)

        def _send_slowly(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            start = time.monotonic()
            try:
                while time.monotonic() - start < SLOW_SECONDS:
                    self.wfile.write(b"0")
                    self.wfile.flush()
                    time.sleep(0.2)
            finally:
                hostility.held = max(hostility.held, time.monotonic() - start)

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        # A slow answer must not hold whoever closes the server.
        block_on_close = False

    with running(Server(("127.0.0.1", 0), Handler)) as url:
        yield url, hostility
