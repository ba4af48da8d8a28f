"""The run's files: only a request with the token of a job gets its files and may send results, within limits."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from altai_build.errors import InputError, UnreachableError
from altai_build.tools.dask.address import make_tls_context
from altai_build.tools.dask.file_client import FileClient, JobIsOver
from altai_build.tools.dask.file_server import FileServer
from altai_build.tools.dask.served_jobs import OUTCOME, Attempt, ServedJob, check_arrived, make_token
from altai_build.tools.files import make_directory
from tests.kit.certificates import make_cluster_certificates
from tests.kit.clusters import refer


@pytest.fixture
def server() -> Iterator[FileServer]:
    server = FileServer("127.0.0.1", 0, None)
    yield server
    server.close()


def serve(
    server: FileServer, folder: Path, *contents: bytes, most: int = 1 << 20
) -> tuple[ServedJob, FileClient]:
    """A job with these files, and a client with its token."""
    files = {}
    for number, data in enumerate(contents):
        path = folder / f"{number}.bin"
        path.write_bytes(data)
        files[refer(data).sha256] = lambda path=path: path
    incoming = folder / "incoming"
    incoming.mkdir()
    job = ServedJob(
        token=make_token(), files=files, incoming=incoming, live_log=folder / "build.log", most_bytes=most
    )
    name = server.add(job)
    return job, FileClient(server.url, name, job.token, None)


def ask(server: FileServer, method: str, path: str, token: str, body: bytes = b"") -> int:
    """The status of a request that no client of ours makes."""
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port or 0, timeout=20)
    try:
        headers = {"Authorization": f"Bearer {token}", "Content-Length": str(len(body))}
        connection.putrequest(method, path, skip_host=False)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        return connection.getresponse().status
    finally:
        connection.close()


def test_files_go_there_and_back(server: FileServer, tmp_path: Path) -> None:
    data = b"x" * (3 << 20)
    job, client = serve(server, tmp_path, data)
    client.receive_file(refer(data), tmp_path / "received")
    assert (tmp_path / "received").read_bytes() == data
    attempt = client.begin("worker-1")
    result = refer(b"result", "a-1-1.noarch.rpm")
    (tmp_path / "result").write_bytes(b"result")
    client.send_file(attempt, result, tmp_path / "result")
    client.send_log(attempt, b"+ make\n")
    client.send_log(attempt, b"+ make install\n")
    client.send_outcome(attempt, b"{}")
    sent = job.attempts[attempt]
    assert sent.worker == "worker-1" and check_arrived(sent, (result,)) == []
    assert (sent.folder / result.name).read_bytes() == b"result"
    assert job.live_log.read_bytes() == b"+ make\n+ make install\n"
    assert sent.outcome == hashlib.sha256(b"{}").hexdigest()
    assert (sent.folder / OUTCOME).read_bytes() == b"{}"
    assert server.refusals == []


def test_an_attempt_has_files_of_its_own(server: FileServer, tmp_path: Path) -> None:
    job, client = serve(server, tmp_path)
    lost, again = client.begin("worker-1"), client.begin("worker-2")
    for attempt, data in ((lost, b"half"), (again, b"whole")):
        (tmp_path / "f").write_bytes(data)
        client.send_file(attempt, refer(data), tmp_path / "f")
    client.send_log(lost, b"of the first\n")
    client.send_log(again, b"of the second\n")
    assert [(job.attempts[name].folder / "f.rpm").read_bytes() for name in (lost, again)] == [
        b"half",
        b"whole",
    ]
    # What the newest prints is shown.
    assert job.live_log.read_bytes() == b"of the second\n"


def test_other_tokens_and_files_of_other_jobs_are_refused(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    _, client = serve(server, tmp_path / "a", b"mine")
    job, _ = serve(server, tmp_path / "b", b"theirs")
    name = next(name for name, one in server.jobs.items() if one is job)
    for token in ("", "-", "wrong", client._token):
        assert ask(server, "GET", f"/jobs/{name}/files/{refer(b'theirs').sha256}", token) == 403
    assert ask(server, "GET", "/jobs/unknown/files/x", "-") == 403
    with pytest.raises(InputError, match="404"):
        client.receive_file(refer(b"theirs"), tmp_path / "received")
    assert any("wrong token" in refusal for refusal in server.refusals)


@pytest.mark.parametrize(
    "path",
    [
        "/attempts/{attempt}/../../x/{digest}",
        "/attempts/{attempt}/..%2fx/{digest}",
        "/attempts/{attempt}/.hidden/{digest}",
        "/attempts/{attempt}/-option/{digest}",
        "/attempts/{attempt}/a b/{digest}",
        "/attempts/{attempt}//{digest}",
        "/attempts/{attempt}/f/nodigest",
        "/attempts/unknown/f/{digest}",
        "/attempts/../f/{digest}",
        "/files/{digest}",
        "/../../etc/passwd",
        "",
    ],
)
def test_strange_names_are_refused(server: FileServer, tmp_path: Path, path: str) -> None:
    job, client = serve(server, tmp_path)
    attempt, name = client.begin("worker-1"), next(iter(server.jobs))
    before = sorted(tmp_path.rglob("*"))
    path = path.format(attempt=attempt, digest="a" * 64).replace(" ", "%20")
    assert ask(server, "PUT", f"/jobs/{name}{path}", job.token, b"x") in (400, 404)
    assert sorted(tmp_path.rglob("*")) == before and job.attempts[attempt].arrived == {}


def test_wrong_bytes_and_too_many_are_refused_with_the_workers_name(
    server: FileServer, tmp_path: Path
) -> None:
    job, client = serve(server, tmp_path, most=100)
    attempt, name = client.begin("worker-1"), next(iter(server.jobs))
    place = f"/jobs/{name}/attempts/{attempt}"
    assert ask(server, "PUT", f"{place}/wrong/{'a' * 64}", job.token, b"x") == 400
    assert ask(server, "PUT", f"{place}/large/{'a' * 64}", job.token, b"x" * 101) == 413
    digest = refer(b"x").sha256
    assert ask(server, "PUT", f"{place}/good/{digest}", job.token, b"x") == 201
    # An answer may be lost on its way.
    assert ask(server, "PUT", f"{place}/good/{digest}", job.token, b"x") == 201
    assert ask(server, "PUT", f"{place}/good/{refer(b'y').sha256}", job.token, b"y") == 409
    assert ask(server, "POST", f"{place}/outcome", job.token, b"") == 201
    assert [refusal.split(": ", 1)[1] for refusal in server.refusals] == [
        "worker-1 sent wrong with other bytes than announced",
        "worker-1 sent more than 100 bytes",
        "worker-1 sent good twice",
    ]
    assert sorted(path.name for path in job.attempts[attempt].folder.iterdir()) == [OUTCOME, "good"]
    assert job.attempts[attempt].taken == 1
    assert check_arrived(job.attempts[attempt], (refer(b"x", "other"),)) == [
        "other has not arrived as announced",
        "good was not announced",
    ]


def test_nobody_fills_the_disk_of_the_run(server: FileServer, tmp_path: Path) -> None:
    job, client = serve(server, tmp_path)
    attempt, name = client.begin("worker-1"), next(iter(server.jobs))
    job.keep_free = 1 << 60
    assert (
        ask(server, "PUT", f"/jobs/{name}/attempts/{attempt}/small/{refer(b'x').sha256}", job.token, b"x")
        == 201
    )
    job.attempts[attempt].taken = (1 << 60) + 1
    job.most_bytes = 1 << 61
    place = f"/jobs/{name}/attempts/{attempt}/f/{refer(b'x').sha256}"
    assert ask(server, "PUT", place, job.token, b"x") == 413
    assert server.refusals == ["127.0.0.1: worker-1 sends more than there is space for"]
    job.keep_free = 0
    assert ask(server, "PUT", place, job.token, b"x") == 201


def test_a_disk_that_refuses_is_not_the_network(server: FileServer, tmp_path: Path) -> None:
    job, client = serve(server, tmp_path, most=8 << 20)
    attempt = client.begin("worker-1")
    shutil.rmtree(job.attempts[attempt].folder)
    (tmp_path / "f").write_bytes(b"x" * (4 << 20))
    with pytest.raises(InputError, match="507") as caught:
        client.send_file(attempt, refer(b"x" * (4 << 20)), tmp_path / "f")
    # Who sends much comes to read why it is refused.
    job.most_bytes = 10
    with pytest.raises(InputError, match="413") as caught:
        client.send_file(attempt, refer(b"x" * (4 << 20)), tmp_path / "f")
    assert caught.value.why == "worker-1 sent more than 10 bytes"
    job.live_log.mkdir()
    with pytest.raises(InputError) as caught:
        client.send_log(attempt, b"x")
    assert caught.value.why == "the log of worker-1 cannot be written here: Is a directory"
    shutil.rmtree(job.incoming)
    assert server.fault is not None and str(server.fault) == caught.value.why
    with pytest.raises(InputError, match="507"):
        client.begin("worker-2")


def test_a_file_that_was_cut_off_is_sent_again(server: FileServer, tmp_path: Path) -> None:
    job, client = serve(server, tmp_path)
    attempt, name = client.begin("worker-1"), next(iter(server.jobs))
    place = urlsplit(server.url)
    head = f"PUT /jobs/{name}/attempts/{attempt}/f.rpm/{refer(b'whole').sha256} HTTP/1.1\r\n"
    with socket.create_connection((place.hostname, place.port)) as half:
        half.sendall(f"{head}Authorization: Bearer {job.token}\r\nContent-Length: 5\r\n\r\nwho".encode())
        (tmp_path / "f").write_bytes(b"whole")
        client.send_file(attempt, refer(b"whole"), tmp_path / "f")
    sent = job.attempts[attempt]
    assert check_arrived(sent, (refer(b"whole"),)) == []
    deadline = time.monotonic() + 30
    while sent.taken != 5:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [path.name for path in sent.folder.iterdir()] == ["f.rpm"] and server.refusals == []


def test_while_a_result_is_read_nobody_adds_to_its_log(server: FileServer, tmp_path: Path) -> None:
    job, client = serve(server, tmp_path, b"data")
    attempt = client.begin("worker-1")
    with job.reading():
        client.send_log(attempt, b"late")
        client.begin("worker-2")
        assert not job.live_log.exists()
        job.live_log.write_bytes(b"of the result")
        client.begin("worker-3")
        assert job.live_log.exists()
        job.end()
    for send in (client.send_log, client.send_outcome):
        with pytest.raises(JobIsOver):
            send(attempt, b"{}")
    assert job.live_log.read_bytes() == b"of the result" and job.attempts[attempt].outcome == ""
    assert job.files == {} and job.list_workers() == ["worker-1", "worker-2", "worker-3"]


def test_a_file_that_is_fetched_for_long_is_waited_for(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("altai_build.tools.dask.file_server._KEEP_WAITING", 0.01)
    monkeypatch.setattr("altai_build.tools.dask.file_client._SILENCE", 0.2)
    job, client = serve(server, tmp_path, b"data")
    [(digest, find)] = job.files.items()

    def fetch() -> Path:
        time.sleep(0.4)  # twice as long as a worker waits for a server that says nothing
        return find()

    job.files[digest] = fetch  # type: ignore[index]
    client.receive_file(refer(b"data"), tmp_path / "received")
    assert (tmp_path / "received").read_bytes() == b"data"


def test_names_of_workers_and_the_number_of_attempts_are_limited(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("altai_build.tools.dask.file_server.MOST_ATTEMPTS", 1)
    _, client = serve(server, tmp_path)
    with pytest.raises(InputError, match="400"):
        client.begin("a\x1b[31m")
    client.begin("a")
    with pytest.raises(InputError, match="429"):
        client.begin("a")


def test_who_works_for_a_job_that_is_over_is_told(server: FileServer, tmp_path: Path) -> None:
    job, client = serve(server, tmp_path, b"data")
    attempt = client.begin("worker-1")
    told = threading.Thread(target=server.stop_all, args=(30.0,))
    told.start()
    while not job.is_over:
        pass
    with pytest.raises(JobIsOver):
        client.send_log(attempt, b"more")
    told.join(30)
    assert not told.is_alive() and not job.live_log.exists()
    # Jobs that ended, and attempts of which nothing was heard for long, are not waited for.
    job.is_over, job.attempts[attempt].is_told, job.attempts[attempt].last_seen = False, False, 0.0
    ended, _ = serve(server, make_directory(tmp_path / "ended"))
    ended.attempts["x"] = Attempt("w", tmp_path, 0.0)
    ended.end()
    started = time.monotonic()
    server.stop_all(30.0)
    assert time.monotonic() - started < 20
    with pytest.raises(JobIsOver):
        client.begin("worker-1")
    with pytest.raises(JobIsOver):
        client.receive_file(refer(b"data"), tmp_path / "x")


def test_a_file_that_cannot_be_fetched_is_an_error_of_the_request(server: FileServer, tmp_path: Path) -> None:
    job, client = serve(server, tmp_path, b"data")

    def fail() -> Path:
        raise UnreachableError("the mirror is away")

    job.files[refer(b"data").sha256] = fail  # type: ignore[index]
    with pytest.raises(InputError) as caught:
        client.receive_file(refer(b"data"), tmp_path / "x")
    assert "502" in caught.value.what and "the mirror is away" in caught.value.why


def test_with_certificates_only_members_of_the_cluster_are_served(tmp_path: Path) -> None:
    tls, other = (make_cluster_certificates(tmp_path / name) for name in ("one", "other"))
    server = FileServer("127.0.0.1", 0, make_tls_context(tls, for_server=True))
    try:
        assert server.url.startswith("https://")
        job, _ = serve(server, tmp_path, b"data")
        name = next(iter(server.jobs))
        member = FileClient(server.url, name, job.token, make_tls_context(tls, for_server=False))
        member.receive_file(refer(b"data"), tmp_path / "received")
        assert member.begin("worker-1") in job.attempts
        stranger = FileClient(server.url, name, job.token, make_tls_context(other, for_server=False))
        with pytest.raises(UnreachableError, match="cannot be reached"):
            stranger._request("POST", "/attempts", b"w")
        unknown = ssl.create_default_context(cafile=str(tls.ca))
        unknown.check_hostname = False
        with pytest.raises(UnreachableError, match="cannot be reached"):
            FileClient(server.url, name, job.token, unknown)._request("POST", "/attempts", b"w")
        assert len(job.attempts) == 1
        # Who connects and says nothing keeps nobody waiting.
        place = urlsplit(server.url)
        with socket.create_connection((place.hostname, place.port)):
            member.send_log(next(iter(job.attempts)), b"x")
    finally:
        server.close()
