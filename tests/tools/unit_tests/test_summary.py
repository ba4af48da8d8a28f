"""The numbers at the end of what test programs print."""

from __future__ import annotations

import pytest

from altai_build.model.unit_tests import TestCounts
from altai_build.tools.unit_tests.summary import read_summary


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("Ran 3 tests in 0.1s\n\nOK\n", TestCounts(3)),
        ("x\nRan 160 tests in 9.1s\n\nFAILED (SKIP=2, errors=149, failures=1)\n", TestCounts(160, 1, 149, 2)),
        ("Ran 5 tests in 0.033s\nFAILED (failures=3)\n", TestCounts(5, 3)),
        ("Ran 2 tests in 1s\n\nFAILED (unexpected successes=1, skipped=1)", TestCounts(2, 1, 0, 1)),
        ("===== 1 failed, 2 passed, 3 skipped, 4 errors in 0.12s =====\n", TestCounts(10, 1, 4, 3)),
        ("7 passed, 1 warning in 2.5 seconds\n", TestCounts(7)),
        ("Ran 1 test in 1s\n\nOK\nRan 2 tests in 1s\n\nFAILED (errors=2)\n", TestCounts(3, 0, 2)),
        ("Ran 3 tests in a hurry\n\nOK\n", None),
        ("Ran 3 tests in 0.1s\n", None),
        ("", None),
    ],
)
def test_each_form(text: str, counts: TestCounts | None) -> None:
    assert read_summary(text) == counts
