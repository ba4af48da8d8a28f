"""A worker's requests: other bytes than announced are refused, a run that is gone is reached again or named."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from altai_build.errors import InputError, UnreachableError
from altai_build.tools.dask.file_client import FileClient
from tests.kit.clusters import refer
from tests.kit.server import running


def serve(*bodies: bytes | None) -> ThreadingHTTPServer:
    """A server that answers each request by the next body; None: it hangs up."""
    waiting = list(bodies)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = waiting.pop(0)
            if body is not None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.mark.parametrize("body", [b"tada", b"dat", b"data and more", b""])
def test_other_bytes_are_refused(tmp_path: Path, body: bytes) -> None:
    with (
        running(serve(body)) as url,
        pytest.raises(InputError, match=r"sent other bytes than it announced for f\.rpm"),
    ):
        FileClient(url, "job", "token", None).receive_file(refer(b"data"), tmp_path / "f")


def test_a_short_interruption_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("altai_build.tools.dask.file_client._PAUSES", (0.0, 0.0))
    with running(serve(None, None, b"data")) as url:
        FileClient(url, "job", "token", None).receive_file(refer(b"data"), tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == b"data"
    with pytest.raises(UnreachableError) as caught:
        FileClient("http://127.0.0.1:1", "job", "token", None).begin("w")
    assert "dask.listen" in caught.value.todo
    assert threading.active_count() < 50


def test_a_full_disk_is_not_the_network() -> None:
    with running(serve(b"data")) as url, pytest.raises(InputError) as caught:
        FileClient(url, "job", "token", None).receive_file(refer(b"data"), Path("/dev/full"))
    assert (caught.value.what, caught.value.why, caught.value.todo) == (
        "f.rpm cannot be written into /dev",
        "No space left on device",
        "free disk space there",
    )
