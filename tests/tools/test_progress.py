"""What is told comes from strangers: it says what it says, and does nothing else."""

from __future__ import annotations

import pytest

from altai_build.tools.progress import Story


def test_words_of_strangers_neither_style_the_story_nor_steer_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = "root:x:0 [/red] [bold]\x1b[2Jcleared\x07\r"
    story = Story()
    story.tell(text)
    story.warn(text)
    with story.work("work", 1) as work:
        work.start(text)
        work.done(text, "failed", text)
    shown = "root:x:0 [/red] [bold]\\x1b[2Jcleared\\x07\\r"
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == [shown, f"warning: {shown}"]
    assert lines[2].split(" s  ", 1)[1] == f"{shown}  {shown}"
