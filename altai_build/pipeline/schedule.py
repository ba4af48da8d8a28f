"""Which build starts when: what a component needs before it, independent ones side by side, the longest path first."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from altai_build.errors import BuildFailed
from altai_build.model.plan import Failure, Status
from altai_build.pipeline.ordering import Ordered
from altai_build.pipeline.run import Run
from altai_build.pipeline.workshops import target_of
from altai_build.stages.build import Built, Job, Workshop, build
from altai_build.stages.srpm import SrpmMaker
from altai_build.tools import process
from altai_build.tools.buildroot import LocalRpm
from altai_build.tools.progress import Work
from altai_build.tools.rpmfile import read_header

# More rebuilds of one commit than any release line needs; a build that never repeats itself must not go on for ever.
REBUILDS = 100


@dataclass
class Schedule:
    """The state of one run's builds. Only the calling thread changes it; workers run single builds.

    What a component lacks may be provided by another whose spec does not say so (python3dist(…), a file). Those whose
    needs are not met are deferred until all that can be built is, and tried again with all packages there are then;
    and again, as long as such a round brings new packages. What a build sees is thereby the same in every run, however
    many builds ran side by side.
    """

    run: Run
    ordered: Ordered
    workshops: dict[str, Workshop]
    maker: SrpmMaker
    fail_fast: bool
    is_free: Callable[[Built], bool]
    before: Mapping[str, str]  # component → the key of the build that gave its packages last
    built: dict[str, Built] = field(default_factory=dict)
    deferred: dict[str, Built] = field(default_factory=dict)
    offered: dict[str, frozenset[str]] = field(
        default_factory=dict
    )  # deferred → whose packages it was tried with
    stopped: bool = False

    def work(self) -> dict[str, Built]:
        """Build everything that can be; returns what became of each component that has a source package."""
        made = self.ordered.made
        self._fail_circles()
        self.stopped = self.fail_fast and bool(self.built or self.ordered.lost)
        running: dict[Future[Built], str] = {}
        workers = max(1, min(self.run.jobs, len(made)))
        cpus = max(1, (os.cpu_count() or 1) // workers)
        with self.run.story.work("packages", len(made)) as table, ThreadPoolExecutor(workers) as pool:
            for name, result in self.built.items():
                table.done(name, result.status.value, result.reason)
            while True:
                for name in self._ready(set(running.values())):
                    blocker = self._blocker(name)
                    if blocker:
                        self.built[name] = Built(status=Status.BLOCKED, reason=blocker)
                        table.done(name, Status.BLOCKED.value, blocker)
                    elif len(running) < workers:
                        table.start(name)
                        running[pool.submit(self._build, name, cpus)] = name
                if not running:
                    if self._ready(set()) or self._again(table):
                        continue
                    break
                try:
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        self._finish(running.pop(future), future.result(), table)
                except BaseException:
                    # The pool waits for its threads on the way out; what they wait for must end first.
                    process.kill_all()
                    raise
        return self.built

    def _fail_circles(self) -> None:
        for cycle in self.ordered.order.cycles:
            reason = f"build dependencies go round in a circle: {self.ordered.order.told(cycle)}"
            for name in cycle[:-1]:
                self.built[name] = Built(status=Status.FAILED, reason=reason, failure=Failure.DEPENDENCIES)

    def _ready(self, running: set[str]) -> list[str]:
        """Components whose needs are settled, the longest remaining path first."""
        order = self.ordered.order
        settled = self.built.keys() | self.ordered.lost
        ready = [
            name
            for name in self.ordered.made
            if name not in settled
            and name not in running
            and name not in self.deferred
            and all(one in settled for one in order.needs.get(name, ()))
        ]
        return sorted(ready, key=lambda name: (-order.remaining.get(name, 0.0), name))

    def _blocker(self, name: str) -> str:
        if self.stopped:
            return "another component failed, and --fail-fast was asked for"
        for needed in self.ordered.order.needs.get(name, ()):
            if needed in self.ordered.lost:
                return f"it needs {needed}, which has no source package"
            status = self.built[needed].status
            if status in (Status.FAILED, Status.BLOCKED):
                return f"it needs {needed}, which {'failed' if status is Status.FAILED else 'is blocked'}"
        return ""

    def _build(self, name: str, cpus: int) -> Built:
        sourced, srpm = self.ordered.made[name]
        needed = sorted(self.offered[name]) if name in self.offered else self.ordered.needs(name)
        local: list[LocalRpm] = [rpm for one in needed for rpm in self.built[one].rpms]
        workshop = self.workshops[target_of(self.run.config, sourced).name]
        for number in range(REBUILDS):
            if number:
                srpm = self.maker.make(sourced, rebuild=number)
            job = Job(
                component=name,
                commit=sourced.component.commit,
                srpm=srpm.path,
                srpm_sha256=srpm.sha256,
                header=read_header(srpm.path) if number else self.ordered.headers[name],
                local=tuple(local),
                cpus=cpus,
                macros=self.ordered.macros.get(name, ()),
                before=self.before.get(name, ""),
            )
            result = build(job, workshop, self.run.workspace, self.run.ledger)
            if result.status is Status.FAILED or name in self.ordered.macros or self.is_free(result):
                return replace(result, srpm=srpm.path)
        raise BuildFailed(
            f"{name} was rebuilt {REBUILDS} times from {sourced.component.commit} and differs each time",
            why="no two builds of the same inputs give the same packages, so no earlier release's can be kept",
            todo="look for times, random numbers or file order in its build",
        )

    def _finish(self, name: str, result: Built, table: Work) -> None:
        if result.failure is Failure.DEPENDENCIES and result.log is None:
            self.deferred[name] = result
            return
        self._settle(name, result, table)

    def _settle(self, name: str, result: Built, table: Work) -> None:
        self.built[name] = result
        detail = (
            result.reason
            if result.status is not Status.BUILT
            else f"{len(result.rpms)} {'package' if len(result.rpms) == 1 else 'packages'}: {result.reason}"
        )
        table.done(name, result.status.value, detail)
        if result.status is Status.FAILED and self.fail_fast:
            self.stopped = True

    def _again(self, table: Work) -> bool:
        """When nothing more can start: have the deferred tried with what has been built; False when that is all.

        One that was tried with the same before has failed.
        """
        firsts = self.ordered.order.first_passes
        offer = frozenset(name for name, one in self.built.items() if one.rpms and name not in firsts)
        waiting, self.deferred = self.deferred, {}
        for name, result in waiting.items():
            if self.offered.get(name) == offer:
                self._settle(name, result, table)
            else:
                self.offered[name] = offer
        return bool(waiting)
