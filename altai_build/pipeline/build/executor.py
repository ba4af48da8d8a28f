"""Where builders run: jobs are submitted, results are waited for. The schedule knows no more about it than this."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import NewType, Protocol

from altai_build.model.build import BuildStep
from altai_build.pipeline.run import Run
from altai_build.stages.build.environment import BuildEnvironment
from altai_build.stages.build.jobs import BuildJob, JobResult, run_job
from altai_build.stages.build.phase import make_phase_reader
from altai_build.tools import process, processors
from altai_build.tools.chroot.resolver import Buildroot

JobHandle = NewType("JobHandle", int)  # an executor's number of a job


class Executor(Protocol):
    """Runs jobs, several at the same time.

    Jobs and results are plain values: what an executor cannot share with the place where a job runs (a process, another
    machine) it can send there. A new executor is one file with such a class and one line in `executors.EXECUTORS`.
    Its methods are called by one thread.
    """

    slots: int  # builds that run at the same time; may change while they do
    cpus_per_job: int  # processors that each may use

    @classmethod
    def open(cls, run: Run, environments: Mapping[str, BuildEnvironment], limit: int) -> Executor:
        """An executor for the builders of some targets, with at most `limit` slots.

        What it needs to open the builders elsewhere is each `definition`.
        """

    def prepare(self, target: str, base: Buildroot) -> None:
        """Do once what all builds of a target share; called before its first job."""

    def submit(self, job: BuildJob, priority: float = 0.0) -> JobHandle:
        """Have a job run as soon as there is a slot for it; of jobs that wait, the highest priority first.

        A job that asks what a build requires (another step than `BuildStep.PACKAGES`) takes none of the slots: as many
        of these run beside the builds.
        The priority is the time that the longest chain of builds takes which begins with this one, in seconds.
        """

    def make_phase_reader(self, job: BuildJob) -> Callable[[], str]:
        """A function that says in a few words what a job that was submitted does now."""

    def wait(self) -> list[tuple[JobHandle, JobResult]]:
        """Wait until one of the submitted jobs ends; returns the results that were not returned before.

        Raises what a job raised. The files of a result are in its `folder`, on the file system of the workspace.
        """

    def cancel(self) -> None:
        """End all jobs now; returns when none runs any more. Nothing can be submitted afterwards."""

    def close(self) -> None:
        """Release everything; all jobs have ended."""


class LocalExecutor:
    """Runs jobs in threads of this process; the threads wait for the child processes that do the work."""

    def __init__(self, environments: Mapping[str, BuildEnvironment], slots: int) -> None:
        self.slots = slots
        self.cpus_per_job = max(1, processors.installed() // slots)
        self._builders = {target: environment.builder for target, environment in environments.items()}
        self._pool = ThreadPoolExecutor(slots)
        self._asking_pool = ThreadPoolExecutor(slots)
        self._numbers = itertools.count()
        self._handles: dict[Future[JobResult], JobHandle] = {}

    @classmethod
    def open(cls, run: Run, environments: Mapping[str, BuildEnvironment], limit: int) -> LocalExecutor:
        """An executor that uses the builders of the environments, with a slot for each job of the run."""
        return cls(environments, max(1, min(run.jobs, limit)))

    def prepare(self, target: str, base: Buildroot) -> None:
        """Have the builder of a target do what its builds share."""
        self._builders[target].prepare(base)

    def submit(self, job: BuildJob, priority: float = 0.0) -> JobHandle:
        """Have a job run as soon as a thread is free: for a build one has been, so that there is nothing to choose."""
        handle = JobHandle(next(self._numbers))
        pool = self._pool if job.request.step is BuildStep.PACKAGES else self._asking_pool
        self._handles[pool.submit(run_job, job, self._builders[job.target])] = handle
        return handle

    def make_phase_reader(self, job: BuildJob) -> Callable[[], str]:
        """By the log that the job writes here."""
        return make_phase_reader(job)

    def wait(self) -> list[tuple[JobHandle, JobResult]]:
        """The results of the jobs that ended first."""
        ended, _ = wait(self._handles, return_when=FIRST_COMPLETED)
        return [(self._handles.pop(future), future.result()) for future in ended]

    def cancel(self) -> None:
        """End all child processes, then wait for the threads that waited for them."""
        process.kill_all_children()
        self._asking_pool.shutdown(wait=False, cancel_futures=True)
        self._pool.shutdown(cancel_futures=True)
        self._asking_pool.shutdown()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()
        self._asking_pool.shutdown()


class BuildNeeded(Exception):
    """Something would have to be built to know the result."""


class NoExecutor:
    """Runs nothing: for what earlier builds and releases know. Raises BuildNeeded where that is not enough."""

    slots = 1
    cpus_per_job = 1

    @classmethod
    def open(cls, run: Run, environments: Mapping[str, BuildEnvironment], limit: int) -> NoExecutor:
        """An executor that uses no builder."""
        return cls()

    def prepare(self, target: str, base: Buildroot) -> None:
        """Nothing is built in it."""

    def submit(self, job: BuildJob, priority: float = 0.0) -> JobHandle:
        """Raise BuildNeeded."""
        raise BuildNeeded(job.request.component)

    def make_phase_reader(self, job: BuildJob) -> Callable[[], str]:
        """Nothing is done."""
        return make_phase_reader(job)

    def wait(self) -> list[tuple[JobHandle, JobResult]]:
        """Nothing runs."""
        return []

    def cancel(self) -> None:
        """Nothing runs."""

    def close(self) -> None:
        """There is nothing to release."""
