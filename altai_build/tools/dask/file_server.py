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
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from ssl import SSLContext

from altai_build.errors import AltaiError, advise_on_place, describe_cause
from altai_build.regular_files import open_regular_file
from altai_build.tools.dask.connections import ConnectionServer
from altai_build.tools.dask.messages import LONGEST_OUTCOME
from altai_build.tools.dask.served_jobs import OUTCOME, Attempt, ServedJob

CHUNK = 1 << 20  # bytes
# Seconds after which a worker that waits for a file hears that it is still being fetched.
_KEEP_WAITING = 10.0
# Bytes of a refused request that are read, so that the other side comes to read why.
_MOST_DRAINED = 256 << 20
_DRAIN_SECONDS = 10.0
MOST_FILES = 10_000  # of one attempt
MOST_ATTEMPTS = 64  # of one job
# A piece of a log that a build prints now.
LONGEST_PIECE = 1 << 20
_LONGEST_LIVE_LOG = 64 << 20
_RESULT_NAME = re.compile(r"[A-Za-z0-9_+~^][A-Za-z0-9_+~^.-]{0,254}")
_WORKER_NAME = re.compile(r"[A-Za-z0-9_.:+@-]{1,100}")


class Refused(Exception):
    """A request that is answered by a status."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class CannotStore(Refused):
    """A request that this machine cannot do what it should for: its disk is full, or read-only."""

    def __init__(self, what: str, error: OSError) -> None:
        super().__init__(
            HTTPStatus.INSUFFICIENT_STORAGE, f"{what} cannot be written here: {describe_cause(error)}"
        )
        self.todo = advise_on_place(error)


class FileServer:
    """Listens in threads of its own until it is closed."""

    def __init__(self, host: str, port: int, context: SSLContext | None) -> None:
        """Raises OSError where the place cannot be listened at."""
        self.jobs: dict[str, ServedJob] = {}
        # Of what was refused, for the user.
        self.refusals: list[str] = []
        # The last fault of this machine: no worker is to blame for it.
        self.fault: CannotStore | None = None
        self._server = _Server((host, port), self, context)
        scheme = "https" if context is not None else "http"
        shown = f"[{host}]" if ":" in host else host
        self.address = str(self._server.server_address[0])  # that the host has here
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
        job = self.jobs[name]
        with job.lock:
            return next(reversed(job.attempts.values()), None)

    def stop_all(self, patience: float) -> None:
        """Tell every worker to stop what it builds; returns when all know, at the latest after so many seconds."""
        jobs = [job for job in self.jobs.values() if not job.is_over]
        for job in jobs:
            job.is_over = True
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and any(job.is_stopping() for job in jobs):
            time.sleep(0.05)


class _Server(ConnectionServer):
    def __init__(self, place: tuple[str, int], files: FileServer, context: SSLContext | None) -> None:
        super().__init__(place, _Handler, context)
        self.files = files


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
        self._unread = 0
        try:
            if self.command != "GET":
                self._unread = self._get_length()
            words = self.path.split("/")[1:]
            job = self.server.files.jobs.get(words[1]) if len(words) > 1 and words[0] == "jobs" else None
            given = self.headers.get("Authorization", "")
            # Compared for unknown jobs too, so that time tells nothing.
            token = job.token if job is not None else "-"
            is_known = hmac.compare_digest(given.encode("latin-1", "replace"), f"Bearer {token}".encode())
            if job is None or not is_known:
                raise Refused(HTTPStatus.FORBIDDEN, "no such job, or a wrong token")
            self.server.be_patient(self.connection)
            serve(job, words[2:])
            self.server.expect_head(self.connection)
        except Refused as refusal:
            if isinstance(refusal, CannotStore):
                self.server.files.fault = refusal
            elif refusal.status is not HTTPStatus.GONE:
                self.server.files.refusals.append(f"{self.client_address[0]}: {refusal}"[:500])
                del self.server.files.refusals[100:]
            self._send(refusal.status, str(refusal).encode())
            if refusal.status is not HTTPStatus.FORBIDDEN:
                self._drain()
        except AltaiError as error:
            self._send(HTTPStatus.BAD_GATEWAY, str(error).encode()[:4000])

    def _send(self, status: HTTPStatus, body: bytes = b"") -> None:
        # What it has not read of the request would be taken for the next one.
        self.close_connection = self._unread != 0 or status >= HTTPStatus.BAD_REQUEST
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drain(self) -> None:
        """Read on: one who still sends when the connection is shut does not come to read the answer."""
        deadline, most = time.monotonic() + _DRAIN_SECONDS, _MOST_DRAINED
        while self._unread > 0 and most > 0 and time.monotonic() < deadline:
            most -= len(self._read(CHUNK))

    def _get(self, job: ServedJob, words: list[str]) -> None:
        self._require_going_on(job)
        if len(words) != 2 or words[0] != "files" or words[1] not in job.files:
            raise Refused(HTTPStatus.NOT_FOUND, "a file that is not of this job")
        try:
            stream = open_regular_file(self._find(job.files[words[1]]))
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

    def _find(self, find: Callable[[], Path]) -> Path:
        """The file; while it is fetched, the worker hears that it is, and does not take the run for gone."""
        found: Future[Path] = Future()

        def work() -> None:
            try:
                found.set_result(find())
            except BaseException as error:
                found.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        while not wait_for([found], timeout=_KEEP_WAITING).done:
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return found.result()

    def _post(self, job: ServedJob, words: list[str]) -> None:
        if words == ["attempts"]:
            self._require_going_on(job)
            self._send(HTTPStatus.CREATED, self._begin(job).encode())
            return
        if len(words) != 3 or words[0] != "attempts" or words[2] not in ("log", "outcome"):
            raise Refused(HTTPStatus.NOT_FOUND, "no such request")
        attempt = self._find_attempt(job, words[1])
        self._require_going_on(job, attempt)
        if words[2] == "outcome":
            self._require_size(LONGEST_OUTCOME)
            with self._receive(job, attempt) as (path, digest):
                path.rename(attempt.folder / OUTCOME)
                attempt.outcome = digest
        else:
            body = self._read_body(LONGEST_PIECE)
            with job.lock:
                self._require_going_on(job, attempt)
                if body and not job.is_read and attempt is next(reversed(job.attempts.values())):
                    with _writing(f"the log of {attempt.worker}"):
                        _append(job.live_log, body)
        self._send(HTTPStatus.CREATED)

    def _begin(self, job: ServedJob) -> str:
        """A new attempt of a job."""
        worker = self._read_body(100).decode("ascii", "replace")
        if not _WORKER_NAME.fullmatch(worker):
            raise Refused(HTTPStatus.BAD_REQUEST, "no usable name of a worker")
        name = secrets.token_hex(8)
        with job.lock:
            self._require_going_on(job)
            if len(job.attempts) >= MOST_ATTEMPTS:
                raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "too many attempts")
            folder = job.incoming / name
            with _writing(f"the results of {worker}"):
                folder.mkdir()
                if not job.is_read:
                    job.live_log.unlink(missing_ok=True)
            job.attempts[name] = Attempt(worker, folder, time.monotonic())
        return name

    def _put(self, job: ServedJob, words: list[str]) -> None:
        """One file of an attempt: PUT …/attempts/ATTEMPT/NAME/SHA256. The same again is no fault."""
        if len(words) != 4 or words[0] != "attempts":
            raise Refused(HTTPStatus.NOT_FOUND, "no such request")
        attempt, name, digest = self._find_attempt(job, words[1]), words[2], words[3]
        if not _RESULT_NAME.fullmatch(name) or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise Refused(HTTPStatus.BAD_REQUEST, f"{attempt.worker} sent a file with a name that is refused")
        self._require_going_on(job, attempt)
        size = self._unread
        with job.lock:
            if len(attempt.arrived) >= MOST_FILES:
                raise Refused(HTTPStatus.CONFLICT, f"{attempt.worker} sent too many files")
            if attempt.taken + size > job.most_bytes:
                raise Refused(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"{attempt.worker} sent more than {job.most_bytes} bytes",
                )
            attempt.taken += size
        is_new = False
        try:
            with self._receive(job, attempt) as (path, found):
                if found != digest:
                    raise Refused(
                        HTTPStatus.BAD_REQUEST,
                        f"{attempt.worker} sent {name} with other bytes than announced",
                    )
                if attempt.arrived.get(name, (digest, size)) != (digest, size):
                    raise Refused(HTTPStatus.CONFLICT, f"{attempt.worker} sent {name} twice")
                if is_new := name not in attempt.arrived:
                    path.rename(attempt.folder / name)
                    attempt.arrived[name] = (digest, size)
        finally:
            if not is_new:
                attempt.taken -= size
        self._send(HTTPStatus.CREATED)

    @contextmanager
    def _receive(self, job: ServedJob, attempt: Attempt) -> Iterator[tuple[Path, str]]:
        """The body in a file under a passing name, and its digest; inside, the job is locked and not over."""
        path = attempt.folder / f".{secrets.token_hex(8)}"
        what = f"a file of {attempt.worker}"
        try:
            digest = self._copy_body(job, attempt, path, what)
            with job.lock, _writing(what):
                self._require_going_on(job, attempt)
                yield path, digest
        finally:
            path.unlink(missing_ok=True)

    def _find_attempt(self, job: ServedJob, name: str) -> Attempt:
        attempt = job.attempts.get(name)
        if attempt is None:
            raise Refused(HTTPStatus.NOT_FOUND, "no such attempt")
        attempt.last_seen = time.monotonic()
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

    def _read(self, most: int) -> bytes:
        """The next bytes of the body. Raises ConnectionError where it ends too early."""
        data = self.rfile.read(min(self._unread, most))
        if not data and self._unread:
            raise ConnectionResetError
        self._unread -= len(data)
        return data

    def _require_size(self, limit: int) -> None:
        if self._unread > limit:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a message of {self._unread} bytes")

    def _read_body(self, limit: int) -> bytes:
        self._require_size(limit)
        return self._read(limit)

    def _copy_body(self, job: ServedJob, attempt: Attempt, path: Path, what: str) -> str:
        """Write the body to a file; returns the digest of what came."""
        digest = hashlib.sha256()
        with _writing(what):
            stream = open(path, "xb", buffering=0)  # noqa: SIM115 - used below
        with stream:
            while data := self._read(CHUNK):
                digest.update(data)
                attempt.last_seen = time.monotonic()
                if shutil.disk_usage(attempt.folder).free < job.keep_free < job.count_bytes():
                    raise Refused(
                        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                        f"{attempt.worker} sends more than there is space for",
                    )
                with _writing(what):
                    while data:
                        data = data[stream.write(data) :]
        return digest.hexdigest()


@contextmanager
def _writing(what: str) -> Iterator[None]:
    """Errors are those of this machine's disk, not of the connection."""
    try:
        yield
    except OSError as error:
        raise CannotStore(what, error) from error


def _append(path: Path, data: bytes) -> None:
    """Add to the log of a running build, whose beginning is enough where it is very long."""
    with open(path, "ab") as stream:
        if stream.tell() < _LONGEST_LIVE_LOG:
            stream.write(data)
