"""What foreign text says in the log of a job is no command to the CI service, from the first message to the last."""

from __future__ import annotations

from pathlib import Path

from tests.kit.cli import altai_build
from tests.kit.github import list_github_commands


def test_no_message_is_a_command_to_github(tmp_path: Path) -> None:
    (tmp_path / "repos.yaml").write_text('project: "##[set-output name=a;]b"\nx: "\\n::add-mask::e"\n')
    for verb in ("ci", "build"):
        answer = altai_build(verb, cwd=tmp_path, env={"GITHUB_ACTIONS": "true"})
        assert answer.code == 3 and "##[set-output name=a;]b" in answer.err
        assert list_github_commands(f"{answer.err}::error::of another program") == [
            "::error::of another program"
        ]
    assert "::stop-commands::" not in altai_build("ci", cwd=tmp_path, env={"GITHUB_ACTIONS": ""}).err
