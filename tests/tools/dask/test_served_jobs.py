"""What is kept of a job that ended, and which workers are waited for when a run is stopped."""

from __future__ import annotations

import time
from pathlib import Path

from altai_build.tools.dask.served_jobs import Attempt, ServedJob, check_arrived, make_token
from tests.kit.clusters import refer


def make_job(folder: Path) -> ServedJob:
    files = {"a" * 64: lambda: folder}
    return ServedJob(make_token(), files, folder / "incoming", folder / "log", 1 << 20)


def test_an_ended_job_keeps_nothing_but_who_worked_for_it(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    job.attempts["x"] = Attempt("w", tmp_path, 0.0, {"f": ("a" * 64, 1)})
    job.end()
    assert job.is_over and not job.files and not job.attempts["x"].arrived
    assert job.list_workers() == ["w"]


def test_a_worker_is_waited_for_until_it_knows_or_was_silent(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    assert not job.is_stopping()
    attempt = job.attempts["x"] = Attempt("w", tmp_path, 0.0)
    assert job.is_stopping()
    attempt.last_seen = time.monotonic() - 60
    assert not job.is_stopping()
    attempt.last_seen = time.monotonic()
    attempt.outcome = "a" * 64
    assert not job.is_stopping()
    attempt.outcome, attempt.is_told = "", True
    assert not job.is_stopping()


def test_what_arrived_is_what_was_announced() -> None:
    attempt = Attempt("w", Path("x"), 0.0, {"f.rpm": (refer(b"x").sha256, 1), "more": ("b" * 64, 1)})
    assert check_arrived(attempt, (refer(b"x"),)) == ["more was not announced"]
    assert check_arrived(attempt, (refer(b"y"),)) == [
        "f.rpm has not arrived as announced",
        "more was not announced",
    ]


def test_tokens_differ() -> None:
    assert make_token() != make_token() and len(make_token()) > 30
