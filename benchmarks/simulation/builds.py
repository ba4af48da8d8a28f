"""The schedule of `altai-build build` with an executor whose builds only take simulated time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from altai_build.model.build import BuildOutcome, BuildRequest, BuildResult
from altai_build.model.component_status import ComponentStatus
from altai_build.model.order import Order
from altai_build.pipeline.build.executor import JobHandle
from altai_build.pipeline.build.ordering import BuildOrder
from altai_build.pipeline.build.revealed_needs import NeedsWatch
from altai_build.pipeline.build.schedule import GivenBuilds, Schedule
from altai_build.stages.build.jobs import BuildJob, JobResult, Steps
from altai_build.tools.chroot.resolver import Buildroot
from altai_build.tools.progress import SilentReporter
from altai_build.workspace import Workspace


class SimulatedExecutor:
    """Ends each job after the seconds of its component, by a clock that only jobs move."""

    cpus_per_job = 1

    def __init__(self, seconds: Mapping[str, float], slots: int) -> None:
        self.slots = slots
        self.now = 0.0
        # component → when its build started
        self.started: dict[str, float] = {}
        self._seconds = seconds
        self._running: list[tuple[float, JobHandle]] = []

    @classmethod
    def open(cls, run: object, environments: object, limit: int) -> SimulatedExecutor:
        """An executor without builds."""
        return cls({}, limit)

    def prepare(self, target: str, base: Buildroot) -> None:
        """Nothing is built."""

    def submit(self, job: BuildJob, priority: float = 0.0) -> JobHandle:
        """Start a job; a schedule that starts more than there are slots is wrong."""
        assert len(self._running) < self.slots, "the schedule started more builds than there are slots"
        handle = JobHandle(len(self.started))
        self.started[job.request.component] = self.now
        heapq.heappush(self._running, (self.now + self._seconds[job.request.component], handle))
        return handle

    def make_phase_reader(self, job: BuildJob) -> Callable[[], str]:
        """Nobody looks."""
        return lambda: ""

    def wait(self) -> list[tuple[JobHandle, JobResult]]:
        """The clock goes on to the next end of a job."""
        self.now, handle = heapq.heappop(self._running)
        handles = [handle]
        while self._running and self._running[0][0] == self.now:
            handles.append(heapq.heappop(self._running)[1])
        outcome = BuildOutcome(failure=None, rpms=(), log=None, reason="", seconds=0.0, buildroot=())
        return [(handle, JobResult(folder=Path(), outcome=outcome, rpms=())) for handle in handles]

    def cancel(self) -> None:
        """Nothing runs."""

    def close(self) -> None:
        """There is nothing to release."""


class SimulatedSchedule(Schedule):
    """The schedule, with builds that are one job each and make no packages."""

    def _build(self, name: str, given: GivenBuilds) -> Steps[BuildResult]:
        request = BuildRequest(
            component=name, srpm=Path(), local_rpms=(), result_dir=Path(), source_date_epoch=0
        )
        yield BuildJob(target="", request=request, buildroot=Buildroot(base=(), extra=()))
        return BuildResult(component=name, commit="", status=ComponentStatus.BUILT, reason="")

    def _make_early(self, name: str) -> Steps[None]:
        yield from ()


@dataclass(frozen=True)
class Simulation:
    """When each build started, and when the last one ended, in simulated seconds."""

    makespan: float
    started: Mapping[str, float]


def simulate(order: Order, seconds: Mapping[str, float], slots: int) -> Simulation:
    """All builds of an order; `seconds` is how long each takes, whatever the order expects."""
    executor = SimulatedExecutor(seconds, slots)
    workspace = Workspace(Path("/nonexistent"))
    # Where nothing is built, the schedule asks neither of them for anything else.
    run: Any = SimpleNamespace(workspace=workspace, ledger=None)
    maker: Any = None
    srpm: Any = (None, None)
    with SilentReporter(print).track("packages", len(seconds)) as progress:
        schedule = SimulatedSchedule(
            run=run,
            build_order=BuildOrder(srpms=dict.fromkeys(seconds, srpm), headers={}, order=order),
            environments={},
            maker=maker,
            executor=executor,
            progress=progress,
            fail_fast=False,
            has_no_name_conflict=lambda result: True,
            last_keys={},
            watch=NeedsWatch((), {}),
        )
        results = schedule.build_all()
    assert results.keys() == seconds.keys(), "the schedule left components out"
    return Simulation(makespan=executor.now, started=executor.started)
