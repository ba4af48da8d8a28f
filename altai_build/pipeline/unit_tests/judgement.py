"""The build of a test run → what became of the component's tests, with the causes of failures."""

from __future__ import annotations

from pathlib import Path

from altai_build.errors import AltaiError
from altai_build.model.affected_tests import AffectedTests, TestSelection
from altai_build.model.build import BuildResult, FailureKind
from altai_build.model.component_status import ComponentStatus
from altai_build.model.quantity import format_count
from altai_build.model.unit_tests import (
    SelectedTests,
    Suite,
    SuiteOutcome,
    SuiteStatus,
    TestCase,
    TestResult,
    TestStatus,
)
from altai_build.stages.build.cache import BuildCache
from altai_build.stages.unit_tests.results import has_passed, read_results
from altai_build.tools.buildlog.causes import LINE_LIMIT, MAX_CAUSES, find_causes
from altai_build.tools.files import make_directory, remove_tree, scratch_directory, write_atomically

SUITE_LOG = "suite.log"
# Earlier runs that are looked at for one without failures.
_MOST_EARLIER_RUNS = 5
# What a build says of its reason, in the words of tests.
_REASONS = {
    "never built in this workspace": "never tested in this workspace",
    "its packages in the workspace are missing or damaged": "tested again",
}


def make_not_run(component: str, suite: Suite, build: BuildResult, reason: str) -> TestResult:
    """The result of a suite that did not run because of a build, with its log and causes."""
    return TestResult(
        component=component,
        commit=build.commit,
        status=SuiteStatus.NOT_RUN,
        reason=reason,
        suite=suite,
        log=build.log,
        causes=tuple(build.list_causes()[:MAX_CAUSES]),
    )


def judge_failed_run(component: str, suite: Suite, result: BuildResult) -> TestResult:
    """The result of a run that ended before the suite did: a requirement is missing, %prep failed, a limit."""
    what = (
        "its buildroot could not be made"
        if result.failure is FailureKind.DEPENDENCIES
        else "they did not run"
    )
    why = result.reason.splitlines()[0] if result.reason else "see the log"
    return make_not_run(component, suite, result, f"{what}: {why}")


def judge_run(
    component: str,
    suite: Suite,
    result: BuildResult,
    cache: BuildCache,
    logs: Path,
    selection: TestSelection | None = None,
) -> TestResult:
    """The result of a run that made a package; the output of a failed one is kept in the folder `logs`.

    `selection` says which of the tests were asked for, where those that a change affects were.
    """
    is_reused = result.status is ComponentStatus.REUSED
    affected = selection if isinstance(selection, AffectedTests) else None
    try:
        outcome = read_results(
            result.rpms[0].path, suite.kind, scratch=cache.workspace.scratch, selection=affected
        )
    except AltaiError as error:
        outcome = SuiteOutcome(SuiteStatus.NOT_RUN, problem=f"{error.what}: {error.why}")
    # A complete run that is reused has its own reason.
    asked = selection if affected is not None or not is_reused else None
    selected = _describe_selection(asked, outcome) if asked is not None else None
    log, causes = None, tuple(_describe_case(case) for case in _list_failures(outcome)[:MAX_CAUSES])
    remove_tree(logs)
    if outcome.status.is_bad and outcome.logs:
        log = make_directory(logs) / SUITE_LOG
        write_atomically(log, outcome.log, durable=False)
        if not causes and outcome.exit_status != 0:
            causes = _find_causes_in(log, suite, result, cache)
    return TestResult(
        component=component,
        commit=result.commit,
        status=outcome.status,
        reason=_describe(outcome, result, selected),
        suite=suite,
        outcome=outcome,
        log=log or result.log,
        causes=causes if outcome.status.is_bad else (),
        notes=outcome.notes,
        key=result.key,
        is_reused=is_reused,
        selected=selected,
    )


def _describe_selection(selection: TestSelection, outcome: SuiteOutcome) -> SelectedTests:
    """Which tests ran, and why; all where the suite has refused to leave any out."""
    if isinstance(selection, AffectedTests):
        reason = outcome.refused
        return SelectedTests("" if reason else selection.base, reason or selection.describe())
    return SelectedTests("", selection.reason)


def _list_failures(outcome: SuiteOutcome) -> list[TestCase]:
    return [case for case in outcome.cases if case.is_failure]


def _describe_case(case: TestCase) -> str:
    return (f"{case.label}: {case.message}" if case.message else case.label)[:LINE_LIMIT]


def _describe(outcome: SuiteOutcome, result: BuildResult, selected: SelectedTests | None) -> str:
    """Why the tests ran, or what went wrong."""
    failures = len(_list_failures(outcome))
    flaky = sum(case.status is TestStatus.FLAKY for case in outcome.cases)
    said = [
        *([f"{format_count(failures, 'test')} failed"] if failures else []),
        *([f"{format_count(flaky, 'test')} failed and passed when run again"] if flaky else []),
        *(
            ["it failed and passed when run again"]
            if outcome.status is SuiteStatus.FLAKY and not flaky
            else []
        ),
        *([outcome.problem] if outcome.problem else []),
    ]
    if selected is not None:
        carried = sum(bool(case.commit) for case in outcome.cases)
        said.append(selected.describe(len(outcome.cases) - carried, carried))
    why = "; ".join(_REASONS.get(part, part) for part in result.reason.split("; ") if part)
    return "; ".join(said) or why


def _find_causes_in(log: Path, suite: Suite, result: BuildResult, cache: BuildCache) -> tuple[str, ...]:
    """Lines of the output of a suite that say why it failed, without what its last good run printed too."""
    with scratch_directory(cache.workspace.scratch, "good-log") as scratch:
        good = _find_good_log(suite, result, cache)
        good_log = None
        if good:
            good_log = scratch / SUITE_LOG
            good_log.write_bytes(good)
        return find_causes(log, FailureKind.BUILD, good_log=good_log)


def _find_good_log(suite: Suite, result: BuildResult, cache: BuildCache) -> bytes:
    """The output of the component's last run without failures; empty where the workspace has none."""
    for record in cache.ledger.history("build", result.component)[:_MOST_EARLIER_RUNS]:
        packages = cache.read_packages(record)
        if packages and has_passed(packages[0]):
            try:
                outcome = read_results(packages[0].path, suite.kind, scratch=cache.workspace.scratch)
            except AltaiError:
                continue
            return outcome.logs[-1] if outcome.logs else b""
    return b""
