"""The proof of channels: what it counts as a failure, and that it runs."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.conftest import Require
from tests.kit.channel_proof import Results, classify
from tests.kit.cli import ROOT


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("Problem: nothing provides lib >= 3 needed by app-3-1.noarch", "mixed sections"),
        ("[MIRROR] a.rpm: Status code: 404 for http://x (IP: 127.0.0.1)", "file is gone (404)"),
        ("Downloading successful, but checksum doesn't match.", "index is another one"),
        ("repomd.xml GPG signature verification error: Bad GPG signature", "wrong signature"),
        ("Segmentation fault", "other"),
    ],
)
def test_a_failure_has_a_cause(said: str, cause: str) -> None:
    results = Results()
    results.add(1, said)
    assert classify(said) == cause
    assert dict(results.causes) == {cause: 1}


def test_what_is_counted() -> None:
    results = Results()
    results.add(0, "Running transaction\nComplete!")
    results.add(0, "Transaction Summary\nSkip  1 Package\nNothing to do.")
    results.add(1, "Running transaction\nError")
    assert (results.runs, results.transactions, results.held_back, len(results.failures)) == (3, 1, 1, 1)


def test_it_runs(require: Require) -> None:
    require(os.geteuid() == 0, "dnf installs as root only")
    words = ["--switches", "2", "--mirror-switches", "0", "--loops", "1", "--interval", "0"]
    words += ["--only", "channel"]
    result = subprocess.run(
        [str(ROOT / "scripts" / "prove-channels"), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [line.split(" | ") for line in result.stdout.splitlines() if line.startswith("| channel")]
    assert (result.returncode, len(rows)) == (0, 1), result.stderr
    assert int(rows[0][3]) > 0 and rows[0][5] == "0", result.stdout
