"""Failures that another attempt may not have are told from those of the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.tools.buildlog.machine import may_blame_machine
from altai_build.tools.buildlog.reading import HEAD_SIZE, TAIL_SIZE


@pytest.mark.parametrize(
    ("text", "is_machine"),
    [
        ("app.c:3:1: error: expected ';'\nmake: *** [Makefile:2: app.o] Error 1\n", False),
        ("FAILED tests/test_x.py::test_y - AssertionError\n", False),
        ("cc1: error: write failed: No space left on device\n", True),
        ("gcc: fatal error: Killed signal terminated program cc1plus\n", True),
        ("virtual memory exhausted: Cannot allocate memory\n", True),
        ("sh: fork: retry: Resource temporarily unavailable\n", True),
        ("cp: error reading 'x': Input/output error\n", True),
        ("terminate called after throwing an instance of 'std::bad_alloc'\n", True),
    ],
)
def test_the_log_says_whose_failure_it_is(tmp_path: Path, text: str, is_machine: bool) -> None:
    log = tmp_path / "build.log"
    log.write_text(f"+ make\n{text}error: Bad exit status from /var/tmp/rpm-tmp.x (%build)\n")
    assert may_blame_machine(log) is is_machine


def test_what_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    assert may_blame_machine(None) and may_blame_machine(tmp_path / "missing")
    log = tmp_path / "long.log"
    with open(log, "wb") as stream:
        stream.truncate(HEAD_SIZE + TAIL_SIZE + 1)
    assert may_blame_machine(log)
