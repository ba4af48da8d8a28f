"""Which log is shown of a component, why there is none, and a log that grows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.ledger import ComponentOutcome, write_outcomes
from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus
from altai_build.pipeline.build.journal import open_journal
from altai_build.pipeline.build.logs import WorkspaceLog, find_log, follow_log
from altai_build.tools.files import make_directory
from altai_build.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


def note(workspace: Workspace, component: str, status: str, reason: str = "why", log: str = "") -> None:
    make_directory(workspace.root)
    key = "" if status in ("failed", "blocked") else "k1"
    write_outcomes(
        workspace.outcomes, [ComponentOutcome(component, "c", status, reason, key=key, time=1, log=log)]
    )


def write_log(path: Path, text: str) -> Path:
    make_directory(path.parent)
    path.write_text(text)
    return path


def test_the_log_of_the_last_run_is_that_of_its_failure_or_of_the_build_that_was_taken(
    workspace: Workspace,
) -> None:
    failed = write_log(workspace.failed_build_logs("nova") / "root.log", "bad")
    note(workspace, "nova", "failed", log="logs/nova/root.log")
    assert find_log(workspace, "nova") == WorkspaceLog("nova", "failed", "why", failed)
    good = write_log(workspace.builds / "k1" / "build.log", "good")
    note(workspace, "nova", "reused")
    assert find_log(workspace, "nova") == WorkspaceLog("nova", "reused", "why", good)


@pytest.mark.parametrize(
    ("status", "reason", "log", "what", "todo"),
    [
        ("failed", "x", "logs/nova/build.log", "the log of nova was removed", "log nova latest"),
        ("built", "x", "", "the log of nova was removed", "build nova"),
        ("blocked", "needs a b, which failed", "", "did not build nova", "`altai-build log 'a b'`"),
        ("failed", "nothing provides x", "", "did not build nova", "the reason says everything"),
    ],
)
def test_why_there_is_no_log(
    workspace: Workspace, status: str, reason: str, log: str, what: str, todo: str
) -> None:
    note(workspace, "nova", status, reason, log)
    with pytest.raises(InputError) as caught:
        find_log(workspace, "nova")
    assert what in caught.value.what and reason in caught.value.why and todo in caught.value.todo


def test_a_reused_build_of_a_release_has_its_log_there(workspace: Workspace) -> None:
    make_directory(workspace.root)
    outcome = ComponentOutcome("nova", "c", "reused", "release 1.0 has the packages", key="", time=1)
    write_outcomes(workspace.outcomes, [outcome])
    with pytest.raises(InputError, match="did not build nova") as caught:
        find_log(workspace, "nova")
    assert "`altai-build log nova VERSION`" in caught.value.todo


def test_an_unknown_component_and_one_that_is_still_to_be_built(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="nothing was built in the workspace"):
        find_log(workspace, "nova")
    note(workspace, "nova", "built")
    with pytest.raises(InputError, match="it was not built") as caught:
        find_log(workspace, "nvoa")
    assert caught.value.why == "did you mean nova?"
    with open_journal(workspace, ["glance"]), pytest.raises(InputError, match="has not begun") as caught:
        find_log(workspace, "glance")
    assert "--follow" in caught.value.todo


def play(monkeypatch: pytest.MonkeyPatch, *steps: Callable[[], object]) -> None:
    """Instead of pauses between two looks at a log something happens."""
    rest = list(steps)
    monkeypatch.setattr("altai_build.pipeline.build.logs.time.sleep", lambda seconds: rest.pop(0)())


def test_a_log_is_followed_through_all_jobs_to_the_end_of_the_build(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, second = tmp_path / "first" / "build.log", tmp_path / "second" / "build.log"
    with open_journal(workspace, ["nova", "glance"]) as journal:

        def end_first() -> None:
            with open(first, "a", encoding="utf-8") as stream:
                stream.write("of the spec\nhalf a line")
            first.parent.rename(tmp_path / "moved")
            journal.start("nova", second)

        def end_second() -> None:
            with open(second, "a", encoding="utf-8") as stream:
                stream.write("\x1b[2Jdone\n")
            second.rename(workspace.root / "kept.log")
            journal.end(BuildResult("nova", "c", ComponentStatus.BUILT, "", log=workspace.root / "kept.log"))

        play(
            monkeypatch,
            lambda: journal.start("glance", tmp_path / "other.log"),
            lambda: journal.start("nova", first),
            lambda: write_log(first, "reads\n"),
            end_first,
            lambda: write_log(second, "builds\n"),
            end_second,
        )
        assert "".join(follow_log(workspace, "nova")) == "reads\nof the spec\nhalf a line\nbuilds\ndone\n"
        assert find_log(workspace, "nova").status == "built"
        assert "".join(follow_log(workspace, "nova")) == "builds\ndone\n"
        assert "".join(follow_log(workspace, "unknown")) == ""


def test_the_log_of_a_job_between_two_looks_is_not_missed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = write_log(tmp_path / "first.log", "reads\n")
    kept = write_log(tmp_path / "kept.log", "builds\n")
    with open_journal(workspace, ["nova"]) as journal:
        journal.start("nova", first)

        def build_quickly() -> None:
            journal.start("nova", tmp_path / "gone.log")
            journal.end(BuildResult("nova", "c", ComponentStatus.FAILED, "", log=kept))

        play(monkeypatch, build_quickly)
        assert "".join(follow_log(workspace, "nova")) == "reads\nbuilds\n"


def test_following_ends_when_nobody_reads_and_when_no_run_is_there(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert list(follow_log(workspace, "nova")) == []
    wanted = [True, True]
    play(monkeypatch, lambda: None, lambda: None)
    with open_journal(workspace, ["nova"]) as journal:
        journal.start("nova", write_log(tmp_path / "a.log", "text\n"))
        texts = follow_log(workspace, "nova", is_wanted=lambda: bool(wanted) and wanted.pop())
        assert "".join(texts) == "text\n"


def test_a_running_build_has_the_log_that_it_writes(workspace: Workspace, tmp_path: Path) -> None:
    note(workspace, "nova", "failed", log="logs/nova/build.log")
    with open_journal(workspace, ["nova"]) as journal:
        journal.start("nova", tmp_path / "now.log")
        assert find_log(workspace, "nova") == WorkspaceLog("nova", "running", "", tmp_path / "now.log")
