"""Sessions of HTTP whose answers have a least rate and a limit, and whose redirects bring nothing along."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from altai_build.errors import InputError
from altai_build.model.quantity import format_size

if TYPE_CHECKING:
    import requests

    from altai_build.tools.http.least_rate import LeastRate

_MAX_REDIRECTS = 6
# Bytes of an answer that is read whole, such as a page that lists packages.
_MAX_IN_MEMORY = 64 << 20


@contextmanager
def open_session(rate: LeastRate, *, most: int | None = None) -> Iterator[requests.Session]:
    """A session whose connections are watched: slow ones are broken off, and all when the run is interrupted.

    Of an answer that the library reads whole nothing large is accepted, and of any other at most `most` bytes.
    """
    # Imported here: its 30 ms would delay every command, and most download nothing.
    import requests
    from requests.adapters import HTTPAdapter

    class WatchedAdapter(HTTPAdapter):
        """Connections are made known to the watch before anything is sent: headers can be slow, too."""

        def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
            pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
            make = pool.ConnectionCls

            def make_watched(*args: Any, **kwargs: Any) -> Any:
                connection = make(*args, **kwargs)
                # urllib3 has no public hook here; its own support for SOCKS replaces this method too.
                connect = connection._new_conn

                def connect_watched() -> Any:
                    opened = connect()
                    rate.add(opened)
                    return opened

                connection._new_conn = connect_watched
                return connection

            # Each transfer has pools of its own.
            pool.ConnectionCls = make_watched
            return pool

        def send(self, *args: Any, **kwargs: Any) -> requests.Response:
            response = super().send(*args, **kwargs)
            raw: Any = response.raw
            stream = raw.stream
            limit = most if kwargs.get("stream") else _MAX_IN_MEMORY

            def stream_counted(*args: Any, **kwargs: Any) -> Iterator[bytes]:
                size = 0
                for piece in stream(*args, **kwargs):
                    rate.count(len(piece))
                    size += len(piece)
                    if limit is not None and size > limit:
                        raise InputError(
                            "the answer of a server is larger than expected",
                            why=f"it has more than {format_size(limit)}",
                            todo="check the URL and its server",
                        )
                    yield piece

            def stream_nothing(*args: Any, **kwargs: Any) -> Iterator[bytes]:
                yield from ()

            raw.stream = stream_counted
            if response.is_redirect:
                # The library would read all that comes with it into memory.
                raw.close()
                raw.stream = stream_nothing
            return response

    with requests.Session() as session:
        session.max_redirects = _MAX_REDIRECTS
        for scheme in ("http://", "https://"):
            session.mount(scheme, WatchedAdapter())
        yield session
