"""Which build starts when: what a component needs before it, independent ones side by side, the longest path first."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from altai_build.errors import BuildError
from altai_build.model.build import ComponentStatus, FailureKind
from altai_build.model.package import LocalRpm
from altai_build.pipeline.build.ordering import BuildOrder
from altai_build.pipeline.build.toolchains import component_target
from altai_build.pipeline.run import Run
from altai_build.stages.build import BuildEnvironment, BuildJob, BuildResult, build_or_reuse
from altai_build.stages.srpm import SrpmMaker
from altai_build.tools import process
from altai_build.tools.progress import TaskProgress
from altai_build.tools.rpm.header import read_header

# More rebuilds of one commit than any release line needs; a build that never repeats itself must not go on for ever.
MAX_REBUILDS = 100


@dataclass
class Schedule:
    """The state of one run's builds. Only the calling thread changes it; workers run single builds.

    What a component lacks may be provided by another whose spec does not say so (python3dist(…), a file). Those whose
    needs are not met are deferred until all that can be built is, and tried again with all packages there are then;
    and again, as long as such a round brings new packages. What a build sees is thereby the same in every run, however
    many builds ran side by side.
    """

    run: Run
    build_order: BuildOrder
    environments: dict[str, BuildEnvironment]
    maker: SrpmMaker
    fail_fast: bool
    has_no_name_conflict: Callable[[BuildResult], bool]
    before: Mapping[str, str]  # component → the key of the build that gave its packages last
    built: dict[str, BuildResult] = field(default_factory=dict)
    deferred: dict[str, BuildResult] = field(default_factory=dict)
    offered: dict[str, frozenset[str]] = field(
        default_factory=dict
    )  # deferred → whose packages it was tried with
    stopped: bool = False

    def work(self) -> dict[str, BuildResult]:
        """Build everything that can be; returns what became of each component that has a source package."""
        made = self.build_order.srpms
        self._fail_cycles()
        self.stopped = self.fail_fast and bool(self.built or self.build_order.unavailable)
        running: dict[Future[BuildResult], str] = {}
        workers = max(1, min(self.run.jobs, len(made)))
        cpus = max(1, (os.cpu_count() or 1) // workers)
        with self.run.story.track("packages", len(made)) as table, ThreadPoolExecutor(workers) as pool:
            for name, result in self.built.items():
                table.finish(name, result.status.value, result.reason)
            while True:
                for name in self._ready(set(running.values())):
                    blocker = self._blocker(name)
                    if blocker:
                        self.built[name] = BuildResult(status=ComponentStatus.BLOCKED, reason=blocker)
                        table.finish(name, ComponentStatus.BLOCKED.value, blocker)
                    elif len(running) < workers:
                        table.start(name)
                        running[pool.submit(self._build, name, cpus)] = name
                if not running:
                    if self._ready(set()) or self._retry_deferred(table):
                        continue
                    break
                try:
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        self._finish(running.pop(future), future.result(), table)
                except BaseException:
                    # The pool waits for its threads on the way out; what they wait for must end first.
                    process.kill_all_children()
                    raise
        return self.built

    def _fail_cycles(self) -> None:
        for cycle in self.build_order.order.cycles:
            reason = (
                f"build dependencies go round in a circle: {self.build_order.order.describe_cycle(cycle)}"
            )
            for name in cycle[:-1]:
                self.built[name] = BuildResult(
                    status=ComponentStatus.FAILED, reason=reason, failure=FailureKind.DEPENDENCIES
                )

    def _ready(self, running: set[str]) -> list[str]:
        """Components whose needs are settled, the longest remaining path first."""
        order = self.build_order.order
        settled = self.built.keys() | self.build_order.unavailable
        ready = [
            name
            for name in self.build_order.srpms
            if name not in settled
            and name not in running
            and name not in self.deferred
            and all(one in settled for one in order.needs.get(name, ()))
        ]
        return sorted(ready, key=lambda name: (-order.remaining_seconds.get(name, 0.0), name))

    def _blocker(self, name: str) -> str:
        if self.stopped:
            return "another component failed, and --fail-fast was asked for"
        for needed in self.build_order.order.needs.get(name, ()):
            if needed in self.build_order.unavailable:
                return f"it needs {needed}, which has no source package"
            status = self.built[needed].status
            if status in (ComponentStatus.FAILED, ComponentStatus.BLOCKED):
                return f"it needs {needed}, which {'failed' if status is ComponentStatus.FAILED else 'is blocked'}"
        return ""

    def _build(self, name: str, cpus: int) -> BuildResult:
        sourced, srpm = self.build_order.srpms[name]
        needed = sorted(self.offered[name]) if name in self.offered else self.build_order.needs(name)
        local: list[LocalRpm] = [rpm for one in needed for rpm in self.built[one].rpms]
        environment = self.environments[component_target(self.run.config, sourced).name]
        for number in range(MAX_REBUILDS):
            if number:
                srpm = self.maker.make_srpm(sourced, rebuild_count=number)
            job = BuildJob(
                component=name,
                commit=sourced.component.commit,
                srpm=srpm.path,
                srpm_sha256=srpm.sha256,
                header=read_header(srpm.path) if number else self.build_order.headers[name],
                local=tuple(local),
                cpus=cpus,
                macros=self.build_order.macros.get(name, ()),
                before=self.before.get(name, ""),
            )
            result = build_or_reuse(job, environment, self.run.workspace, self.run.ledger)
            if (
                result.status is ComponentStatus.FAILED
                or name in self.build_order.macros
                or self.has_no_name_conflict(result)
            ):
                return replace(result, srpm=srpm.path)
        raise BuildError(
            f"{name} was rebuilt {MAX_REBUILDS} times from {sourced.component.commit} and differs each time",
            why="no two builds of the same inputs give the same packages, so no earlier release's can be kept",
            todo="look for times, random numbers or file order in its build",
        )

    def _finish(self, name: str, result: BuildResult, table: TaskProgress) -> None:
        if result.failure is FailureKind.DEPENDENCIES and result.log is None:
            self.deferred[name] = result
            return
        self._settle(name, result, table)

    def _settle(self, name: str, result: BuildResult, table: TaskProgress) -> None:
        self.built[name] = result
        detail = (
            result.reason
            if result.status is not ComponentStatus.BUILT
            else f"{len(result.rpms)} {'package' if len(result.rpms) == 1 else 'packages'}: {result.reason}"
        )
        table.finish(name, result.status.value, detail)
        if result.status is ComponentStatus.FAILED and self.fail_fast:
            self.stopped = True

    def _retry_deferred(self, table: TaskProgress) -> bool:
        """When nothing more can start: have the deferred tried with what has been built; False when that is all.

        One that was tried with the same before has failed.
        """
        firsts = self.build_order.order.bootstrap_builds
        offer = frozenset(name for name, one in self.built.items() if one.rpms and name not in firsts)
        waiting, self.deferred = self.deferred, {}
        for name, result in waiting.items():
            if self.offered.get(name) == offer:
                self._settle(name, result, table)
            else:
                self.offered[name] = offer
        return bool(waiting)
