"""Run the suites of a test plan, several at the same time, after what they need is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from altai_build.config.unit_tests import TestSettings
from altai_build.errors import AltaiError, InputError
from altai_build.model.affected_tests import EverythingRuns, TestSelection
from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus
from altai_build.model.package import LocalRpm
from altai_build.model.unit_tests import NoSuite, Suite, SuiteStatus, TestResult
from altai_build.pipeline.build.executor import Executor, JobHandle
from altai_build.pipeline.build.run import BuildRun
from altai_build.pipeline.build.toolchains import (
    component_target,
    list_build_macros,
    open_build_environments,
    open_executor,
)
from altai_build.pipeline.run import Run
from altai_build.pipeline.unit_tests.affected import (
    Candidate,
    confirm,
    find_candidate,
    find_unrecordable,
    keep_record,
)
from altai_build.pipeline.unit_tests.judgement import judge_failed_run, judge_run, make_not_run
from altai_build.pipeline.unit_tests.plan import TestPlan, get_test_settings
from altai_build.pipeline.unit_tests.requirements import (
    COVERAGE_PY,
    SuiteNeeds,
    drop_uninstallable,
    find_suite_needs,
    list_known_build_requires,
)
from altai_build.stages.build.cache import BuildCache
from altai_build.stages.build.environment import BuildEnvironment, ComponentBuild
from altai_build.stages.build.jobs import JobResult, Steps
from altai_build.stages.build.lookup import look_up_or_generate
from altai_build.stages.build.run import build_or_reuse
from altai_build.stages.unit_tests.history import read_flaky_tests, record_flaky_tests
from altai_build.stages.unit_tests.results import has_passed
from altai_build.stages.unit_tests.wrapper import (
    LockedFile,
    Recording,
    SuiteRequest,
    list_suite_settings,
    make_wrapper,
)
from altai_build.tools.files import make_directory, scratch_directory, sha256_file
from altai_build.tools.git.component_source import ComponentSource
from altai_build.tools.progress import TaskProgress
from altai_build.tools.rpm.header import read_header
from altai_build.tools.solver.resolve import Unsatisfiable

# The name of a component's test runs in the ledger; no component has one with two slashes.
_LEDGER_NAME = "{}//unit-tests"


@dataclass(frozen=True)
class _Prepared:
    """A suite with all that its run is made from."""

    source: ComponentSource
    suite: Suite
    needs: SuiteNeeds
    request: SuiteRequest
    build: ComponentBuild
    environment: BuildEnvironment
    candidate: Candidate | None = None  # None: all tests run
    selection: TestSelection | None = None  # None: affected tests were not asked for


def run_tests(
    run: Run,
    plan: TestPlan,
    build_run: BuildRun,
    *,
    run_all: bool = False,
    affected: bool = False,
    locked: Mapping[str, Sequence[LockedFile]] | None = None,
) -> tuple[TestResult, ...]:
    """Run the suites of a plan that was built; returns what became of each, in the plan's order.

    A run without failures is not repeated as long as nothing that it depends on has changed, unless `run_all`. With
    `affected` it is recorded what each Python test runs, and those run again that may end differently now.
    `locked` are the verified files of component's projects on PyPI. Errors of the machine are raised; tests that fail,
    or cannot be run, are results. The caller holds the workspace.
    """
    tests = _TestRuns(run, plan, build_run, run_all, affected, locked or {})
    results = tests.run_all_suites()
    record_flaky_tests(run.workspace.flaky_tests, results)
    return results


@dataclass
class _TestRuns:
    """The state of one run."""

    run: Run
    plan: TestPlan
    build_run: BuildRun
    run_all: bool
    affected: bool
    locked: Mapping[str, Sequence[LockedFile]]
    results: dict[str, TestResult] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._sources = {
            source.component.name: source for source in self.build_run.build_plan.discovery.sourced
        }
        self._srpms = {source.component.name: srpm for source, srpm in self.build_run.srpm_batch.srpms}
        self._cache = BuildCache(
            self.run.workspace,
            self.run.ledger,
            is_reusable=(lambda rpm: False) if self.run_all else has_passed,
        )
        self._flaky = read_flaky_tests(self.run.workspace.flaky_tests)
        self._rows = {row.component: row for row in self.build_run.rows}

    def run_all_suites(self) -> tuple[TestResult, ...]:
        """Run everything; the results in the order of the plan."""
        suites: dict[str, Suite] = {}
        for name, suite in self.plan.suites.items():
            if isinstance(suite, Suite):
                suites[name] = suite
            else:
                self._settle_without_suite(name, suite)
        if suites:
            environments = open_build_environments(
                self.run, [self._sources[name] for name in suites if name in self._sources]
            )
            with scratch_directory(self.run.workspace.scratch, "unit-tests") as scratch:
                scratch.chmod(0o755)  # builders work as other users
                self._run_suites(suites, environments, scratch)
        return tuple(self.results[name] for name in self.plan.suites)

    def _settle_without_suite(self, name: str, suite: NoSuite) -> None:
        row = self._rows.get(name)
        self.results[name] = TestResult(
            component=name,
            commit=row.commit if row is not None else "",
            status=suite.status,
            reason=suite.reason,
        )

    def _run_suites(
        self, suites: Mapping[str, Suite], environments: Mapping[str, BuildEnvironment], scratch: Path
    ) -> None:
        with closing(open_executor(self.run, environments, limit=len(suites))) as executor:
            for target, environment in environments.items():
                executor.prepare(target, environment.resolver.base_buildroot)
            with self.run.reporter.track("unit tests", len(suites)) as progress:
                tasks = [
                    (name, self._test(name, suite, environments, executor, scratch))
                    for name, suite in suites.items()
                ]
                run_side_by_side(executor, tasks, progress, self._settle)

    def _settle(self, name: str, result: TestResult) -> str:
        self.results[name] = result
        return result.status.value

    def _test(
        self,
        name: str,
        suite: Suite,
        environments: Mapping[str, BuildEnvironment],
        executor: Executor,
        scratch: Path,
    ) -> Steps[TestResult]:
        """One component's test run."""
        row = self._rows[name]
        if row.status not in (ComponentStatus.BUILT, ComponentStatus.REUSED):
            what = "failed" if row.status is ComponentStatus.FAILED else f"is {row.status.value}"
            return make_not_run(name, suite, row, f"its build {what}")
        try:
            prepared = self._prepare(name, suite, row, environments, executor, scratch)
        except AltaiError as error:
            return TestResult(
                component=name,
                commit=row.commit,
                status=SuiteStatus.NOT_RUN,
                reason=error.what,
                suite=suite,
                causes=tuple(filter(None, (error.why, error.todo))),
            )
        if prepared.request.recording is not None and not self.run_all:
            prepared = yield from self._select(prepared, executor, scratch)
        result = yield from build_or_reuse(prepared.build, prepared.environment, self._cache)
        return self._judge(prepared, result)

    def _select(self, prepared: _Prepared, executor: Executor, scratch: Path) -> Steps[_Prepared]:
        """Leave out tests that a change does not affect, unless a complete run with these inputs is there."""
        request, candidate = prepared.request, prepared.candidate
        assert request.recording is not None and candidate is not None
        try:
            lookup = yield from look_up_or_generate(prepared.build, prepared.environment, self._cache)
        except Unsatisfiable:
            return prepared  # the run says so again
        if lookup.rpms:
            return replace(prepared, selection=None)
        selection = confirm(candidate, lookup.resolved.inputs, list_suite_settings(request))
        if isinstance(selection, EverythingRuns) or candidate.stored is None:
            return replace(prepared, selection=selection)
        recording = replace(request.recording, selection=selection, base=candidate.stored.document)
        request = replace(request, recording=recording)
        build = self._make_build(prepared.source, request, prepared.build.local, executor, scratch)
        return replace(prepared, request=request, build=build, selection=selection)

    def _prepare(
        self,
        name: str,
        suite: Suite,
        row: BuildResult,
        environments: Mapping[str, BuildEnvironment],
        executor: Executor,
        scratch: Path,
    ) -> _Prepared:
        source, srpm = self._sources[name], self._srpms[name]
        component = source.component
        settings = get_test_settings(self.run.config, name, component.path)
        environment = environments[component_target(self.run.config, source).name]
        locked = tuple(self.locked.get(name, ()))
        if settings.pypi and not locked:
            raise InputError(
                "its test requirements from PyPI are not locked",
                why=f"repos.yaml names {', '.join(settings.pypi)}",
                todo="make test.lock.yaml: `altai-build test --lock`",
            )
        local = self._list_local(name)
        header = read_header(srpm.path)
        needs = find_suite_needs(
            suite,
            settings,
            list_known_build_requires(self._cache, name, srpm.sha256, header),
            row.rpms,
            lambda wanted: environment.resolver.list_provided(wanted, local),
            [file.project for file in locked],
        )
        if needs.missing:
            raise InputError(
                f"no package of the target provides {', '.join(needs.missing)}, which runs its tests",
                why=f"{suite.why} says so",
                todo=f"add a repository with it, name it in components.{name}.test.pypi, or set "
                f"components.{name}.test.command in repos.yaml",
            )
        needs = drop_uninstallable(
            needs, lambda wanted: environment.resolver.resolve_build_requires(wanted, local)
        )
        request = SuiteRequest(
            component=name,
            srpm=srpm.path,
            version=source.info.version,
            epoch=int(header.build_time.timestamp()),
            suite=suite,
            settings=settings,
            requires=(*needs.requires, *needs.optional),
            coverage=needs.coverage,
            locked=locked,
        )
        candidate, selection = None, None
        if self.affected:
            candidate, selection = self._find_candidate(source, suite, settings, needs)
            if candidate is not None:
                length = len(component.commit)
                request = replace(request, recording=Recording("sha1" if length == 40 else "sha256"))
        return _Prepared(
            source=source,
            suite=suite,
            needs=needs,
            request=request,
            build=self._make_build(source, request, local, executor, scratch),
            environment=environment,
            candidate=candidate,
            selection=selection,
        )

    def _find_candidate(
        self, source: ComponentSource, suite: Suite, settings: TestSettings, needs: SuiteNeeds
    ) -> tuple[Candidate | None, TestSelection]:
        """What the files of the commit say of the tests to run; None, and why all run, where nothing is recorded."""
        unrecordable = find_unrecordable(suite, settings)
        if not unrecordable and needs.coverage != COVERAGE_PY:
            unrecordable = needs.unmeasured or "coverage.py does not measure it"
        if unrecordable:
            return None, EverythingRuns(unrecordable)
        if self.run_all:
            return Candidate(EverythingRuns("--all")), EverythingRuns("--all")
        candidate = find_candidate(self.run.workspace, source, suite, settings)
        return candidate, candidate.selection

    def _make_build(
        self,
        source: ComponentSource,
        request: SuiteRequest,
        local: tuple[LocalRpm, ...],
        executor: Executor,
        scratch: Path,
    ) -> ComponentBuild:
        """The build that is a test run."""
        component = source.component
        macros, arch = self.run.config.get_target_macros(component.repository)
        folder = make_directory(scratch / str(len(list(scratch.iterdir()))))
        wrapper = make_wrapper(request, folder, macros, arch, self.run.config.limits)
        return ComponentBuild(
            component=_LEDGER_NAME.format(component.name),
            commit=component.commit,
            srpm=wrapper,
            srpm_sha256=sha256_file(wrapper),
            header=read_header(wrapper),
            local=local,
            cpus=executor.cpus_per_job,
            macros=list_build_macros(self.run.config, component),
        )

    def _list_local(self, name: str) -> tuple[LocalRpm, ...]:
        """The packages of this run that may be installed for a component's tests."""
        results = self.build_run.results
        return tuple(
            rpm for other in sorted(self.plan.needs[name]) if other in results for rpm in results[other].rpms
        )

    def _judge(self, prepared: _Prepared, result: BuildResult) -> TestResult:
        name = prepared.source.component.name
        workspace = self.run.workspace
        if result.status is ComponentStatus.FAILED:
            judged = judge_failed_run(name, prepared.suite, result)
        else:
            logs = workspace.failed_build_logs(f"{name}.unit-tests")
            judged = judge_run(name, prepared.suite, result, self._cache, logs, prepared.selection)
        notes = [*prepared.suite.notes, *judged.notes]
        record = self.run.ledger.find("build", result.key) if prepared.candidate is not None else None
        if record is not None:
            settings = list_suite_settings(prepared.request)
            notes += filter(None, [keep_record(workspace, name, judged, record.inputs, settings)])
        if prepared.needs.absent:
            notes.append(f"no package of the target provides {', '.join(prepared.needs.absent)}")
        notes += [f"{name} cannot be installed: {why}" for name, why in prepared.needs.uninstallable]
        if prepared.needs.unmeasured and not prepared.needs.coverage:
            goal = get_test_settings(self.run.config, name, prepared.source.component.path).coverage.goal
            unmet = f", so its goal of {float(goal):g} % is not checked" if goal is not None else ""
            notes.append(f"coverage is not measured: {prepared.needs.unmeasured}{unmet}")
        flaky_before = sum(test.runs for test in self._flaky.get(name, ()))
        return replace(judged, notes=tuple(notes), flaky_before=flaky_before)


def run_side_by_side(
    executor: Executor,
    tasks: Sequence[tuple[str, Steps[TestResult]]],
    progress: TaskProgress,
    settle: Callable[[str, TestResult], str],
) -> None:
    """Run procedures that ask for jobs, as many at the same time as the executor has slots for."""
    waiting = list(reversed(tasks))
    running: dict[JobHandle, tuple[str, Steps[TestResult]]] = {}

    def advance(name: str, steps: Steps[TestResult], job_result: JobResult | None) -> None:
        try:
            job = next(steps) if job_result is None else steps.send(job_result)
        except StopIteration as stop:
            result: TestResult = stop.value
            progress.finish(name, settle(name, result), result.reason.split("\n")[0])
        else:
            progress.set_phase(name, executor.make_phase_reader(job))
            running[executor.submit(job)] = (name, steps)

    try:
        while waiting or running:
            while waiting and len(running) < executor.slots:
                name, steps = waiting.pop()
                progress.start(name)
                advance(name, steps, None)
            for handle, job_result in executor.wait() if running else ():
                advance(*running.pop(handle), job_result)
    except BaseException:
        executor.cancel()
        for _, steps in (*running.values(), *waiting):
            steps.close()
        raise
