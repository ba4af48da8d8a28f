"""A worker's process: it runs one function for tasks, and has no variables that name keys or agents."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from altai_build.errors import UnreachableError
from altai_build.model.cluster import ClusterSettings
from altai_build.tools.dask import worker
from altai_build.tools.dask.client_child import TASK
from altai_build.tools.dask.worker import WorkerOptions, forget_environment, run_task, run_worker


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
    monkeypatch.setattr(os, "environ", {"PATH": "/bin", "HOME": "/h", **dict.fromkeys(secrets, "x")})
    forget_environment()
    assert os.environ == {"PATH": "/bin", "HOME": "/h"}


def test_no_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "CONNECT_TIMEOUT", 0.5)
    monkeypatch.setattr(worker, "forget_environment", lambda: None)
    options = WorkerOptions(name="w", slots=1, offers=["x"], host="", folder=tmp_path)
    with pytest.raises(UnreachableError, match=r"the scheduler tcp://127\.0\.0\.1:9 does not answer"):
        run_worker(ClusterSettings("127.0.0.1:9"), options, bytes.upper, print)
