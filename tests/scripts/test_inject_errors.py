"""scripts/inject-errors: a row for each kind of fault, and exit code 1 when something did not hold."""

from __future__ import annotations

import subprocess

from tests.conftest import ROOT


def call(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [str(ROOT / "scripts/inject-errors"), *words]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def test_it_tries_the_faults_that_it_is_given() -> None:
    done = call("srpm", "--kind", "kill", "--tries", "3", "--jobs", "1")
    assert (done.returncode, done.stderr) == (0, "")
    head, _, row = done.stdout.splitlines()
    assert head == "| command | fault | points | tried | happened | exit codes | findings | minutes |"
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:2] == ["srpm", "kill"] and cells[5].startswith("-9: ") and cells[6] == "0"
    assert int(cells[2]) > 50 and cells[3:5] == ["3", "3"]


def test_an_unknown_command_is_refused() -> None:
    done = call("nonsense")
    assert (done.returncode, "unknown command nonsense" in done.stderr) == (2, True)
