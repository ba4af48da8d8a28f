"""The debug log of a run: what it records, where it is written, and how many are kept."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from altai_build.cli.runlog import KEPT_LOGS, RunLog
from altai_build.stages.clean import list_workspace_items
from altai_build.tools import process
from altai_build.workspace import RUN_LOG_PATTERN, Workspace
from tests.kit.cli import ROOT, altai_build
from tests.kit.superprojects import World, make_files


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.component("repos/focus", make_files("focus"))
    made.pin()
    return made


@pytest.fixture(autouse=True)
def _no_listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs of this process hear its commands for the test alone."""
    monkeypatch.setattr(process, "_listeners", [])
    monkeypatch.setattr(process, "_end_listeners", [])


def read_logs(workspace: Path) -> list[str]:
    return [path.read_text() for path in sorted((workspace / "logs").glob(RUN_LOG_PATTERN))]


def test_a_run_records_commands_times_decisions_and_its_end(world: World, tmp_path: Path) -> None:
    done = altai_build("-q", "-C", world.super.path, "srpm", cwd=tmp_path, env={"SECRET": "hunter2"})
    assert (done.code, done.err) == (0, "")
    (log,) = read_logs(world.super.path / ".altai-build")
    first, *lines = log.splitlines()
    assert re.fullmatch(r" +\d\.\d{3}  altai-build \S+, Python \S+, process \d+", first)
    assert all(re.match(r" +\d+\.\d{3}  |             ", line) for line in lines)
    assert f"$ altai-build -q -C {world.super.path} srpm" in lines[1]
    assert re.search(r"  \$ .*bwrap .*rpmbuild -bs", log)
    assert re.search(r"  exited with 0 after \d+\.\d{3} s: rpmbuild --version\n", log)
    assert re.search(r"  built focus +\d+\.\d s: focus-1\.0-1\.\S+\.src\.rpm\n", log)
    assert lines[-1].endswith("  exit code 0")
    assert "hunter2" not in log


def test_a_failed_run_ends_with_its_error(world: World, tmp_path: Path) -> None:
    (world.super.path / ".altai-build").mkdir()
    refused = altai_build("-C", world.super.path, "srpm", "nova", cwd=tmp_path)
    assert refused.code == 3
    (log,) = read_logs(world.super.path / ".altai-build")
    end = log.partition("exit code 3: ")[2]
    assert [line.strip() for line in end.splitlines()] == refused.err.removeprefix(
        "altai-build: "
    ).splitlines()


def test_a_crash_report_names_the_log_of_the_run(world: World, tmp_path: Path) -> None:
    (world.super.path / ".altai-build").mkdir()
    script = (
        "from altai_build.pipeline.build import srpms; from altai_build.cli import main as cli\n"
        "def broken(*a, **k): raise RuntimeError('planted')\n"
        "srpms.make_srpms = broken; cli.main()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, "srpm"],
        cwd=world.super.path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 70
    (log,) = (world.super.path / ".altai-build" / "logs").glob(RUN_LOG_PATTERN)
    (report,) = tmp_path.glob("altai-build-bug.*.txt")
    assert f"the debug log of the run is {log}; please send both to the developers" in result.stderr
    assert f"The debug log of the run: {log}\n" in report.read_text()
    assert "exit code 70: Traceback" in log.read_text() and "in broken" in log.read_text()


def test_debug_prints_the_log_also_without_a_workspace(world: World, tmp_path: Path) -> None:
    done = altai_build("--debug", "-C", world.super.path, "changed", "HEAD", "HEAD", cwd=tmp_path)
    assert done.code == 0
    assert re.search(r"  \$ git .*diff-tree", done.err) and done.err.endswith("  exit code 0\n")
    assert not (world.super.path / ".altai-build").exists()
    quick = altai_build("-C", world.super.path, "changed", "HEAD", "HEAD", cwd=tmp_path)
    assert quick.err == "altai-build: no gitlinks differ between HEAD and HEAD, below repos\n"


def test_passwords_in_urls_and_control_characters_are_not_recorded(tmp_path: Path) -> None:
    log = RunLog(["verify", "https://me:hunter2@example.org/1.0"])
    log.attach(Workspace(tmp_path))
    process.run(["echo", "https://me:hunter2@example.org/", "\x1b[31m"])
    (text,) = read_logs(tmp_path)
    assert "https://example.org/1.0" in text and "https://example.org/" in text
    assert "hunter2" not in text and "\x1b" not in text


def test_events_wait_for_the_workspace_and_a_killed_child_is_named(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "ws")
    log = RunLog(["build"])
    log.attach(workspace)
    process.run(["sh", "-c", "kill -9 $$"], ok=process.ANY_END)
    assert log.path is None and not workspace.root.exists()
    workspace.prepare()
    log.record("first line\nsecond line")
    (text,) = read_logs(workspace.root)
    assert "was killed by SIGKILL after" in text
    assert text.endswith("  first line\n             second line\n")


def test_the_newest_logs_are_kept(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.logs.mkdir()
    old = [workspace.logs / f"run-2020010{n // 10}T00000{n % 10}Z-1.log" for n in range(KEPT_LOGS + 5)]
    for path in old:
        path.touch()
    (workspace.logs / "nova").mkdir()
    log = RunLog(["plan"])
    log.attach(workspace)
    log.record("x")
    assert log.path is not None
    kept = sorted(workspace.logs.iterdir())
    assert kept == [workspace.logs / "nova", *old[6:], log.path]


def test_a_workspace_that_cannot_be_written_fails_no_run(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file in the way")
    log = RunLog(["plan"])
    log.attach(Workspace(tmp_path))
    log.record("x")
    log.close(0)
    assert log.path is None


def test_clean_knows_the_logs_of_runs(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    failed = workspace.failed_build_logs("run-nova.log")
    failed.mkdir(parents=True)
    log = RunLog(["plan"])
    log.attach(workspace)
    log.record("x")
    assert log.path is not None
    assert {item.path: item.kind for item in list_workspace_items(workspace)} == {
        failed: "log of a failed build",
        log.path: "log of a run",
    }
