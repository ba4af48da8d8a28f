"""scripts/fuzz: one line for each reader, exit code 1 when one of them fails."""

from __future__ import annotations

import subprocess

from tests.conftest import ROOT


def test_it_tries_the_readers_that_it_is_given() -> None:
    words = [str(ROOT / "scripts/fuzz"), "--seconds", "0.01", "json", "ledger"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        ["json: 250 inputs", "ledger: 250 inputs", "every input was answered, or refused with an error"],
    )
    words = [str(ROOT / "scripts/fuzz"), "nonsense"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (done.returncode, "no such reader: nonsense" in done.stderr) == (2, True)
