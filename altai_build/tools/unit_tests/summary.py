"""The line at the end of what Python's test programs print, with the numbers of tests and failures."""

from __future__ import annotations

import re

from altai_build.model.unit_tests import TestCounts

# unittest and nose: `Ran 3 tests in 0.1s`, an empty line, `FAILED (failures=1, errors=2, SKIP=3)`.
_RAN = re.compile(
    r"^Ran (?P<tests>\d{1,9}) tests? in [\d.]+s?[ \t]*\n(?:[ \t]*\n)?"
    r"(?:OK|FAILED|PASSED)(?:[ \t]\((?P<details>[^()\n]*)\))?[ \t]*$",
    re.MULTILINE,
)
# pytest: `=== 1 failed, 2 passed, 3 errors in 0.1s ===`.
_PYTEST = re.compile(
    r"^=*[ \t]*(?P<details>\d{1,9} [a-z]+(?:, \d{1,9} [a-z]+)*) in [\d.]+ ?s(?:econds)?\b[^\n]*$",
    re.MULTILINE,
)
_NUMBER = re.compile(r"([A-Za-z ]+)=(\d{1,9})")
_COUNT = re.compile(r"(\d{1,9}) ([a-z]+)")


def read_summary(text: str) -> TestCounts | None:
    """The numbers of all summaries in an output together; None where there is none."""
    found = [
        *(_read_unittest(int(match["tests"]), match["details"] or "") for match in _RAN.finditer(text)),
        *(_read_pytest(match["details"]) for match in _PYTEST.finditer(text)),
    ]
    if not found:
        return None
    return TestCounts(
        tests=sum(one.tests for one in found),
        failures=sum(one.failures for one in found),
        errors=sum(one.errors for one in found),
        skipped=sum(one.skipped for one in found),
    )


def _read_unittest(tests: int, details: str) -> TestCounts:
    numbers = {name.strip().lower(): int(number) for name, number in _NUMBER.findall(details)}
    return TestCounts(
        tests=tests,
        failures=numbers.get("failures", 0) + numbers.get("unexpected successes", 0),
        errors=numbers.get("errors", 0),
        skipped=numbers.get("skipped", 0) + numbers.get("skip", 0),
    )


def _read_pytest(details: str) -> TestCounts:
    numbers = {name: int(number) for number, name in _COUNT.findall(details)}
    failures, errors = numbers.get("failed", 0), numbers.get("error", 0) + numbers.get("errors", 0)
    skipped = numbers.get("skipped", 0) + numbers.get("xfailed", 0)
    passed = numbers.get("passed", 0) + numbers.get("xpassed", 0)
    return TestCounts(passed + failures + errors + skipped, failures, errors, skipped)
