"""The words for what became of a component: programs read them in the output of the command line."""

from __future__ import annotations

from altai_build.model.component_status import ComponentStatus, name_component


def test_the_words_are_those_of_the_command_line() -> None:
    assert [status.value for status in ComponentStatus] == ["built", "reused", "skipped", "blocked", "failed"]


def test_a_text_that_begins_with_the_name_of_its_component_gets_it_only_once() -> None:
    assert name_component("bottle", "rpm refuses x.spec") == "bottle: rpm refuses x.spec"
    assert name_component("bottle", "bottle: rpm refuses x.spec") == "bottle: rpm refuses x.spec"
    assert name_component("bottle", "bottle-x.spec: no") == "bottle: bottle-x.spec: no"
