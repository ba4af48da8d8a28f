"""The words for what became of a component: programs read them in the output of the command line."""

from __future__ import annotations

from altai_build.model.component_status import ComponentStatus


def test_the_words_are_those_of_the_command_line() -> None:
    assert [status.value for status in ComponentStatus] == ["built", "reused", "skipped", "blocked", "failed"]
