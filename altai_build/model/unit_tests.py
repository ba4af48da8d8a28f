"""Unit tests of a component: the suite that it has, and what became of its tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path


class SuiteKind(str, Enum):
    """What runs the tests, and so what they print."""

    COMMAND = "command"  # of repos.yaml
    PYTEST = "pytest"
    UNITTEST = "unittest"
    NOSE = "nose"
    AUTOMAKE = "make check"
    CTEST = "ctest"
    MESON = "meson"
    CARGO = "cargo"
    GO = "go"


class SuiteStart(str, Enum):
    """Which part of the component's spec runs before its tests."""

    PREP = "prep"  # %prep: unpacked and patched
    BUILD = "build"  # %build too


@dataclass(frozen=True)
class Suite:
    """The unit tests of a component, and how they are run.

    `command` and `rerun` are lines for sh; `rerun` runs the tests that failed again, and is empty where only all can be
    run again. `why` is the file or setting that says so.
    """

    kind: SuiteKind
    command: str
    why: str
    rerun: str = ""
    start: SuiteStart = SuiteStart.PREP
    python: str = ""  # the interpreter: python3, python2 or python; "" where none is needed
    needs: tuple[str, ...] = ()  # Python projects without which the suite cannot run
    wants: tuple[str, ...] = ()  # Python projects that its files ask for
    requires: tuple[str, ...] = ()  # packages of the target
    notes: tuple[str, ...] = ()  # what of the project's own way is not done here, or not known


class TestStatus(str, Enum):
    """What became of one test."""

    __test__ = False  # for pytest

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"  # it could not be run to its end
    SKIPPED = "skipped"
    FLAKY = "flaky"  # failed, and passed when it was run again


@dataclass(frozen=True)
class TestCase:
    """One test: its class, module or file, its name, and for a failure what it says, and the text behind that.

    `commit` is the earlier one at which it ran, where it did not run now because nothing that it runs has changed.
    """

    __test__ = False

    suite: str
    name: str
    status: TestStatus
    seconds: float = 0.0
    message: str = ""
    detail: str = ""
    commit: str = ""

    @property
    def label(self) -> str:
        """Its name as people and programs tell it from others."""
        return f"{self.suite}: {self.name}" if self.suite else self.name

    @property
    def is_failure(self) -> bool:
        """Whether it did not do what it should."""
        return self.status in (TestStatus.FAILED, TestStatus.ERROR)


@dataclass(frozen=True)
class TestCounts:
    """How many tests there were, and how they ended."""

    __test__ = False

    tests: int = 0
    failures: int = 0
    errors: int = 0
    skipped: int = 0
    flaky: int = 0


def count_cases(cases: Iterable[TestCase]) -> TestCounts:
    """How the cases ended."""
    states = [case.status for case in cases]
    return TestCounts(
        tests=len(states),
        failures=states.count(TestStatus.FAILED),
        errors=states.count(TestStatus.ERROR),
        skipped=states.count(TestStatus.SKIPPED),
        flaky=states.count(TestStatus.FLAKY),
    )


class SuiteStatus(str, Enum):
    """What became of the tests of one component; in this order they are listed."""

    FAILED = "failed"  # tests failed
    NOT_RUN = "not run"  # they could not be run
    FLAKY = "flaky"  # all passed, some of them when they were run again
    PASSED = "passed"
    SKIPPED = "skipped"  # by repos.yaml
    NONE = "none"  # no suite was found

    @property
    def is_bad(self) -> bool:
        """Whether the command fails for it."""
        return self in (SuiteStatus.FAILED, SuiteStatus.NOT_RUN)


@dataclass(frozen=True)
class NoSuite:
    """A component without a suite that is known; `status` says whether it is skipped, or cannot be read."""

    reason: str
    status: SuiteStatus = SuiteStatus.NONE


@dataclass(frozen=True)
class SuiteRun:
    """What one run of a suite left: exit status of its command, its cases, and the end of its output."""

    exit_status: int
    cases: tuple[TestCase, ...]
    timed_out: bool = False


def combine_runs(runs: Sequence[SuiteRun]) -> tuple[TestCase, ...]:
    """The cases of the first run; those that failed there and passed in a later one are flaky.

    A later run may have all tests, or only those that failed before. A test that has no name of its own there is flaky
    where the last run had no failure. Where several tests have one name, none of them may have failed again. Failures
    of tests that the first run did not come to are added.
    """
    first, *later = runs
    again: dict[tuple[str, str], list[TestCase]] = {}
    for run in later:
        named: dict[tuple[str, str], list[TestCase]] = {}
        for case in run.cases:
            named.setdefault((case.suite, case.name), []).append(case)
        again.update(named)

    def judge(case: TestCase) -> TestCase:
        others = again.get((case.suite, case.name), [])
        has_passed = bool(others) and all(other.status is TestStatus.PASSED for other in others)
        if later and case.is_failure and (has_passed or (not others and later[-1].exit_status == 0)):
            return replace(case, status=TestStatus.FLAKY)
        return case

    known = {(case.suite, case.name) for case in first.cases}
    more = [case for key, cases in again.items() if key not in known for case in cases if case.is_failure]
    return (*map(judge, first.cases), *more)


def find_later_failures(runs: Sequence[SuiteRun]) -> tuple[TestCase, ...]:
    """The tests that passed in the first run, and failed when all were run again."""
    first, *later = runs
    passed = {(case.suite, case.name) for case in first.cases if case.status is TestStatus.PASSED}
    failed = {(case.suite, case.name): case for run in later for case in run.cases if case.is_failure}
    return tuple(case for key, case in failed.items() if key in passed)


@dataclass(frozen=True)
class SuiteOutcome:
    """What a test run left: the cases after all reruns, the outputs of its runs, coverage files by name.

    `counts` is None where only the exit status is known, or some of the results cannot be read. `problem` says what no
    test case does; `folder` is where the source was in the buildroot. `record` is what each test ran, as the suite
    wrote it; `refused` says why tests ran that were to be left out.
    """

    status: SuiteStatus
    cases: tuple[TestCase, ...] = ()
    counts: TestCounts | None = None
    seconds: float = 0.0
    exit_status: int = 0  # of the last run
    problem: str = ""
    notes: tuple[str, ...] = ()
    logs: tuple[bytes, ...] = ()
    coverage: Mapping[str, bytes] = field(default_factory=dict)
    coverage_log: bytes = b""
    folder: str = ""
    record: bytes = b""
    refused: str = ""

    @property
    def log(self) -> bytes:
        """The outputs of all runs, one after another."""
        if len(self.logs) < 2:
            return b"".join(self.logs)
        heads = (f"----- run {number} of {len(self.logs)} -----\n" for number in range(1, len(self.logs) + 1))
        return b"\n".join(head.encode() + log for head, log in zip(heads, self.logs))


@dataclass(frozen=True)
class SelectedTests:
    """Which tests of a suite ran: those that changes since the commit `base` affect, or all (`base` is ""), and why."""

    base: str
    reason: str

    def describe(self, run: int, carried: int) -> str:
        """How many tests ran, as in `3 of 120 tests ran since 0123456789ab: lib.py: parse() has changed (3 tests)`."""
        if not self.base:
            return f"all tests ran: {self.reason}"
        return f"{run} of {run + carried} tests ran since {self.base[:12]}: {self.reason}"


@dataclass(frozen=True)
class TestResult:
    """What became of the unit tests of one component.

    `reason` says why they ran, were not run, or failed; `causes` what the tests or logs say, the most telling first.
    `log` is that of the buildroot, where tests could not be run.
    """

    __test__ = False

    component: str
    commit: str
    status: SuiteStatus
    reason: str
    suite: Suite | None = None
    outcome: SuiteOutcome | None = None
    log: Path | None = None
    causes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    key: str = ""  # of the run
    is_reused: bool = False
    flaky_before: int = 0  # earlier runs in this workspace that had a flaky test
    selected: SelectedTests | None = None  # None: only affected tests were not asked for, or a run was reused

    @property
    def cases(self) -> tuple[TestCase, ...]:
        """Its tests, as far as they are known by name."""
        return self.outcome.cases if self.outcome is not None else ()

    @property
    def counts(self) -> TestCounts | None:
        """How its tests ended; None where that is not known."""
        return self.outcome.counts if self.outcome is not None else None

    @property
    def has_unknown_counts(self) -> bool:
        """Whether tests ran, or may have, and nobody knows how many."""
        has_run = self.status in (SuiteStatus.FAILED, SuiteStatus.FLAKY, SuiteStatus.PASSED)
        return has_run and self.outcome is not None and self.counts is None

    def describe_counts(self) -> tuple[str, str, str]:
        """How many tests ran, failed, and were skipped; `-` where none could."""
        if self.has_unknown_counts:
            return ("unknown", "unknown", "unknown")
        if self.counts is None:
            return ("-", "-", "-")
        counts = self.counts
        return (str(counts.tests), str(counts.failures + counts.errors), str(counts.skipped))

    def list_reasons(self) -> tuple[str, ...]:
        """Why they ended so: the reason, and what the tests or logs say besides."""
        return (*self.reason.split("\n"), *(cause for cause in self.causes if cause not in self.reason))

    @property
    def seconds(self) -> float:
        """How long the suite ran, with its reruns."""
        return self.outcome.seconds if self.outcome is not None else 0.0

    @property
    def carried(self) -> tuple[TestCase, ...]:
        """The tests that did not run now, with what became of them at earlier commits."""
        return tuple(case for case in self.cases if case.commit)

    def with_status(self, *statuses: TestStatus) -> tuple[TestCase, ...]:
        """The tests that ended so."""
        return tuple(case for case in self.cases if case.status in statuses)
