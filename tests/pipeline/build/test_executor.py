"""Jobs are plain values: an executor that runs them in other processes gives what the local one gives."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from altai_build.model.build import BuildOutcome, BuildRequest, BuildStep, FailureKind
from altai_build.model.component_status import ComponentStatus
from altai_build.pipeline.build import toolchains
from altai_build.pipeline.build.builders import BUILDERS
from altai_build.pipeline.build.executor import BuildNeeded, Executor, JobHandle, LocalExecutor, NoExecutor
from altai_build.pipeline.build.executors import EXECUTORS
from altai_build.pipeline.build.run import BuildRun
from altai_build.pipeline.run import Run
from altai_build.stages.build.environment import BuildEnvironment
from altai_build.stages.build.jobs import BuildJob, JobResult, run_job
from altai_build.tools import process
from altai_build.tools.chroot.resolver import Buildroot
from altai_build.workspace import Workspace
from tests.kit.builders import HostBuilder, HostSite, noarch_component


def run_pickled(message: bytes) -> bytes:
    """What happens in the other process: nothing but these bytes comes from the one that submits."""
    BUILDERS[HostBuilder.name] = "tests.kit.builders:HostBuilder"
    definition, job = pickle.loads(message)
    return pickle.dumps(run_job(job, toolchains.open_builder(definition)))


class ProcessExecutor:
    """Sends each job, with the definition of its builder, to another process."""

    cpus_per_job = 1

    def __init__(self, environments: Mapping[str, BuildEnvironment], slots: int) -> None:
        self.slots = slots
        self._definitions = {name: environment.definition for name, environment in environments.items()}
        self._pool = ProcessPoolExecutor(slots, mp_context=multiprocessing.get_context("spawn"))
        self._numbers = itertools.count()
        self._handles: dict[Future[bytes], JobHandle] = {}

    @classmethod
    def open(cls, run: Run, environments: Mapping[str, BuildEnvironment], limit: int) -> ProcessExecutor:
        return cls(environments, min(run.jobs, limit))

    def prepare(self, target: str, base: Buildroot) -> None:
        assert pickle.loads(pickle.dumps(base)) == base

    def submit(self, job: BuildJob, priority: float = 0.0) -> JobHandle:
        message = pickle.dumps((self._definitions[job.target], job))
        assert pickle.loads(message)[1] == job
        handle = JobHandle(next(self._numbers))
        self._handles[self._pool.submit(run_pickled, message)] = handle
        return handle

    def make_phase_reader(self, job: BuildJob) -> Callable[[], str]:
        return lambda: "elsewhere"

    def wait(self) -> list[tuple[JobHandle, JobResult]]:
        ended, _ = wait(self._handles, return_when=FIRST_COMPLETED)
        return [(self._handles.pop(future), pickle.loads(future.result())) for future in ended]

    def cancel(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def close(self) -> None:
        self._pool.shutdown()


def packages(build_run: BuildRun) -> dict[str, set[str]]:
    return {row.component: {str(rpm.header.nevra) for rpm in row.rpms} for row in build_run.rows}


def processes(build_run: BuildRun) -> set[int]:
    logs = [row.log.read_text().splitlines() for row in build_run.rows if row.log is not None]
    return {int(lines[0].split()[1]) for lines in logs}


def test_builds_in_other_processes_are_the_local_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = HostSite.create(tmp_path, monkeypatch)
    site.world.component("repos/lib", noarch_component("lib"))
    site.world.component("repos/app", noarch_component("app", "lib"))
    site.world.component("repos/broken", noarch_component("broken", build="exit 1"))
    asks = {"asks.spec": str(noarch_component("asks")["asks.spec"]), "README": "asks\n"}
    asks["asks.spec"] = asks["asks.spec"].replace("%build\n", "%generate_buildrequires\necho lib\n%build\n")
    site.world.component("repos/asks", dict(asks))
    site.world.pin()
    local = site.build()
    assert processes(local) == {os.getpid()}
    statuses = {row.component: row.status for row in local.rows}
    built, failed = ComponentStatus.BUILT, ComponentStatus.FAILED
    assert statuses == {"app": built, "asks": built, "broken": failed, "lib": built}, local.rows

    monkeypatch.setitem(EXECUTORS, "process", f"{__name__}:ProcessExecutor")
    other = HostSite(
        site.world, replace(site.run, workspace=Workspace(tmp_path / "other"), executor="process")
    )
    sent = other.build()
    assert os.getpid() not in processes(sent) and processes(sent)
    assert {row.component: row.status for row in sent.rows} == statuses
    assert packages(sent) == packages(local)
    assert {name: result.key for name, result in sent.results.items()} == {
        name: result.key for name, result in local.results.items()
    }
    # Only this process writes to the workspace: what was built elsewhere is known to it, and reused.
    again = {row.component: row.status for row in other.build().rows}
    assert again == {**dict.fromkeys(("app", "asks", "lib"), ComponentStatus.REUSED), "broken": failed}


def sleeping_job(folder: Path) -> BuildJob:
    (folder / "result").mkdir()
    request = BuildRequest("c", folder / "c.src.rpm", (), folder / "result", source_date_epoch=0)
    return BuildJob("t", request, Buildroot(base=(), extra=()))


def test_cancelling_ends_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(builder: HostBuilder, request: BuildRequest, buildroot: Buildroot) -> None:
        process.run(["sleep", "600"])

    monkeypatch.setattr(HostBuilder, "build", sleep)
    site = HostSite.create(tmp_path, monkeypatch)
    site.world.component("repos/a", noarch_component("a"))
    site.world.pin()
    environments = toolchains.open_build_environments(site.run, site.plan().discovery.sourced)
    executor: Executor = LocalExecutor.open(site.run, environments, 1)
    executor.submit(sleeping_job(tmp_path))
    started = time.monotonic()
    time.sleep(0.3)
    executor.cancel()
    assert time.monotonic() - started < 30


def test_processors_are_shared_between_the_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("altai_build.tools.processors.installed", lambda: 8)
    for slots, cpus in ((1, 8), (3, 2), (16, 1)):
        executor = LocalExecutor({}, slots)
        assert (executor.slots, executor.cpus_per_job) == (slots, cpus)
        executor.close()


def test_questions_take_no_slot(tmp_path: Path) -> None:
    answered = threading.Event()

    class Builder:
        def build(self, request: BuildRequest, buildroot: Buildroot) -> BuildOutcome:
            if request.step is BuildStep.PACKAGES:
                assert answered.wait(30)
            answered.set()
            return BuildOutcome(FailureKind.BUILD, (), None, request.step.value, 0.0, ())

    environment: Any = SimpleNamespace(builder=Builder())
    executor = LocalExecutor({"t": environment}, 1)
    build = sleeping_job(tmp_path)
    question = replace(build, request=replace(build.request, step=BuildStep.SPEC_REQUIRES))
    handles = [executor.submit(build), executor.submit(question)]
    ended: dict[JobHandle, str] = {}
    while len(ended) < 2:
        ended.update((handle, result.outcome.reason) for handle, result in executor.wait())
    assert [ended[handle] for handle in handles] == ["build", "spec-requires"]
    executor.close()


def test_what_is_not_known_is_not_built(tmp_path: Path) -> None:
    executor: Executor = NoExecutor()
    executor.prepare("t", Buildroot(base=(), extra=()))
    with pytest.raises(BuildNeeded, match="c"):
        executor.submit(sleeping_job(tmp_path))
    executor.cancel()
    executor.close()
    assert executor.wait() == []
