"""The connections of the run's file server: so many at the same time, and none that says nothing for long.

Who is in the network can open connections, with or without a certificate. Each takes a thread and a descriptor, of
which the run needs some for itself.
"""

from __future__ import annotations

import resource
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext

# Seconds without a byte: the other side is gone.
SILENCE = 60.0
# Seconds until a handshake and the head of a request are complete, however slowly they come.
HEAD_SECONDS = 30.0
# At the same time; two for each of some hundred slots.
MOST_CONNECTIONS = 1024


class ConnectionServer(ThreadingHTTPServer):
    """Each connection has a thread; one too many is closed at once."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(
        self, place: tuple[str, int], handler: type[BaseHTTPRequestHandler], context: SSLContext | None
    ) -> None:
        """Raises OSError where the place cannot be listened at."""
        # A name may have addresses of one kind alone.
        self.address_family, _, _, _, found = socket.getaddrinfo(*place, type=socket.SOCK_STREAM)[0]
        # Half of the descriptors are for the run.
        self.most = min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
        # Connection → the end of its patience by the monotonic clock; None: it has shown the token of a job.
        self._deadlines: dict[socket.socket, float | None] = {}
        self._places = threading.Semaphore(self.most)
        self._lock = threading.Lock()
        self._context = context
        super().__init__((str(found[0]), place[1]), handler)

    def process_request(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Give a connection a thread, where there is a place."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """In the thread of the connection."""
        try:
            super().process_request_thread(request, client_address)
        except KeyboardInterrupt:
            pass  # the run is interrupted, and says so itself
        finally:
            self._places.release()

    def finish_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Serve a connection: one that does not complete its handshake keeps no other waiting."""
        request.settimeout(SILENCE)
        with suppress(OSError):
            if self._context is not None:
                request = self._context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
            self.expect_head(request)
            try:
                if self._context is not None:
                    request.do_handshake()  # type: ignore[attr-defined]
                self.RequestHandlerClass(request, client_address, self)  # type: ignore[arg-type]
            finally:
                with self._lock:
                    del self._deadlines[request]
                if self._context is not None:
                    request.close()

    def expect_head(self, connection: socket.socket) -> None:
        """A connection has to bring the head of a request soon."""
        with self._lock:
            self._deadlines[connection] = time.monotonic() + HEAD_SECONDS

    def be_patient(self, connection: socket.socket) -> None:
        """A connection has shown the token of a job, and may take its time for files."""
        with self._lock:
            self._deadlines[connection] = None

    def service_actions(self) -> None:
        """Shut what brings no request; called again and again by the thread that accepts."""
        now = time.monotonic()
        with self._lock:
            for connection, deadline in self._deadlines.items():
                if deadline is not None and deadline < now:
                    with suppress(OSError):
                        # That of TLS would change what another thread reads from.
                        socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no event."""
