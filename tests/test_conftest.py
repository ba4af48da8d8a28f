"""Tests that cannot run are skipped with a reason, and fail where CI is set."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

INNER = """
def test_privileged(require):
    require(False, "needs something missing")

def test_possible(require):
    require(True, "needs nothing")

def test_real_packages(shared):
    raise AssertionError("there are none")

def test_on_testbed(testbed):
    raise AssertionError("it cannot be made")
"""


def outcomes(checkout: Path, *arguments: str, ci: str | None) -> dict[str, str]:
    """The outcome of each test of INNER in a checkout with nothing but conftest.py."""
    (checkout / "tests").mkdir()
    shutil.copy2(Path(__file__).with_name("conftest.py"), checkout / "tests")
    (checkout / "tests" / "test_inner.py").write_text(INNER)
    env = {name: value for name, value in os.environ.items() if name not in ("CI", "ALTAI_TESTBED")}
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-v",
            "-rN",
            "--tb=line",
            "-p",
            "no:cacheprovider",
            *arguments,
            "tests",
        ],
        cwd=checkout,
        env=env if ci is None else {**env, "CI": ci},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    rows = [line.split() for line in result.stdout.splitlines() if "::" in line]
    return {row[0].rpartition("::")[2]: row[1] for row in rows}


@pytest.mark.parametrize(("ci", "unable"), [(None, "SKIPPED"), ("true", "FAILED")])
def test_a_test_that_cannot_run_is_skipped_but_fails_in_ci(
    tmp_path: Path, ci: str | None, unable: str
) -> None:
    found = outcomes(tmp_path, "--deselect", "tests/test_inner.py::test_on_testbed", ci=ci)
    assert found == {"test_privileged": unable, "test_possible": "PASSED", "test_real_packages": "SKIPPED"}


def test_a_testbed_that_cannot_be_made_fails_the_test(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "make-testbed"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    expected = "ERROR" if os.geteuid() == 0 else "SKIPPED"
    assert outcomes(tmp_path, "-k", "testbed", ci=None) == {"test_on_testbed": expected}


def test_fast_runs_only_tests_without_the_testbed(tmp_path: Path) -> None:
    found = outcomes(tmp_path, "--fast", ci=None)
    assert found == {"test_privileged": "SKIPPED", "test_possible": "PASSED", "test_real_packages": "SKIPPED"}
