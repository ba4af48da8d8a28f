"""Which build starts when: after everything that it needs, as a rule the longest remaining chain first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from altai_build.config import Config
from altai_build.errors import BuildError
from altai_build.model.build import BUILD_LOG, BuildResult, BuildStep, FailureKind
from altai_build.model.component_status import ComponentStatus
from altai_build.model.order_search import search_priorities
from altai_build.model.package import LocalRpm
from altai_build.model.release_files import LATEST_LINK, make_log_path
from altai_build.pipeline.build.build_queue import BuildQueue, PreparedBuild
from altai_build.pipeline.build.executor import Executor, JobHandle
from altai_build.pipeline.build.journal import RunJournal
from altai_build.pipeline.build.ordering import BuildOrder
from altai_build.pipeline.build.package_names import require_commit_in_releases
from altai_build.pipeline.build.revealed_needs import NeedsWatch, RevealedNeed
from altai_build.pipeline.build.toolchains import component_target, list_build_macros
from altai_build.pipeline.run import Run
from altai_build.stages.build.cache import BuildCache, ReleasedBuild
from altai_build.stages.build.environment import BuildEnvironment, ComponentBuild
from altai_build.stages.build.jobs import BuildJob, JobResult, Steps
from altai_build.stages.build.known_builds import KnownBuilds
from altai_build.stages.build.lookup import ask_early
from altai_build.stages.build.run import build_or_reuse
from altai_build.stages.srpm import SrpmMaker
from altai_build.tools.progress import TaskProgress
from altai_build.tools.rpm.header import read_header

# A release line never needs so many rebuilds of one commit; a build that differs each time must end too.
MAX_REBUILDS = 100


# Builds whose packages are installed: component and key of each.
GivenBuilds = tuple[tuple[str, str], ...]


def find_released_log(config: Config, component: str) -> Path | None:
    """Where the latest release has the log of a component's build, if it has one."""
    if config.release is None:
        return None
    return config.release.directory / LATEST_LINK / make_log_path(component)


@dataclass
class Schedule:
    """The state of one run's builds. Builders run where the executor lets them; everything else happens here.

    What a component lacks may be provided by another whose spec does not say so (python3dist(…), a file). Components
    whose requirements are not met are deferred until everything else is built, and tried again with all packages of the
    run; and again, as long as such a round brings new packages. So a build has the same packages in every run, however
    many builds ran at the same time.

    A finished build may reveal that another one, which is built already, needs its packages (`overtaken`). Nothing that
    depends on such a component is started any more; the next schedule has the order right.

    Before a build the builder is asked what it requires, which takes no slot: `BuildQueue` says what is prepared so
    while others build. What can be asked before the needs of a component are built is asked even earlier.
    """

    run: Run
    build_order: BuildOrder
    environments: Mapping[str, BuildEnvironment]
    maker: SrpmMaker
    executor: Executor
    progress: TaskProgress
    fail_fast: bool
    has_no_name_conflict: Callable[[BuildResult], bool]
    last_keys: Mapping[str, str]  # component → the key of the build that its packages came from last
    watch: NeedsWatch
    find_released: Callable[[str], ReleasedBuild | None] | None = None
    trusts_failures: bool = False
    known: KnownBuilds | None = None
    journal: RunJournal = field(default_factory=RunJournal)
    # The schedule by an order that lacked needs; what became of components holds where their inputs are the same.
    previous: Schedule | None = None
    results: dict[str, BuildResult] = field(default_factory=dict)
    # Needs by which components would need one another: what was there before serves as well.
    ignored: frozenset[RevealedNeed] = frozenset()
    # What finished builds reveal, and what of that the order lacks.
    found: set[RevealedNeed] = field(default_factory=set)
    revealed: set[RevealedNeed] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._cache = BuildCache(
            self.run.workspace,
            self.run.ledger,
            self.find_released,
            trusts_failures=self.trusts_failures,
            known=self.known,
        )
        self._sequence = self.build_order.order.start()
        self._running: dict[JobHandle, tuple[str, Steps[BuildResult]]] = {}
        self._builds: set[JobHandle] = set()  # of `_running` those that have a slot
        order = self.build_order.order
        remaining = order.remaining_seconds
        self._queue = BuildQueue(remaining, order.seconds, lambda slots: search_priorities(order, slots))
        # Components that may be asked early, the least urgent first, and those that are.
        self._unasked = sorted(self.build_order.srpms, key=lambda name: remaining.get(name, 0.0))
        self._early: dict[JobHandle, Steps[None]] = {}
        self._unusable = dict.fromkeys(self.build_order.unavailable, "has no source package")
        self._unmet: dict[str, BuildResult] = {}  # deferred component → the failure for want of packages
        # Deferred component → the components whose packages it was tried with besides those that its spec names.
        self._tried_with: dict[str, frozenset[str]] = {}
        # Component → the builds whose packages it was given, or will be: component and key.
        self._given: dict[str, GivenBuilds] = {}
        self._planned: dict[str, GivenBuilds] = {}

    @property
    def overtaken(self) -> set[str]:
        """Components that were built without packages that they need, as builds revealed afterwards."""
        return {
            need.component
            for need in self.revealed
            if need.component in self._given
            and need.needed not in {name for name, _ in self._given[need.component]}
        }

    def build_all(self) -> dict[str, BuildResult]:
        """Build everything that can be built; returns what became of each component that has a source package."""
        try:
            self._settle_cycles()
            while self._start_builds() or (not self.overtaken and self._retry_deferred()):
                self._ask_early()
                if self._running:
                    self._take_results()
            while self._early:
                self._take_results()
        except BaseException:
            self.executor.cancel()
            for steps in (
                *(steps for _, steps in self._running.values()),
                *self._queue.close(),
                *self._early.values(),
            ):
                steps.close()
            raise
        return self.results

    def _take_results(self) -> None:
        """Wait for the next results of jobs, and go on with what they belong to."""
        for handle, job_result in self.executor.wait():
            self._builds.discard(handle)
            if handle in self._early:
                self._advance_early(self._early.pop(handle), job_result)
            else:
                self._advance(*self._running.pop(handle), job_result)

    def _settle_cycles(self) -> None:
        """Components in cycles fail and block those that need them; the sequence has neither."""
        order = self.build_order.order
        self._unusable.update((name, "failed") for cycle in order.cycles for name in cycle)
        for name in order.blocked_by_cycle:
            status = ComponentStatus.FAILED if name in self._unusable else ComponentStatus.BLOCKED
            self._record(name, self._unbuilt(name, status, order.describe_blocked(name)))

    def _start_builds(self) -> bool:
        """Prepare and start builds until there is no slot or no component left; False when nothing runs then."""
        while True:
            self._take_ready()
            following = self._queue.take(self.executor.slots, len(self._builds))
            if following is None:
                return bool(self._running)
            if isinstance(following, PreparedBuild):
                self._start(following)
            else:
                self._prepare(following)

    def _prepare(self, name: str) -> None:
        """Find out what a component is built in; what is known already is settled."""
        if self._is_overtaken(name):
            self._queue.end_preparing(name)
            return
        if self._is_stopped():
            self._settle(name, self._unbuilt(name, ComponentStatus.BLOCKED, self._find_blocker(name)))
            return
        self._planned[name] = given = self._list_given(name)
        if (
            self.previous is not None
            and self.previous._given.get(name) == given
            and name in self.previous.results
        ):
            self._given[name] = given
            self._settle(name, self.previous.results[name], is_new=False)
            return
        if len(self._builds) < self.executor.slots:
            self.progress.start(name)
        self._advance(name, self._build(name, given), None)

    def _start(self, one: PreparedBuild) -> None:
        """Start a build that was prepared, or drop it where it is not what it would be now."""
        name = one.name
        if self._is_overtaken(name) or self._is_stopped() or self._list_given(name) != self._planned[name]:
            one.steps.close()
            self._prepare(name)
            return
        self._given[name] = self._planned[name]
        self.progress.start(name)
        self._builds.add(self._submit(name, one.steps, one.job))

    def _submit(self, name: str, steps: Steps[BuildResult], job: BuildJob) -> JobHandle:
        self.progress.set_phase(name, self.executor.make_phase_reader(job))
        self.journal.start(name, job.request.result_dir / BUILD_LOG)
        handle = self.executor.submit(job, self.build_order.order.remaining_seconds[name])
        self._running[handle] = (name, steps)
        return handle

    def _ask_early(self) -> None:
        """While builds run, ask what others require that nothing can be prepared of: the answer is kept."""
        free = self.executor.slots - len(self._early) if self._builds else 0
        for _ in range(free):
            while self._unasked and (self._unasked[-1] in self._planned or self._unasked[-1] in self.results):
                self._unasked.pop()
            if self._unasked:
                name = self._unasked.pop()
                self._advance_early(self._make_early(name), None)

    def _make_early(self, name: str) -> Steps[None]:
        build, environment = self._describe_build(name, ())
        return ask_early(build, environment, self._cache)

    def _advance_early(self, steps: Steps[None], job_result: JobResult | None) -> None:
        with suppress(StopIteration):
            job = next(steps) if job_result is None else steps.send(job_result)
            self._early[self.executor.submit(job)] = steps

    def _take_ready(self) -> None:
        """Queue the components that became ready; those that cannot be built are settled at once."""
        while names := self._sequence.take_ready():
            for name in names:
                blocker = self._find_blocker(name)
                if name in self.build_order.unavailable:
                    self._sequence.done(name)
                elif blocker:
                    self._settle(name, self._unbuilt(name, ComponentStatus.BLOCKED, blocker))
                else:
                    self._queue.add(name)

    def _is_overtaken(self, name: str) -> bool:
        """Whether a component needs one that is built again by the next schedule."""
        needs = self.build_order.order.needs
        return any(needs.includes(name, other) for other in self.overtaken)

    def _is_stopped(self) -> bool:
        return self.fail_fast and bool(self._unusable)

    def _find_blocker(self, name: str) -> str:
        """Why a component cannot be built; "" when nothing is in its way."""
        if self._is_stopped():
            return "not started: another component failed (--fail-fast)"
        needs = self.build_order.order.needs
        blockers = [needed for needed in sorted(self._unusable) if needs.includes(name, needed)]
        return f"needs {blockers[0]}, which {self._unusable[blockers[0]]}" if blockers else ""

    def _build(self, name: str, given: GivenBuilds) -> Steps[BuildResult]:
        """One component's build, repeated as the commit's next rebuild where an earlier release has its names."""
        sourced, _ = self.build_order.srpms[name]
        local = tuple(rpm for other, _ in given for rpm in self.results[other].rpms)
        for number in range(MAX_REBUILDS):
            build, environment = self._describe_build(name, local, number)
            result = yield from build_or_reuse(build, environment, self._cache)
            result = require_commit_in_releases(result, self.run.config.stamp)
            if (
                result.status is ComponentStatus.FAILED
                or name in self.build_order.macros
                or self.has_no_name_conflict(result)
            ):
                return result
        raise BuildError(
            f"{name} was rebuilt {MAX_REBUILDS} times from {sourced.component.commit} and differs each time",
            why="builds of the same inputs give different packages, so those of no earlier release can be kept",
            todo="look for timestamps, random numbers or the order of files in its build",
        )

    def _describe_build(
        self, name: str, local: tuple[LocalRpm, ...], number: int = 0
    ) -> tuple[ComponentBuild, BuildEnvironment]:
        """What a component is built from and by; `number` is that of the commit's rebuild."""
        sourced, srpm = self.build_order.srpms[name]
        if number:
            srpm = self.maker.make_srpm(sourced, rebuild_count=number)
        build = ComponentBuild(
            component=name,
            commit=sourced.component.commit,
            srpm=srpm.path,
            srpm_sha256=srpm.sha256,
            header=read_header(srpm.path) if number else self.build_order.headers[name],
            local=local,
            cpus=self.executor.cpus_per_job,
            macros=list_build_macros(
                self.run.config, sourced.component, self.build_order.macros.get(name, ())
            ),
            released_log=find_released_log(self.run.config, name),
            last_key=self.last_keys.get(name, ""),
        )
        return build, self.environments[component_target(self.run.config, sourced).name]

    def _list_given(self, name: str) -> GivenBuilds:
        """The builds whose packages a component is built with."""
        if name in self._tried_with:
            names = sorted(self._tried_with[name])
        else:
            revealed = {need.needed for need in self.revealed if need.component == name}
            names = [*self.build_order.needs(name), *sorted(revealed & self.results.keys())]
        return tuple((other, self.results[other].key) for other in names)

    def _advance(self, name: str, steps: Steps[BuildResult], job_result: JobResult | None) -> None:
        """Go on with a build until it asks for a job or ends; `job_result` is that of the job it asked for."""
        try:
            job = next(steps) if job_result is None else steps.send(job_result)
        except StopIteration as stop:
            self._queue.end_preparing(name)
            self._given[name] = self._planned[name]
            result: BuildResult = stop.value
            if result.failure is FailureKind.DEPENDENCIES and result.log is None:
                self._unmet[name] = result
            else:
                # What the previous schedule built is no older build that is reused.
                earlier = self.previous.results.get(name) if self.previous else None
                is_same = earlier is not None and earlier.key == result.key and bool(earlier.rpms)
                self._settle(name, earlier if earlier is not None and is_same else result)
        else:
            if job.request.step is not BuildStep.PACKAGES:
                self._submit(name, steps, job)
                return
            self.progress.set_phase(name, lambda: "waits")
            self._queue.put_prepared(name, steps, job)

    def _settle(self, name: str, result: BuildResult, *, is_new: bool = True) -> None:
        """A component's last word; those that need it are ready, or blocked."""
        if result.status is ComponentStatus.FAILED:
            self._unusable[name] = "failed"
        self._queue.settle(name)
        self._record(name, result, is_new=is_new)
        self._note_revealed_needs(name, result)
        self._sequence.done(name)

    def _note_revealed_needs(self, name: str, result: BuildResult) -> None:
        needs = self.build_order.order.needs
        if name not in self.build_order.order.bootstrap_builds:
            found = self.watch.add(result)
            self.found.update(found)
            self.revealed.update(
                need
                for need in found
                if need not in self.ignored and not needs.includes(need.component, need.needed)
            )

    def _record(self, name: str, result: BuildResult, *, is_new: bool = True) -> None:
        self.results[name] = result
        if not is_new:
            return
        detail = result.reason
        if result.status is ComponentStatus.BUILT:
            detail = f"{len(result.rpms)} package{'' if len(result.rpms) == 1 else 's'}: {detail}"
        self.progress.finish(name, result.status.value, detail)
        self.journal.end(replace(result, component=name))

    def _retry_deferred(self) -> bool:
        """When nothing more can start: queue deferred components again with all packages of the run.

        One that was tried with the same packages before has failed. False when there was none.
        """
        bootstrap_builds = self.build_order.order.bootstrap_builds
        offer = frozenset(
            name for name, result in self.results.items() if result.rpms and name not in bootstrap_builds
        )
        deferred, self._unmet = self._unmet, {}
        for name, result in deferred.items():
            if self._tried_with.get(name) == offer:
                self._settle(name, result)
            else:
                self._tried_with[name] = offer
                self._queue.add(name)
        return bool(deferred)

    def _unbuilt(self, name: str, status: ComponentStatus, reason: str) -> BuildResult:
        sourced, srpm = self.build_order.srpms[name]
        return BuildResult(
            component=name,
            commit=sourced.component.commit,
            status=status,
            reason=reason,
            srpm=srpm.path,
            failure=FailureKind.DEPENDENCIES if status is ComponentStatus.FAILED else None,
        )
