"""A worker's process: it runs one function for tasks, and has no variables that name keys or agents."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from pathlib import Path

import distributed
import pytest

from altai_build.errors import InputError, UnreachableError
from altai_build.model.cluster import ClusterSettings
from altai_build.tools.dask import worker
from altai_build.tools.dask.client_child import TASK
from altai_build.tools.dask.worker import OneLine, WorkerOptions, forget_environment, run_task, run_worker


def test_tasks_call_the_function_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"{run_task.__module__}:{run_task.__name__}" == TASK
    with pytest.raises(ValueError, match="this is no worker"):
        run_task(b"x")
    monkeypatch.setattr(worker, "_handlers", [bytes.upper])
    assert run_task(b"x") == b"X"
    for wrong in ("x", b"x" * 4097):
        with pytest.raises(ValueError, match="this is no worker"):
            run_task(wrong)  # type: ignore[arg-type]


def test_secrets_of_the_environment_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = (
        "GNUPGHOME",
        "SSH_AUTH_SOCK",
        "GITHUB_TOKEN",
        "ALTAI_BUILD_PASSPHRASE_FILE",
        "AWS_SECRET_ACCESS_KEY",
    )
    kept = {"PATH": "/bin", "HOME": "/h", "SUDO_UID": "1000", "http_proxy": "http://proxy:3128"}
    proxy = {"https_proxy": "http://user:password@proxy:3128"}
    monkeypatch.setattr(os, "environ", {**kept, **proxy, **dict.fromkeys(secrets, "x")})
    forget_environment()
    assert os.environ == kept


def test_no_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "CONNECT_TIMEOUT", 0.5)
    monkeypatch.setattr(worker, "forget_environment", lambda: None)
    options = WorkerOptions(name="w", slots=1, offers=["x"], host="", folder=tmp_path)
    with pytest.raises(
        UnreachableError, match=r"the scheduler tcp://127\.0\.0\.1:9 does not answer"
    ) as caught:
        run_worker(ClusterSettings("127.0.0.1:9"), options, bytes.upper, lambda: None, print)
    assert caught.value.why == "Connection refused"


def test_what_dask_logs_is_a_line() -> None:
    logger = logging.getLogger("distributed.x")
    try:
        raise OSError("cut\noff")
    except OSError:
        record = logger.makeRecord("x", logging.ERROR, "f", 1, "lost \x1b[31m\n%s", ("it",), sys.exc_info())
    assert OneLine().format(record) == "Dask: lost \\x1b[31m it (OSError: cut\\noff)"


class PlayedWorker:
    """Dask's worker, whose scheduler is lost at once, or which works until a signal comes."""

    def __init__(self, is_lost: bool) -> None:
        self.is_lost = is_lost
        self.closed = False

    async def finished(self) -> None:
        if not self.is_lost:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)

    async def close(self, **_: object) -> None:
        self.closed = True


def play(
    monkeypatch: pytest.MonkeyPatch, folder: Path, events: list[PlayedWorker | Exception], reconnect: float
) -> list[str]:
    """What a worker says whose attempts to connect end so."""
    said: list[str] = []

    async def connect(*_: object) -> PlayedWorker:
        event = events.pop(0)
        if isinstance(event, Exception):
            raise event
        return event

    monkeypatch.setattr(worker, "_connect", connect)
    monkeypatch.setattr(worker, "RETRY_PAUSE", 0.0)
    monkeypatch.setattr(worker, "forget_environment", lambda: None)
    options = WorkerOptions(name="w", slots=1, offers=["x"], host="", folder=folder, reconnect=reconnect)
    run_worker(ClusterSettings("127.0.0.1:9"), options, bytes.upper, lambda: None, said.append)
    return said


def test_a_worker_connects_again_when_the_scheduler_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = PlayedWorker(is_lost=False)
    # The scheduler does not answer yet, and then still knows the earlier worker with this name.
    errors = [UnreachableError("no answer"), InputError("the name is taken")]
    said = play(monkeypatch, tmp_path, [PlayedWorker(is_lost=True), *errors, last], reconnect=60)
    connected = "worker w is connected to tcp://127.0.0.1:9"
    lost = "the connection to the scheduler tcp://127.0.0.1:9 ended; trying for 60 seconds to connect"
    assert said == [connected, lost, connected]
    assert last.closed


def test_a_worker_ends_when_the_scheduler_stays_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreachableError, match=r"the connection to the scheduler .* ended") as caught:
        play(monkeypatch, tmp_path, [PlayedWorker(is_lost=True)], reconnect=0)
    assert caught.value.why == ""
    errors: list[PlayedWorker | Exception] = [
        UnreachableError("no answer", why=f"{n}") for n in range(10_000)
    ]
    with pytest.raises(UnreachableError) as caught:
        play(monkeypatch, tmp_path, [PlayedWorker(is_lost=True), *errors], reconnect=0.05)
    assert caught.value.why.startswith("no answer; ")


def test_builds_end_when_dask_closes_its_worker() -> None:
    ended = threading.Event()
    threads = worker._BuildThreads(1, ended.set)
    future = threads.submit(ended.wait, 60)
    threads.shutdown()
    assert future.result(60)


def test_a_scheduler_of_another_release_is_refused_before_it_has_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    class Scheduler:
        def __init__(self, address: str, **options: object) -> None:
            asked.append((address, options["connection_args"]))

        async def __aenter__(self) -> Scheduler:
            return self

        async def __aexit__(self, *_: object) -> None:
            asked.append("closed")

        async def versions(self, **_: object) -> dict[str, dict[str, str]]:
            return {"packages": {"distributed": "2024.8.0"}}

    monkeypatch.setattr(distributed, "rpc", Scheduler)
    monkeypatch.setattr(distributed, "__version__", "2026.8.0")
    with pytest.raises(
        InputError, match=r"tcp://a:1 runs `distributed` 2024\.8\.0, and this machine 2026\.8"
    ):
        asyncio.run(
            worker._connect(
                object(),
                "tcp://a:1",
                ClusterSettings("tcp://a:1", allows_insecure=True),
                WorkerOptions(name="w", slots=1, offers=["x"], host="", folder=Path()),
                lambda: None,
            )
        )
    assert asked == [
        ("tcp://a:1", {"ssl_context": None, "require_encryption": False, "extra_conn_args": {}}),
        "closed",
    ]
