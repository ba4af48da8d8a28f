"""How often tests were flaky in this workspace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from altai_build.model.unit_tests import TestResult, TestStatus
from altai_build.tools.files import write_atomically
from altai_build.tools.sealed_json import dump_sealed, read_sealed

# Of one component; a suite in which everything is flaky must not fill the disk.
_MOST_TESTS = 1000


@dataclass(frozen=True)
class FlakyTest:
    """A test that failed and then passed: in how many runs, and the last commit that it did so at."""

    label: str
    runs: int
    commit: str


# Component → its flaky tests.
FlakyTests = Mapping[str, tuple[FlakyTest, ...]]


def read_flaky_tests(path: Path) -> FlakyTests:
    """What was recorded; {} where nothing was, or it cannot be read."""
    document = read_sealed(path)
    if document is None:
        return {}
    try:
        return {
            str(component): tuple(
                FlakyTest(str(row["label"]), int(row["runs"]), str(row["commit"])) for row in rows
            )
            for component, rows in document["flaky"].items()
        }
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return {}


def record_flaky_tests(path: Path, results: Iterable[TestResult]) -> None:
    """Count the flaky tests of runs that were made now; a result that was reused has been counted."""
    known = dict(read_flaky_tests(path))
    before = dict(known)
    for result in results:
        flaky = [] if result.is_reused else result.with_status(TestStatus.FLAKY)
        if not flaky:
            continue
        rows = {one.label: one for one in known.get(result.component, ())}
        for label in {case.label for case in flaky}:
            runs = rows[label].runs if label in rows else 0
            rows[label] = FlakyTest(label, runs + 1, result.commit)
        kept = sorted(rows.values(), key=lambda one: (-one.runs, one.label))
        known[result.component] = tuple(kept[:_MOST_TESTS])
    if known != before:
        rows_of = {
            component: [{"label": one.label, "runs": one.runs, "commit": one.commit} for one in tests]
            for component, tests in known.items()
        }
        write_atomically(path, dump_sealed({"flaky": rows_of}))
