"""`log` at the command line: of the last run and of a release, followed, in a pipe that is closed."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

import altai_build as package_of_altai_build
from altai_build.ledger import ComponentOutcome, write_outcomes
from altai_build.model.release import BuildRecord
from altai_build.pipeline.build.journal import open_journal
from altai_build.workspace import Workspace
from tests.kit.cli import ROOT, altai_build
from tests.kit.manifests import manifest, package, write_manifests

SCHEMA = json.loads((Path(package_of_altai_build.__file__).parent / "schemas" / "log.json").read_text())


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / ".altai-build")
    log = workspace.failed_build_logs("nova") / "build.log"
    log.parent.mkdir(parents=True)
    log.write_text("\x1b[31merror:\x1b[0m bad\x07\n")
    outcome = ComponentOutcome("nova", "c", "failed", "bad", key="", time=1, log="logs/nova/build.log")
    write_outcomes(workspace.outcomes, [outcome])
    return workspace


def test_the_log_of_the_last_run(workspace: Workspace, tmp_path: Path) -> None:
    # A definition that cannot be read hides no log.
    (tmp_path / "repos.yaml").write_text("project: [")
    answer = altai_build("log", "nova", cwd=tmp_path)
    assert (answer.code, answer.out) == (0, "error: bad\\x07\n")
    assert answer.err == "altai-build: nova: failed in the last run: bad\n"
    path = workspace.failed_build_logs("nova") / "build.log"
    assert altai_build("log", "nova", "--path", "-q", cwd=tmp_path).out == f"{path}\n"
    answer = altai_build("log", "nova", "--json", cwd=tmp_path)
    jsonschema.validate(answer.json, SCHEMA)
    assert (answer.json["status"], answer.json["log"]) == ("failed", str(path))
    missing = altai_build("log", "glance", "--json", cwd=tmp_path)
    assert missing.code == missing.json["error"]["code"] == 3


def test_the_log_of_a_release(tmp_path: Path) -> None:
    log = "report/logs/nova.log.gz"
    build = BuildRecord(component="nova", status="built", reason="why", seconds=1.0, buildroot="", log=log)
    write_manifests(
        tmp_path / "releases", replace(manifest("1.0", [package("nova-1-1.noarch")]), builds=(build,))
    )
    place = tmp_path / "releases" / "1.0" / log
    place.parent.mkdir(parents=True)
    place.write_bytes(gzip.compress(b"Executing(%build)\n"))
    answer = altai_build("log", "nova", "1.0", cwd=tmp_path)
    assert (answer.code, answer.out) == (0, "Executing(%build)\n"), answer.err
    assert "is unverified" in answer.err
    document = altai_build("log", "nova", "releases/1.0", "--json", cwd=tmp_path).json
    jsonschema.validate(document, SCHEMA)
    assert (document["release"], document["log"], document["trust"]) == ("1.0", str(place), "unverified")
    place.write_bytes(b"no gzip")
    assert altai_build("log", "nova", "1.0", cwd=tmp_path).code == 3
    assert altai_build("log", "nova", "1.0", "--follow", cwd=tmp_path).code == 2
    assert altai_build("log", "nova", "--follow", "--path", cwd=tmp_path).code == 2


def test_following_ends_with_the_build_and_when_nobody_reads(workspace: Workspace, tmp_path: Path) -> None:
    grown = tmp_path / "grown.log"
    grown.write_text("one\n")
    command = [sys.executable, "-m", "altai_build", "log", "nova", "--follow"]
    settings = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(ROOT)}, "stdin": subprocess.DEVNULL}
    with open_journal(workspace, ["nova"]) as journal:
        journal.start("nova", grown)
        both = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **settings)  # type: ignore[call-overload]
            for _ in range(2)
        ]
        for process in both:
            assert process.stdout.readline() == "one\n"
        left, stays = both
        left.stdout.close()
        assert left.wait(timeout=60) == 0
        with open(grown, "a", encoding="utf-8") as stream:
            stream.write("\x1b[2Jtwo")
    out, err = stays.communicate(timeout=60)
    # The run ended without a word about the build, as one that is killed: an older log is none of this build.
    assert (stays.returncode, out) == (0, "two\n")
    assert err == "the build of nova has ended\n"
    left.stderr.close()
    # The build is over: its log is printed as it was kept.
    answer = altai_build("log", "nova", "--follow", cwd=tmp_path)
    assert (answer.code, answer.out) == (0, "error: bad\\x07\n")
