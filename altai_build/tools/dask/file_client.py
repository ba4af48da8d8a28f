"""A worker's side of the files: asks a run for those of a job by digest, and sends what the build made."""

from __future__ import annotations

import hashlib
import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from ssl import SSLContext
from typing import BinaryIO, TypeVar
from urllib.parse import urlsplit

from altai_build.errors import InputError, UnreachableError, advise_on_place, describe_cause
from altai_build.regular_files import open_regular_file
from altai_build.tools.dask.messages import FileReference

_CHUNK = 1 << 20  # bytes
_SILENCE = 60.0  # seconds
# Seconds between attempts to reach the run.
_PAUSES = (0.2, 1.0, 3.0)
_LONGEST_REPLY = 1 << 16
T = TypeVar("T")


class JobIsOver(Exception):
    """The run no longer wants the job."""


class FileClient:
    """Connections to the files of one job; safe to use from several threads, because each request has its own."""

    def __init__(self, url: str, job: str, token: str, context: SSLContext | None) -> None:
        self._place = urlsplit(url)
        self._prefix = f"/jobs/{job}"
        self._token = token
        self._context = context
        self.url = url

    def begin(self, worker: str) -> str:
        """Begin an attempt; returns its name. Raises JobIsOver, UnreachableError, InputError."""
        return self._retry(lambda: self._request("POST", "/attempts", worker.encode())).decode(
            "ascii", "replace"
        )

    def send_log(self, attempt: str, piece: bytes) -> None:
        """Send what the build has printed since, perhaps nothing. Raises JobIsOver, UnreachableError, InputError."""
        self._request("POST", f"/attempts/{attempt}/log", piece)

    def send_outcome(self, attempt: str, outcome: bytes) -> None:
        """Send what became of the job. Raises JobIsOver, UnreachableError, InputError."""
        self._retry(lambda: self._request("POST", f"/attempts/{attempt}/outcome", outcome))

    def send_file(self, attempt: str, reference: FileReference, path: Path) -> None:
        """Send a file. Raises JobIsOver, UnreachableError, InputError."""
        where = f"/attempts/{attempt}/{reference.name}/{reference.sha256}"
        with open_regular_file(path) as stream:

            def send() -> None:
                stream.seek(0)
                self._request("PUT", where, stream, size=reference.size)

            self._retry(send)

    def receive_file(self, reference: FileReference, destination: Path) -> None:
        """Write a file, verified. Raises JobIsOver, UnreachableError, InputError for other bytes and a full disk."""
        self._retry(lambda: self._receive(reference, destination))

    def _receive(self, reference: FileReference, destination: Path) -> None:
        connection = self._connect()
        digest, size = hashlib.sha256(), 0
        try:
            pieces = self._read_pieces(connection, reference)
            with open(destination, "wb") as stream:
                for data in pieces:
                    size += len(data)
                    if size > reference.size:
                        break
                    digest.update(data)
                    stream.write(data)
        except OSError as error:
            raise InputError(
                f"{reference.name} cannot be written into {destination.parent}",
                why=describe_cause(error),
                todo=advise_on_place(error),
            ) from error
        finally:
            connection.close()
        if (size, digest.hexdigest()) != (reference.size, reference.sha256):
            raise InputError(
                f"{self.url} sent other bytes than it announced for {reference.name}",
                why=f"got {size} bytes with SHA-256 {digest.hexdigest()}; announced were {reference.size} bytes with "
                f"{reference.sha256}",
            )

    def _read_pieces(
        self, connection: http.client.HTTPConnection, reference: FileReference
    ) -> Iterator[bytes]:
        """Errors here are those of the network, not of this machine's disk."""
        try:
            connection.request("GET", f"{self._prefix}/files/{reference.sha256}", headers=self._headers)
            response = connection.getresponse()
            self._check(response)
            while data := response.read(_CHUNK):
                yield data
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error

    def _request(self, method: str, where: str, body: bytes | BinaryIO, *, size: int | None = None) -> bytes:
        connection = self._connect()
        length = len(body) if isinstance(body, bytes) else size
        try:
            headers = {**self._headers, "Content-Length": str(length)}
            connection.connect()
            with suppress(BrokenPipeError, ConnectionResetError):
                # Who refuses a request may shut the connection before it has read all; its answer says why.
                connection.request(method, f"{self._prefix}{where}", body=body, headers=headers)
            response = connection.getresponse()
            self._check(response)
            return response.read(_LONGEST_REPLY)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._place.hostname or "", self._place.port or 0
        if self._place.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=_SILENCE, context=self._context)
        return http.client.HTTPConnection(host, port, timeout=_SILENCE)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _check(self, response: http.client.HTTPResponse) -> None:
        if response.status == http.client.GONE:
            raise JobIsOver
        if response.status >= http.client.BAD_REQUEST:
            why = response.read(_LONGEST_REPLY).decode("utf-8", "replace")
            raise InputError(f"the run at {self.url} refused a request ({response.status})", why=why)

    def _unreachable(self, error: Exception) -> UnreachableError:
        return UnreachableError(
            f"the run at {self.url} cannot be reached",
            why=describe_cause(error),
            todo="let workers reach that address: dask.listen in repos.yaml names another one of the run's machine",
        )

    def _retry(self, request: Callable[[], T]) -> T:
        """A short interruption of the network ends no build."""
        for pause in _PAUSES:
            try:
                return request()
            except UnreachableError:
                time.sleep(pause)
        return request()
