"""A worker does not work beside keys, and not with more processors than there are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from altai_build.errors import InputError, MissingToolError
from altai_build.model.cluster import ClusterSettings
from altai_build.pipeline import worker
from altai_build.pipeline.build.builders import BUILDERS
from altai_build.pipeline.build.job_runner import JobRunner
from altai_build.pipeline.worker import WorkerSettings, default_name, serve_builds
from altai_build.tools.rpm.bindings import load_rpm
from altai_build.workspace import Workspace


def settings(slots: int) -> WorkerSettings:
    return WorkerSettings(
        cluster=ClusterSettings("127.0.0.1:1"),
        builder="host",
        slots=slots,
        name=default_name(),
        host="",
        store_limit=1 << 20,
        reconnect=0,
    )


def test_a_workspace_with_keys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gnupg").mkdir()
    with pytest.raises(InputError, match="has signing keys"):
        serve_builds(Workspace(tmp_path), settings(1), print, print)


def test_what_a_stopped_worker_builds_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILDERS, "host", "tests.kit.builders:HostBuilder")
    waited: list[float] = []
    monkeypatch.setattr(JobRunner, "wait", lambda runner, seconds: waited.append(seconds))
    monkeypatch.setattr(worker, "run_worker", lambda *_: None)
    serve_builds(Workspace(tmp_path), settings(1), print, lambda offers: None)
    assert waited == [10.0]


def test_without_the_rpm_bindings_no_job_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rpm", None)
    monkeypatch.setattr(worker, "load_rpm", load_rpm.__wrapped__)  # which remembers nothing
    with pytest.raises(MissingToolError, match="the rpm bindings for Python cannot be loaded"):
        serve_builds(Workspace(tmp_path), settings(1), print, print)


def test_processors_are_shared_between_the_slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILDERS, "host", "tests.kit.builders:HostBuilder")
    monkeypatch.setattr("altai_build.tools.processors.installed", lambda: 8)
    cpus = []
    monkeypatch.setattr(
        worker, "run_worker", lambda cluster, options, run, stop, say: cpus.append(run.__self__.cpus)
    )
    for slots in (1, 3, 16):
        serve_builds(Workspace(tmp_path), settings(slots), print, lambda offers: None)
    assert cpus == [8, 2, 1]
