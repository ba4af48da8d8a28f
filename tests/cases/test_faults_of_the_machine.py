"""Whatever the machine does to a command, at any point: what is published stays whole, and the next run recovers.

These are some of the points; scripts/inject-errors tries all (docs/reliability.md).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Require
from tests.kit.injection.site import FaultSite


@pytest.mark.parametrize(
    ("command", "tries", "kinds"),
    [
        # One process for each command, because the making of its site takes as long as several faults.
        ("release", 2, ["kill", "error", "child", "disk"]),
        ("keys", 3, ["kill", "error", "child"]),
        ("build", 3, ["kill", "error"]),
        ("srpm", 3, ["child", "files", "inodes"]),
    ],
)
def test_the_next_run_recovers_from_a_fault_at_any_point(
    require: Require, command: str, tries: int, kinds: list[str]
) -> None:
    require(os.geteuid() == 0, "mounting small disks needs root")
    words = [word for kind in kinds for word in ("--kind", kind)]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.kit.injection",
            command,
            *words,
            "--tries",
            str(tries),
            "--part",
            "0",
            "--jobs=1",
        ],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["finding"] for line in lines if "finding" in line] == []
    rows = {line["kind"]: line for line in lines}
    assert [rows[kind]["tried"] for kind in kinds] == [tries] * len(kinds)
    assert all(rows[kind]["happened"] for kind in kinds), rows


def test_several_runs_at_once_make_one_release(tmp_path: Path) -> None:
    """Those that come too late say so; none disturbs another, and nothing is left."""
    site = FaultSite(tmp_path)
    site.list_events("release", "1.0.1")
    expected, manifest = site.list_files(), site.read_manifest("1.0.1")
    site.restore()
    outcomes = site.run_together(["release", "1.0.1"], ["release", "1.0.1"], ["srpm"], ["verify", "1.0.0"])
    codes = [outcome.code for outcome in outcomes]
    assert sorted(codes[:2]) in ([0, 8], [0, 9]) and codes[2:] == [0, 0], outcomes
    assert site.read_published().keys() == {"1.0.0", "1.0.1"}
    assert site.read_manifest("1.0.1") == manifest
    assert without_digests(site.list_files()) >= without_digests(expected)
    assert not list((site.top / "tmp").iterdir()) and not list((site.top / "ws/tmp").iterdir())


def without_digests(names: dict[str, str]) -> set[str]:
    return {name for name in names if not any(len(part) > 39 for part in name.replace(".", "/").split("/"))}
