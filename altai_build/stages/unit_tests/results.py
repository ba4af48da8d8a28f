"""The package of a test run → what became of the tests. Tests wrote it, so it is read with limits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from altai_build.errors import escape_control_characters
from altai_build.model.affected_tests import AffectedTests
from altai_build.model.package import LocalRpm
from altai_build.model.quantity import format_count, parse_whole_number
from altai_build.model.test_record import read_numbers
from altai_build.model.unit_tests import (
    SuiteKind,
    SuiteOutcome,
    SuiteRun,
    SuiteStatus,
    TestCase,
    TestCounts,
    TestStatus,
    combine_runs,
    count_cases,
    find_later_failures,
)
from altai_build.model.untrusted_json import parse_json
from altai_build.stages.unit_tests.wrapper import PASSED_FILE, RESULTS_FOLDER
from altai_build.tools.rpm.payload import read_payload
from altai_build.tools.unit_tests.junit import make_case, read_junit
from altai_build.tools.unit_tests.output import COUNTED_KINDS, read_output
from altai_build.tools.unit_tests.summary import read_summary

# Bytes of all results of one component.
PAYLOAD_LIMIT = 256 << 20
# By these names they are in the package, and in the folder of -o.
COVERAGE_FILES = ("coverage.xml", "lcov.info", "cover.out")
# The exit status, the seconds, and whether the time was over.
_STATUS = re.compile(r"(\d{1,3}) (\d{1,9})( timeout)?\n?")
_KILLED = 137  # by SIGKILL
_MOST_RUNS = 10
_LONGEST_REASON = 500
_MOST_NAMED = 10


def has_passed(rpm: LocalRpm) -> bool:
    """Whether the last run of a suite had no failure, by the header of its package."""
    return any(file.path == PASSED_FILE for file in rpm.header.files)


def read_results(
    package: Path, kind: SuiteKind, *, scratch: Path, selection: AffectedTests | None = None
) -> SuiteOutcome:
    """Read the package of a test run. Raises InputError for one that cannot be read.

    The tests that a `selection` left out count as they ended when they ran.
    """
    files = read_payload(package, limit=PAYLOAD_LIMIT, scratch=scratch)
    prefix = f"{RESULTS_FOLDER}/"
    return parse_results(
        {path[len(prefix) :]: data for path, data in files.items() if path.startswith(prefix)},
        kind,
        selection,
    )


def parse_results(
    files: Mapping[str, bytes], kind: SuiteKind, selection: AffectedTests | None = None
) -> SuiteOutcome:
    """The results in the files of a package, by their names in its folder of results."""
    runs: list[SuiteRun] = []
    logs: list[bytes] = []
    notes: list[str] = []
    seconds = 0
    for number in range(1, _MOST_RUNS):
        status = _STATUS.fullmatch(files.get(f"{number}/status", b"").decode("ascii", "replace"))
        if status is None:
            break
        seconds += parse_whole_number(status[2]) or 0
        log = files.get(f"{number}/log", b"")
        logs.append(log)
        found = _read_cases(files, number, kind, log, notes)
        runs.append(SuiteRun(int(status[1]), tuple(found), status[3] is not None))
    if not runs:
        return SuiteOutcome(SuiteStatus.NOT_RUN, problem="the results of the suite are missing")
    notes += _list_contradictions(files, runs, logs[0])
    carried, refused = _read_left_out(files, selection) if selection is not None else ((), "")
    cases = (*combine_runs(runs), *(carried or ()))
    is_whole = _are_reports_read(files)
    counts = _count(cases, read_summary(logs[0].decode("utf-8", "replace")), len(carried or ()), is_whole)
    is_counted = kind in COUNTED_KINDS or bool(not cases and is_whole and _has_report(files))
    judged, problem = _judge(runs, cases, is_counted, is_whole)
    if carried is None:
        judged, problem = SuiteStatus.FAILED, problem or refused
    return SuiteOutcome(
        status=judged,
        cases=cases,
        counts=counts,
        seconds=float(seconds),
        exit_status=runs[-1].exit_status,
        problem=problem,
        notes=tuple(dict.fromkeys(notes)),
        logs=tuple(logs),
        coverage={name: files[name] for name in COVERAGE_FILES if name in files},
        coverage_log=files.get("coverage.log", b""),
        folder=files.get("folder", b"").decode("utf-8", "replace").strip(),
        record=files.get("record.json", b""),
        refused=refused,
    )


def _count(
    cases: Sequence[TestCase], summary: TestCounts | None, carried: int, is_whole: bool
) -> TestCounts | None:
    """How many tests there were; where the output names only those that failed, its summary has all. None: unknown.

    Without `is_whole` there are results that could not be read.
    """
    if summary is None and not (cases and is_whole):
        return None
    found = count_cases(cases)
    if summary is None or not summary.tests or summary.tests + carried <= found.tests:
        return found if cases else None
    return replace(found, tests=summary.tests + carried, skipped=max(found.skipped, summary.skipped))


def _list_contradictions(files: Mapping[str, bytes], runs: Sequence[SuiteRun], log: bytes) -> list[str]:
    """Where what a suite left does not fit together: fewer failures than it prints, other ones when run again."""
    notes = []
    for name in files.get("too-large", b"").decode("utf-8", "replace").split("\n")[:_MOST_NAMED]:
        if name:
            notes.append(
                f"{escape_control_characters(name[:100])} of the suite is too large, and was not read"
            )
    summary = read_summary(log.decode("utf-8", "replace"))
    failed = sum(case.is_failure for case in runs[0].cases)
    if summary is not None and runs[0].cases and summary.failures + summary.errors > failed:
        printed = summary.failures + summary.errors
        notes.append(f"its output reports {format_count(printed, 'failure')}, and its results have {failed}")
    later = find_later_failures(runs)
    if later:
        notes.append(
            f"{format_count(len(later), 'test')} passed first and failed when all were run again: {later[0].label}"
        )
    return notes


def _read_left_out(
    files: Mapping[str, bytes], selection: AffectedTests
) -> tuple[tuple[TestCase, ...] | None, str]:
    """The tests that were left out, of those that may be, and why none was; None where that is not known."""
    try:
        document = parse_json(files["selection.json"].decode())
        numbers = read_numbers(document["carried"], len(selection.record.tests))
        refused = escape_control_characters(str(document["reason"])[:_LONGEST_REASON])
    except (KeyError, TypeError, ValueError):
        return None, "it is unknown which tests were left out; run all with --all"
    states = {"passed": TestStatus.PASSED, "skipped": TestStatus.SKIPPED}
    tests = [selection.record.tests[number] for number in selection.carried if number in numbers]
    return (
        tuple(
            replace(
                make_case(test.suite, test.title, states[test.status], test.seconds),
                commit=test.commit or selection.base,
            )
            for test in tests
        ),
        refused,
    )


def _read_cases(
    files: Mapping[str, bytes], number: int, kind: SuiteKind, log: bytes, notes: list[str]
) -> list[TestCase]:
    """The cases of one run: those in its JUnit files, else those in its output."""
    pattern = re.compile(rf"{number}/junit-\d+\.xml")
    cases: list[TestCase] = []
    for name in sorted(filter(pattern.fullmatch, files)):
        try:
            cases += read_junit(files[name])
        except ValueError as error:
            notes.append(f"a JUnit file of the suite cannot be read: {error}")
    return cases or read_output(kind, log.decode("utf-8", "replace"))


def _has_report(files: Mapping[str, bytes]) -> bool:
    """Whether a JUnit file of a suite can be read: it says how many tests ran, none too."""
    for name in filter(re.compile(r"\d/junit-\d+\.xml").fullmatch, files):
        with suppress(ValueError):
            read_junit(files[name])
            return True
    return False


def _are_reports_read(files: Mapping[str, bytes]) -> bool:
    """Whether each JUnit file of the first run, which has all tests, can be read."""
    if files.get("too-large"):
        return False
    try:
        for name in filter(re.compile(r"1/junit-\d+\.xml").fullmatch, files):
            read_junit(files[name])
    except ValueError:
        return False
    return True


def _judge(
    runs: list[SuiteRun], cases: tuple[TestCase, ...], is_counted: bool, is_whole: bool
) -> tuple[SuiteStatus, str]:
    """The status, and what it says that no test case does. `is_counted`: without cases there was no test.

    Without `is_whole` there are results that could not be read, and so nobody knows that.
    """
    last = runs[-1]
    failing = [case for case in cases if case.is_failure]
    if last.exit_status != 0:
        if last.timed_out:
            return SuiteStatus.FAILED, "the suite was ended after the time that it may take (test.timeout)"
        if failing:
            return SuiteStatus.FAILED, ""
        if last.exit_status == _KILLED:
            return SuiteStatus.FAILED, "the suite was killed (SIGKILL): by itself, or because memory ran out"
        if not cases and is_counted and is_whole:
            return SuiteStatus.NOT_RUN, f"the suite ended with exit status {last.exit_status} and ran no test"
        return SuiteStatus.FAILED, f"the suite ended with exit status {last.exit_status}"
    if failing:
        return SuiteStatus.FAILED, "tests failed, although the suite ended with exit status 0"
    if not cases and is_counted:
        unread = "whether a test ran is unknown: the JUnit file of the suite cannot be read"
        return SuiteStatus.NOT_RUN, "the suite ran no test" if is_whole else unread
    return (SuiteStatus.FLAKY if len(runs) > 1 else SuiteStatus.PASSED), ""
