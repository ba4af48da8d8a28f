"""What a run says of itself while it builds, as another process reads it."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus
from altai_build.pipeline.build.journal import EndedBuild, RunJournal, RunState, open_journal, read_running
from altai_build.tools.files import make_directory
from altai_build.workspace import Workspace

ODD = "a\n\udcff $(b)"


def test_what_a_run_does_is_read_while_it_runs_and_gone_at_its_end(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert read_running(workspace) is None
    with open_journal(workspace, ["nova", ODD]) as journal:
        assert read_running(workspace) == RunState(["nova", ODD], {}, {})
        journal.start(ODD, tmp_path / "one.log")
        journal.start("nova", tmp_path / "first.log")
        journal.end(BuildResult(ODD, "c", ComponentStatus.FAILED, "why", log=tmp_path / "kept.log"))
        journal.end(BuildResult("nova", "c", ComponentStatus.BUILT, ""))
        journal.start("nova", tmp_path / "again.log")
        assert read_running(workspace) == RunState(
            planned=["nova", ODD],
            logs={ODD: tmp_path / "one.log", "nova": tmp_path / "again.log"},
            ended={ODD: EndedBuild("failed", "why", tmp_path / "kept.log")},
        )
    assert read_running(workspace) is None and list(workspace.scratch.iterdir()) == []


def test_what_a_killed_run_left_is_no_run(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    left = make_directory(workspace.scratch / "run.left")
    (left / "journal").write_text('{"planned": ["nova"]}\n')
    assert read_running(workspace) is None
    # A run that has just begun has written nothing, and one that writes has half a line.
    with open_journal(workspace, ["glance"]):
        (journal,) = (path for path in workspace.scratch.glob("run.*/journal") if path.parent != left)
        with open(journal, "a", encoding="utf-8") as stream:
            stream.write('{"component": "gla')
        assert read_running(workspace) == RunState(["glance"], {}, {})


def test_a_run_goes_on_without_its_journal() -> None:
    RunJournal().start("nova", Path("log"))
    with open("/dev/full", "wb", buffering=0) as full:
        journal = RunJournal(full.fileno())
        journal.start("nova", Path("log"))
        journal.start("glance", Path("log"))
