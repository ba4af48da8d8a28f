"""The schedule by itself: builds are played by functions, and an executor that runs nothing tells what was started."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from altai_build.errors import BuildError, InputError
from altai_build.model.build import BuildResult, BuildStep, FailureKind
from altai_build.model.component_status import ComponentStatus
from altai_build.model.order import OrderedComponent, compute_order
from altai_build.pipeline.build import schedule
from altai_build.pipeline.build.executor import JobHandle
from altai_build.pipeline.build.ordering import BuildOrder
from altai_build.pipeline.build.revealed_needs import NeedsWatch, RevealedNeed
from altai_build.pipeline.build.schedule import MAX_REBUILDS, Schedule

BUILT, REUSED = ComponentStatus.BUILT, ComponentStatus.REUSED
FAILED, BLOCKED = ComponentStatus.FAILED, ComponentStatus.BLOCKED
Play = Callable[[Any], BuildResult]  # a component's build → what becomes of it


def result(build: Any, status: ComponentStatus, reason: str = "", **more: Any) -> BuildResult:
    header = SimpleNamespace(nevra=SimpleNamespace(name=build.component, release="1"), provides=(), files=())
    rpm: Any = SimpleNamespace(path=Path(f"{build.component}.rpm"), header=header)
    rpms = (rpm,) if status in (BUILT, REUSED) else ()
    return BuildResult(build.component, build.commit, status, reason, rpms=rpms, **more)


def job_of(component: str, step: BuildStep = BuildStep.PACKAGES) -> Any:
    return SimpleNamespace(request=SimpleNamespace(component=component, result_dir=Path(), step=step))


def succeed(build: Any) -> BuildResult:
    return result(build, BUILT)


def fail(build: Any) -> BuildResult:
    return result(build, FAILED, "rpmbuild failed", failure=FailureKind.BUILD)


def need(package: str) -> Play:
    """A build that succeeds only with a package that its spec does not name."""

    def play(build: Any) -> BuildResult:
        if any(rpm.path.name == package for rpm in build.local):
            return succeed(build)
        reason = f"nothing provides {package}"
        return result(build, FAILED, reason, failure=FailureKind.DEPENDENCIES)

    return play


@dataclass
class StubExecutor:
    """Ends jobs one at a time in the order of their submission."""

    slots: int = 1
    cpus_per_job: int = 1
    started: list[str] = field(default_factory=list)
    priorities: list[float] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    running: list[tuple[JobHandle, str]] = field(default_factory=list)
    builds: set[JobHandle] = field(default_factory=set)
    most_running: int = 0
    cancelled: bool = False
    error: Exception | None = None

    def make_phase_reader(self, job: Any) -> Callable[[], str]:
        return lambda: ""

    def submit(self, job: Any, priority: float = 0.0) -> JobHandle:
        self.priorities.append(priority)
        handle = JobHandle(len(self.started) + len(self.asked))
        if job.request.step is not BuildStep.PACKAGES:
            self.asked.append(job.request.component)
            # Questions are short: they end before builds.
            self.running.insert(len(self.running) - len(self.builds), (handle, job.request.component))
            return handle
        self.started.append(job.request.component)
        self.builds.add(handle)
        self.running.append((handle, job.request.component))
        self.most_running = max(self.most_running, len(self.builds))
        return handle

    def wait(self) -> list[tuple[JobHandle, str]]:
        if self.error is not None:
            raise self.error
        handle, name = self.running.pop(0)
        self.builds.discard(handle)
        return [(handle, name)]

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Stage:
    """A schedule of played builds, and what it did."""

    executor: StubExecutor
    closed: list[str]
    rebuilds: list[int]
    local: dict[str, list[str]]
    run: Callable[..., dict[str, BuildResult]]
    schedules: list[Schedule]

    def statuses(self, *args: Any, **more: Any) -> dict[str, ComponentStatus]:
        return {name: row.status for name, row in self.run(*args, **more).items()}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    executor, closed, rebuilds = StubExecutor(), [], []
    local: dict[str, list[str]] = {}
    schedules: list[Schedule] = []

    def run(
        needs: Mapping[str, Sequence[str]],
        plays: Mapping[str, Play] | None = None,
        *,
        reused: Sequence[str] = (),
        unavailable: Sequence[str] = (),
        seconds: Mapping[str, float] | None = None,
        fail_fast: bool = False,
        has_no_name_conflict: Callable[[BuildResult], bool] = lambda result: True,
        watch: NeedsWatch | None = None,
        previous: Schedule | None = None,
        asks: bool = False,
    ) -> dict[str, BuildResult]:
        def build_or_reuse(build: Any, environment: Any, cache: Any) -> Any:
            local[build.component] = [rpm.path.stem for rpm in build.local]
            if build.component in reused:
                return result(build, REUSED)
            try:
                if asks:
                    yield job_of(build.component, BuildStep.SPEC_REQUIRES)
                yield job_of(build.component)
            finally:
                closed.append(build.component)
            return (plays or {}).get(build.component, succeed)(build)

        def make_srpm(sourced: Any, rebuild_count: int) -> Any:
            rebuilds.append(rebuild_count)
            return SimpleNamespace(path=Path("x.src.rpm"), sha256="")

        monkeypatch.setattr(schedule, "build_or_reuse", build_or_reuse)

        def ask_early(build: Any, environment: Any, cache: Any) -> Any:
            if asks:
                yield job_of(f"early {build.component}", BuildStep.SPEC_REQUIRES)

        monkeypatch.setattr(schedule, "ask_early", ask_early)
        monkeypatch.setattr(schedule, "component_target", lambda config, sourced: SimpleNamespace(name="t"))
        monkeypatch.setattr(schedule, "read_header", lambda path: None)
        names = [name for name in needs if name not in unavailable]
        order = compute_order(
            [
                OrderedComponent(name, frozenset([name]), tuple(needed), (), (seconds or {}).get(name, 1.0))
                for name, needed in needs.items()
            ]
        )
        component: Any = {
            name: (
                SimpleNamespace(component=SimpleNamespace(name=name, path=name, commit="c")),
                make_srpm(None, 0),
            )
            for name in names
        }
        rebuilds.clear()
        anything: Any = SimpleNamespace(
            config=SimpleNamespace(release=None, stamp="{release}", find_component=lambda name, path: None),
            workspace=None,
            ledger=None,
        )
        anything.finish = anything.start = anything.set_phase = lambda *words: None
        anything.make_srpm = make_srpm
        arguments: Any = {"executor": executor, "progress": anything, "maker": anything, "run": anything}
        made = Schedule(
            **arguments,
            build_order=BuildOrder(
                srpms=component,
                headers=dict.fromkeys(names),  # type: ignore[arg-type]
                order=order,
                unavailable=frozenset(unavailable),
            ),
            environments={"t": arguments["run"]},
            watch=watch or NeedsWatch((), {}),
            previous=previous,
            fail_fast=fail_fast,
            has_no_name_conflict=has_no_name_conflict,
            last_keys={},
        )
        schedules.append(made)
        return made.build_all()

    return Stage(
        executor=executor, closed=closed, rebuilds=rebuilds, local=local, run=run, schedules=schedules
    )


def test_the_longest_remaining_chain_starts_first(stage: Stage) -> None:
    needs = {"short": [], "long": [], "end": ["long"], "alone": []}
    stage.run(needs, seconds={"short": 2.0, "end": 5.0, "alone": 3.0})
    assert stage.executor.started == ["long", "end", "alone", "short"]
    # An executor that has many jobs at once knows the order too.
    assert stage.executor.priorities == sorted(stage.executor.priorities, reverse=True)


def test_no_more_builds_run_than_there_are_slots(stage: Stage) -> None:
    stage.executor.slots = 3
    stage.run({f"c{number}": [] for number in range(10)})
    assert (stage.executor.most_running, len(stage.executor.started)) == (3, 10)


def test_while_builds_run_others_are_prepared_and_asked_early(stage: Stage) -> None:
    stage.executor.slots = 2
    needs = {"a": [], "b": [], "c": [], "d": [], "e": [], "last": ["c"]}
    assert set(stage.statuses(needs, seconds={"a": 9.0, "b": 8.0, "c": 7.0}, asks=True).values()) == {BUILT}
    assert sorted(stage.executor.started) == sorted(needs) and stage.executor.most_running == 2
    assert stage.executor.asked[:2] == ["a", "b"]
    assert stage.executor.asked.index("early last") < stage.executor.asked.index("last")
    assert sorted(name for name in stage.executor.asked if "early" not in name) == sorted(needs)


def test_a_prepared_build_gets_what_others_reveal(stage: Stage) -> None:
    """Its preparation is repeated with the package that it needs."""
    stage.executor.slots = 1
    rows = stage.run({"six": [], "user": []}, seconds={"six": 9.0}, watch=watch({"user": "six"}), asks=True)
    assert stage.local["user"] == ["six"] and set(rows) == {"user", "six"}
    assert stage.executor.asked.count("user") == 2 and not stage.schedules[0].overtaken


def test_a_reused_build_takes_no_slot(stage: Stage) -> None:
    assert stage.statuses({"a": [], "b": ["a"]}, reused=["a"]) == {"a": REUSED, "b": BUILT}
    assert stage.executor.started == ["b"]


def test_a_build_gets_the_packages_of_everything_it_needs(stage: Stage) -> None:
    stage.run({"a": [], "b": ["a"], "c": ["b"], "d": []})
    assert stage.local == {"a": [], "b": ["a"], "c": ["a", "b"], "d": []}


def test_a_failure_blocks_what_needs_it_and_nothing_else(stage: Stage) -> None:
    rows = stage.run({"a": [], "b": ["a"], "c": ["b"], "d": []}, {"a": fail})
    assert {name: row.status for name, row in rows.items()} == {
        "a": FAILED,
        "b": BLOCKED,
        "c": BLOCKED,
        "d": BUILT,
    }
    assert rows["b"].reason == rows["c"].reason == "needs a, which failed"


def test_nothing_is_built_without_a_component_that_has_no_source_package(stage: Stage) -> None:
    rows = stage.run({"gone": [], "b": ["gone"], "c": []}, unavailable=["gone"])
    assert (rows["b"].status, rows["b"].reason) == (BLOCKED, "needs gone, which has no source package")
    assert rows["c"].status is BUILT and "gone" not in rows


def test_fail_fast_starts_nothing_after_a_failure(stage: Stage) -> None:
    seconds = {"a": 9.0}
    rows = stage.run({"a": [], "b": [], "c": ["b"]}, {"a": fail}, seconds=seconds, fail_fast=True)
    assert stage.executor.started == ["a"]
    assert rows["b"].status is rows["c"].status is BLOCKED
    assert rows["c"].reason == "not started: another component failed (--fail-fast)"


def test_fail_fast_starts_nothing_where_a_source_package_is_missing(stage: Stage) -> None:
    assert stage.statuses({"gone": [], "b": []}, unavailable=["gone"], fail_fast=True) == {"b": BLOCKED}


def test_unmet_requirements_are_tried_again_with_all_packages(stage: Stage) -> None:
    plays = {"a": need("b.rpm"), "b": need("c.rpm")}
    rows = stage.run({"a": [], "b": [], "c": [], "after": ["a"]}, plays)
    assert {row.status for row in rows.values()} == {BUILT}
    assert stage.local["a"] == ["b", "c"]


def test_requirements_that_nothing_provides_fail_once_no_new_package_comes(stage: Stage) -> None:
    rows = stage.run({"a": [], "b": ["a"], "c": []}, {"a": need("nothing.rpm")})
    assert (rows["a"].status, rows["a"].reason) == (FAILED, "nothing provides nothing.rpm")
    assert (rows["b"].status, rows["c"].status) == (BLOCKED, BUILT)
    assert stage.executor.started.count("a") == 2


def test_every_component_of_a_cycle_and_all_that_need_it_get_a_result(stage: Stage) -> None:
    needs = {"a": ["b"], "b": ["a", "x"], "x": ["b"], "after": ["x"], "free": []}
    rows = stage.run(needs)
    assert {name: row.status for name, row in rows.items()} == {
        "a": FAILED,
        "b": FAILED,
        "x": BLOCKED,
        "after": BLOCKED,
        "free": BUILT,
    }
    assert rows["a"].reason == "build dependency cycle: a → b → a"
    assert rows["after"].reason == "needs a, which is in a build dependency cycle"


def test_a_name_that_an_earlier_release_has_makes_it_the_next_rebuild(stage: Stage) -> None:
    answers = iter([False, False, True])
    rows = stage.run({"a": []}, has_no_name_conflict=lambda result: next(answers))
    assert rows["a"].status is BUILT and stage.rebuilds == [1, 2]


def test_a_build_that_always_differs_ends(stage: Stage) -> None:
    with pytest.raises(BuildError, match=f"a was rebuilt {MAX_REBUILDS} times from c and differs each time"):
        stage.run({"a": []}, has_no_name_conflict=lambda result: False)


def test_an_error_cancels_everything_that_runs(stage: Stage) -> None:
    stage.executor.slots, stage.executor.error = 2, InputError("the machine is broken")
    with pytest.raises(InputError, match="the machine is broken"):
        stage.run({"a": [], "b": [], "c": []})
    assert stage.executor.cancelled
    # One more was prepared.
    assert sorted(stage.closed) == ["a", "b", "c"]


def watch(requires: Mapping[str, str]) -> NeedsWatch:
    """A watch for components whose builds require one capability each."""
    components = [OrderedComponent(name, frozenset(), (one,), ()) for name, one in requires.items()]
    return NeedsWatch(components, {})


def test_a_build_that_lacked_a_package_stops_what_depends_on_it(stage: Stage) -> None:
    seconds = {"user": 9.0, "later": 1.0, "six": 5.0, "alone": 1.0}
    needs = {"user": [], "later": ["user"], "six": [], "alone": []}
    rows = stage.run(needs, seconds=seconds, watch=watch({"user": "six"}))
    (schedule,) = stage.schedules
    assert schedule.overtaken == {"user"} and schedule.revealed == {RevealedNeed("user", "six", "six")}
    assert stage.local["user"] == [] and set(rows) == {"user", "six", "alone"}


def test_a_build_that_starts_later_gets_what_was_revealed(stage: Stage) -> None:
    rows = stage.run({"user": [], "six": []}, seconds={"six": 9.0}, watch=watch({"user": "six"}))
    assert stage.local["user"] == ["six"] and set(rows) == {"user", "six"}
    assert not stage.schedules[0].overtaken and stage.schedules[0].revealed


def test_only_what_is_affected_is_built_again(stage: Stage) -> None:
    seconds = {"user": 9.0, "six": 5.0}
    stage.run(
        {"user": [], "later": ["user"], "six": [], "alone": []}, seconds=seconds, watch=watch({"user": "six"})
    )
    stage.executor.started.clear()
    needs = {"user": ["six"], "later": ["user"], "six": [], "alone": []}
    statuses = stage.statuses(
        needs, seconds=seconds, watch=watch({"user": "six"}), previous=stage.schedules[0]
    )
    assert stage.executor.started == ["user", "later"]
    assert stage.local["user"] == ["six"] and set(statuses.values()) == {BUILT}
    assert not stage.schedules[1].revealed
