"""Whether a component is good at a commit of the superproject: from earlier builds, else by building it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from altai_build.errors import BuildError, DistrustedError, InputError, UnreachableError
from altai_build.model.bisection import Answer, CommitTest, HistoryCommit, Source
from altai_build.model.build import BuildResult, FailureKind
from altai_build.model.component_status import ComponentStatus
from altai_build.model.gitlink import CommitId
from altai_build.model.package_fingerprint import RebuildPolicy
from altai_build.pipeline.build.executor import BuildNeeded
from altai_build.pipeline.build.plan import BuildPlan, plan_build
from altai_build.pipeline.build.run import BuildRun, build_all
from altai_build.pipeline.build.selection import NAMED_REASON
from altai_build.pipeline.run import Run
from altai_build.stages.build.cache import BuildCache, ReleasedBuild
from altai_build.tools import process
from altai_build.tools.buildlog.reading import read_lines
from altai_build.tools.files import CannotWriteError, make_directory, scratch_directory
from altai_build.tools.progress import ProgressReporter

# Of a command: that a commit cannot be tested, and the first that says nothing of it, as git-bisect(1) has them.
_SKIP_STATUS = 125
_ABORT_STATUS = 128
# Of what the command printed about a commit that is not good.
_SHOWN_LINES = 3
# In logs/, before the name of a component; no folder of a failed build has this character in its name.
_LOG_PREFIX = "bisect+"
PACKAGES_VARIABLE = "ALTAI_BUILD_PACKAGES"
NEEDS_VARIABLE = "ALTAI_BUILD_NEEDS"
COMMIT_VARIABLE = "ALTAI_BUILD_COMMIT"


class _OnceReporter(ProgressReporter):
    """Warns of each thing once, whatever number of commits it is true of."""

    def __init__(self, reporter: ProgressReporter) -> None:
        super().__init__(quiet=reporter.quiet, log=reporter.log)
        self.timestamps = reporter.timestamps
        self._warned: set[str] = set()

    def warn(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            super().warn(text)

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Print nothing but warnings during the block."""
        before, self.quiet = self.quiet, True
        try:
            yield
        finally:
            self.quiet = before


@dataclass
class CommitTester:
    """Tests commits one after another; each is built at most once."""

    run: Run
    component: str
    # Decides instead of the build whether a commit is good: a command for the shell.
    command: str | None = None
    find_released: Callable[[str], ReleasedBuild | None] | None = None
    tests: list[CommitTest] = field(default_factory=list)
    _known: dict[CommitId, CommitTest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reporter = _OnceReporter(self.run.reporter)
        # One run for all, with one ledger. What was built with other packages is no answer, whatever the policy is.
        self._run = replace(self.run, reporter=self._reporter, dependants=RebuildPolicy.REBUILD)

    def look_up(self, commit: HistoryCommit) -> CommitTest | None:
        """What earlier builds say of a commit of the superproject; None where something would have to be built."""
        if self.command is not None:
            return None
        found = self._look_up(commit, commit.id, "")
        return self._note(commit.id, found) if found is not None else None

    def test(self, commit: HistoryCommit, *, revision: CommitId | None = None, place: str = "") -> CommitTest:
        """Test a commit of the superproject, or `revision`, which pins that commit of the component at `place`.

        Raises what the machine or the configuration is to blame for, and InputError for a command that stops the
        search.
        """
        wanted = revision or commit.id
        if wanted in self._known:
            return self._known[wanted]
        found = self._look_up(commit, wanted, place)
        return self._note(wanted, self._test(commit, wanted, place) if found is None else found)

    def plan(self, revision: CommitId) -> BuildPlan:
        """The component at a commit, with what it needs."""
        with self._reporter.silence():
            return plan_build(self._run, revision, [self.component], None)

    def _look_up(self, commit: HistoryCommit, revision: CommitId, place: str) -> CommitTest | None:
        """The same as `_test` without any build; None where one would be needed."""
        try:
            with self._reporter.silence():
                return self._test(commit, revision, place, only_known=True)
        except BuildNeeded:
            return None

    def _note(self, revision: CommitId, test: CommitTest) -> CommitTest:
        self._known[revision] = test
        self.tests.append(test)
        self.run.reporter.info(f"{test.commit[:12]} {describe_test(test)}: {test.subject}")
        return test

    def _test(
        self, commit: HistoryCommit, revision: CommitId, place: str, *, only_known: bool = False
    ) -> CommitTest:
        answer = CommitTest(
            place=place,
            commit=commit.id,
            subject=commit.subject,
            answer=Answer.SKIP,
            source=Source.NONE,
            seconds=0.0,
            reason="",
        )
        try:
            build_plan = plan_build(self._run, revision, [self.component], None)
        except (UnreachableError, DistrustedError, CannotWriteError):
            raise
        except InputError as error:
            return replace(answer, reason="; ".join(filter(None, (error.what, *error.why.split("\n")[:1]))))
        names = [name for name, reason in build_plan.reasons.items() if reason == NAMED_REASON]
        if len(names) != 1:
            return replace(answer, reason=f"{self.component} names {len(names)} components")
        build_run = build_all(
            self._run,
            build_plan,
            is_trial=True,
            only_known=only_known,
            find_released=self.find_released,
        )
        row = next(row for row in build_run.rows if row.component == names[0])
        answer = replace(
            answer,
            source=_find_source(build_run),
            seconds=row.seconds,
            reason="" if row.rpms else row.reason.split("\n")[0],
            causes=() if row.rpms else tuple(row.list_other_causes()),
            log=self._find_log(row),
        )
        if not row.rpms or self.command is None:
            is_bad_without_packages = self.command is None and _is_failure(row)
            verdict = Answer.GOOD if row.rpms else Answer.BAD if is_bad_without_packages else Answer.SKIP
            return replace(answer, answer=verdict)
        return self._run_command(self.command, answer, build_run, row)

    def _find_log(self, row: BuildResult) -> Path | None:
        """The log of a build: of one that failed the one that the next failure does not replace."""
        failure = BuildCache(self._run.workspace, self._run.ledger, trusts_failures=True).find_failure(
            row.key
        )
        return failure.log if failure is not None and not row.rpms else row.log

    def _run_command(
        self, command: str, answer: CommitTest, build_run: BuildRun, row: BuildResult
    ) -> CommitTest:
        """Have the user's command decide about the packages; it gets copies, which it may change."""
        folder = self.run.workspace.failed_build_logs(row.component)
        log = make_directory(folder.with_name(f"{_LOG_PREFIX}{folder.name}")) / f"{answer.commit}.log"
        with scratch_directory(self.run.workspace.scratch, "bisect") as scratch:
            places = {name: make_directory(scratch / name) for name in ("packages", "needs")}
            for result in build_run.rows:
                for rpm in result.rpms:
                    place = places["packages" if result is row else "needs"]
                    shutil.copyfile(rpm.path, place / rpm.path.name)
            with open(log, "wb") as stream:
                done = process.run(
                    ["/bin/sh", "-c", command],
                    env={
                        PACKAGES_VARIABLE: str(places["packages"]),
                        NEEDS_VARIABLE: str(places["needs"]),
                        COMMIT_VARIABLE: answer.commit,
                    },
                    stdout=stream,
                    merge_stderr=True,
                    ok=process.ANY_END,
                )
        status = done.returncode
        if status < 0 or status >= _ABORT_STATUS:
            raise InputError(
                f"the test command stopped the search at {answer.commit[:12]}",
                why=f"it ended with {status}; statuses below 0 and above 127 say nothing of a commit\nlog: {log}",
                todo=f"have it exit with 0 for a good commit, {_SKIP_STATUS} for one that cannot be tested, "
                "and another status up to 127 for a bad one",
            )
        verdict = {0: Answer.GOOD, _SKIP_STATUS: Answer.SKIP}.get(status, Answer.BAD)
        reason = "" if verdict is Answer.GOOD else f"the test command exited with {status}"
        causes = () if verdict is Answer.GOOD else tuple(read_lines(log)[-_SHOWN_LINES:])
        return replace(answer, answer=verdict, reason=reason, causes=causes, log=log)


def _find_source(build_run: BuildRun) -> Source:
    """Whether something was built, taken from earlier builds, or neither."""
    rows = build_run.results.values()
    for row in rows:
        has_run = row.status is ComponentStatus.FAILED and row.log is not None and not row.is_known_failure
        if row.status is ComponentStatus.BUILT or has_run:
            return Source.BUILT
    return Source.LEDGER if rows else Source.NONE


def _is_failure(row: BuildResult) -> bool:
    """Whether a component failed by its own doing: not for want of packages, of space or of time."""
    if row.status is not ComponentStatus.FAILED:
        return False
    if row.failure is None:
        return row.exit_code == BuildError.exit_code
    return row.failure is FailureKind.BUILD and row.is_conclusive


def describe_test(test: CommitTest) -> str:
    """`bad, built in 3.1 s`, `good, known from an earlier build`, `cannot be tested, REASON`."""
    if test.answer is Answer.SKIP:
        return f"cannot be tested, {test.reason}"
    how = f"built in {test.seconds:.1f} s" if test.source is Source.BUILT else "known from an earlier build"
    return f"is {test.answer.value}, {how}"


def describe_failure(test: CommitTest) -> str:
    """Why a commit is what it is, with the lines of its log and its place."""
    log = [f"log: {test.log}"] if test.log is not None else []
    return "\n".join((test.reason, *test.causes, *log))
