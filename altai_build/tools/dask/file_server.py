"""The run's side of the files: serves those of its jobs to workers by digest, and takes what the builds made.

HTTP, and with certificates TLS on both sides. Each job has a token of its own: it opens the files of that job alone.
Nothing that a request says becomes a path, but names that were checked, in a folder of the attempt's own.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import SSLContext
from typing import BinaryIO

from altai_build.errors import AltaiError
from altai_build.regular_files import open_regular_file
from altai_build.tools.dask.messages import LONGEST_OUTCOME, FileReference
from altai_build.tools.files import make_directory

CHUNK = 1 << 20  # bytes
# Seconds without a byte: the other side is gone.
SILENCE = 60.0
MOST_FILES = 10_000  # of one attempt
MOST_ATTEMPTS = 64  # of one job
# A piece of a log that a build prints now.
LONGEST_PIECE = 4 << 20
_LONGEST_LIVE_LOG = 64 << 20
_RESULT_NAME = re.compile(r"[A-Za-z0-9_+~^][A-Za-z0-9_+~^.-]{0,254}")
_WORKER_NAME = re.compile(r"[A-Za-z0-9_.:+@-]{1,100}")


@dataclass
class Attempt:
    """One try of a job on a worker; another one of the same job has other files."""

    worker: str
    folder: Path
    started: float  # by the monotonic clock
    arrived: dict[str, tuple[str, int]] = field(default_factory=dict)  # name → SHA-256 and size
    outcomes: dict[str, bytes] = field(default_factory=dict)  # by digest
    taken: int = 0  # bytes
    is_told: bool = False  # that it is to stop


@dataclass
class ServedJob:
    """What the workers that have a job's token may ask for and send."""

    token: str
    # Digest → a function that finds the file, which may have to be fetched first.
    files: Mapping[str, Callable[[], Path]]
    incoming: Path  # the folder for what attempts send
    live_log: Path  # what the build of the newest attempt prints, while it runs
    most_bytes: int  # that one attempt may send
    keep_free: int = 0  # bytes of the disk that nothing may take
    attempts: dict[str, Attempt] = field(default_factory=dict)
    is_over: bool = False  # ended or cancelled: who still works for it is told to stop
    lock: threading.Lock = field(default_factory=threading.Lock)


class Refused(Exception):
    """A request that is answered by a status."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class FileServer:
    """Listens in threads of its own until it is closed."""

    def __init__(self, host: str, port: int, context: SSLContext | None) -> None:
        """Raises OSError where the place cannot be listened at."""
        self.jobs: dict[str, ServedJob] = {}
        # Of what was refused, for the user.
        self.refusals: list[str] = []
        self._server = _Server((host, port), self, context)
        scheme = "https" if context is not None else "http"
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{scheme}://{shown}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def add(self, job: ServedJob) -> str:
        """Serve a job; returns what it is called in requests."""
        name = secrets.token_hex(8)
        self.jobs[name] = job
        return name

    def find_running(self, name: str) -> Attempt | None:
        """The newest attempt of a job."""
        attempts = list(self.jobs[name].attempts.values())
        return attempts[-1] if attempts else None

    def stop_all(self, patience: float) -> None:
        """Tell every worker to stop what it builds; returns when all know, at the latest after so many seconds."""
        for job in self.jobs.values():
            job.is_over = True
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if all(attempt.is_told for job in self.jobs.values() for attempt in job.attempts.values()):
                return
            time.sleep(0.05)


def make_token() -> str:
    """A word that cannot be guessed."""
    return secrets.token_urlsafe(24)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, place: tuple[str, int], files: FileServer, context: SSLContext | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        super().__init__(place, _Handler)
        self.files = files
        self.context = context

    def finish_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        """In the thread of the connection: one that does not complete its handshake keeps no other waiting."""
        request.settimeout(SILENCE)
        with suppress(OSError):
            if self.context is not None:
                request = self.context.wrap_socket(request, server_side=True)
            super().finish_request(request, client_address)
            if self.context is not None:
                request.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no event."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "altai-build"
    sys_version = ""
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def do_PUT(self) -> None:
        self._answer(self._put)

    def _answer(self, serve: Callable[[ServedJob, list[str]], None]) -> None:
        try:
            words = self.path.split("/")[1:]
            job = self.server.files.jobs.get(words[1]) if len(words) > 1 and words[0] == "jobs" else None
            given = self.headers.get("Authorization", "")
            # Compared for unknown jobs too, so that time tells nothing.
            token = job.token if job is not None else "-"
            is_known = hmac.compare_digest(given.encode("latin-1", "replace"), f"Bearer {token}".encode())
            if job is None or not is_known:
                raise Refused(HTTPStatus.FORBIDDEN, "no such job, or a wrong token")
            serve(job, words[2:])
        except Refused as refusal:
            if refusal.status is not HTTPStatus.GONE:
                self.server.files.refusals.append(f"{self.client_address[0]}: {refusal}"[:500])
                del self.server.files.refusals[100:]
            self._send(refusal.status, str(refusal).encode())
        except AltaiError as error:
            self._send(HTTPStatus.BAD_GATEWAY, str(error).encode()[:4000])

    def _send(self, status: HTTPStatus, body: bytes = b"") -> None:
        # What it has not read of the request would be taken for the next one.
        self.close_connection = status >= HTTPStatus.BAD_REQUEST
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _get(self, job: ServedJob, words: list[str]) -> None:
        if len(words) != 2 or words[0] != "files" or words[1] not in job.files:
            raise Refused(HTTPStatus.NOT_FOUND, "a file that is not of this job")
        self._require_going_on(job)
        try:
            stream = open_regular_file(job.files[words[1]]())
        except OSError as error:
            raise Refused(HTTPStatus.NOT_FOUND, f"the file is gone: {error.strerror}") from error
        with stream:
            size = stream.seek(0, 2)
            stream.seek(0)
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            while data := stream.read(CHUNK):
                self.wfile.write(data)

    def _post(self, job: ServedJob, words: list[str]) -> None:
        if words == ["attempts"]:
            self._require_going_on(job)
            self._send(HTTPStatus.CREATED, self._begin(job).encode())
            return
        if len(words) != 3 or words[0] != "attempts" or words[2] not in ("log", "outcome"):
            raise Refused(HTTPStatus.NOT_FOUND, "no such request")
        attempt = self._find_attempt(job, words[1])
        if words[2] == "outcome":
            body = self._read_body(LONGEST_OUTCOME)
            attempt.outcomes = {hashlib.sha256(body).hexdigest(): body}
            self._send(HTTPStatus.CREATED)
            return
        body = self._read_body(LONGEST_PIECE)
        if job.is_over:
            attempt.is_told = True
            raise Refused(HTTPStatus.GONE, "the job is over")
        if attempt is next(reversed(job.attempts.values())) and body:
            _append(job.live_log, body)
        self._send(HTTPStatus.NO_CONTENT)

    def _begin(self, job: ServedJob) -> str:
        """A new attempt of a job."""
        worker = self._read_body(100).decode("ascii", "replace")
        if not _WORKER_NAME.fullmatch(worker):
            raise Refused(HTTPStatus.BAD_REQUEST, "no usable name of a worker")
        name = secrets.token_hex(8)
        with job.lock:
            if len(job.attempts) >= MOST_ATTEMPTS:
                raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "too many attempts")
            folder = make_directory(job.incoming / name)
            job.attempts[name] = Attempt(worker, folder, time.monotonic())
            with suppress(FileNotFoundError):
                job.live_log.unlink()
        return name

    def _put(self, job: ServedJob, words: list[str]) -> None:
        """One file of an attempt: PUT …/attempts/ATTEMPT/NAME/SHA256."""
        if len(words) != 4 or words[0] != "attempts":
            raise Refused(HTTPStatus.NOT_FOUND, "no such request")
        attempt, name, digest = self._find_attempt(job, words[1]), words[2], words[3]
        if not _RESULT_NAME.fullmatch(name) or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise Refused(HTTPStatus.BAD_REQUEST, f"{attempt.worker} sent a file with a name that is refused")
        self._require_going_on(job, attempt)
        size = self._get_length()
        with job.lock:
            if name in attempt.arrived or len(attempt.arrived) >= MOST_FILES:
                raise Refused(HTTPStatus.CONFLICT, f"{attempt.worker} sent {name} twice, or too many files")
            if attempt.taken + size > job.most_bytes:
                raise Refused(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"{attempt.worker} sent more than {job.most_bytes} bytes",
                )
            if shutil.disk_usage(attempt.folder).free - size < job.keep_free:
                raise Refused(
                    HTTPStatus.INSUFFICIENT_STORAGE, f"no space is left here for {name} of {attempt.worker}"
                )
            attempt.taken += size
            attempt.arrived[name] = ("", -1)
        path = attempt.folder / name
        with open(path, "xb") as stream:
            found = self._copy_body(size, stream)
        if found != digest:
            path.unlink()
            raise Refused(
                HTTPStatus.BAD_REQUEST, f"{attempt.worker} sent {name} with other bytes than announced"
            )
        attempt.arrived[name] = (digest, size)
        self._send(HTTPStatus.CREATED)

    def _find_attempt(self, job: ServedJob, name: str) -> Attempt:
        attempt = job.attempts.get(name)
        if attempt is None:
            raise Refused(HTTPStatus.NOT_FOUND, "no such attempt")
        return attempt

    def _require_going_on(self, job: ServedJob, attempt: Attempt | None = None) -> None:
        if job.is_over:
            if attempt is not None:
                attempt.is_told = True
            raise Refused(HTTPStatus.GONE, "the job is over")

    def _get_length(self) -> int:
        text = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,15}", text):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "a request without its length")
        return int(text)

    def _read_body(self, limit: int) -> bytes:
        size = self._get_length()
        if size > limit:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a message of {size} bytes")
        return self.rfile.read(size)

    def _copy_body(self, size: int, stream: BinaryIO) -> str:
        """Write the body to a file; returns the digest of what came."""
        digest = hashlib.sha256()
        while size > 0:
            data = self.rfile.read(min(size, CHUNK))
            if not data:
                break
            digest.update(data)
            stream.write(data)
            size -= len(data)
        return digest.hexdigest()


def _append(path: Path, data: bytes) -> None:
    """Add to the log of a running build, whose beginning is enough where it is very long."""
    with open(path, "ab") as stream:
        if stream.tell() < _LONGEST_LIVE_LOG:
            stream.write(data)


def check_arrived(attempt: Attempt, files: tuple[FileReference, ...]) -> list[str]:
    """What is wrong with the files of an attempt, compared with those that its outcome names."""
    named = {reference.name: (reference.sha256, reference.size) for reference in files}
    missing = sorted(name for name, content in named.items() if attempt.arrived.get(name) != content)
    other = sorted(attempt.arrived.keys() - named.keys())
    return [
        *(f"{name} has not arrived as announced" for name in missing),
        *(f"{name} was not announced" for name in other),
    ]
