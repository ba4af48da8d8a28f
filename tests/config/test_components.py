"""`components` of repos.yaml: what a component's source is, and templates of generated files."""

from __future__ import annotations

import pytest

from altai_build.config.components import list_template_fields, read_component
from altai_build.config.schema import ComponentSettings
from altai_build.config.yaml_reader import InputErrors, YamlNode
from altai_build.model.sources import SourceChoice


def read(value: object) -> tuple[ComponentSettings, list[str]]:
    errors = InputErrors()
    settings = read_component("x", YamlNode(value, "components.x", errors))
    return settings, errors.lines


@pytest.mark.parametrize("choice", list(SourceChoice))
def test_what_the_source_of_a_component_is(choice: SourceChoice) -> None:
    settings, errors = read({"source": choice.value})
    assert (settings.source, errors) == (choice, [])


def test_without_the_key_nothing_is_decided() -> None:
    assert read({})[0].source is None


def test_macros_with_and_without_options() -> None:
    settings, errors = read({"macros": {"product": "x", "py_provides()": "Provides: %1", "a(b:c)": "%{-b*}"}})
    assert settings.macros == (("product", "x"), ("py_provides()", "Provides: %1"), ("a(b:c)", "%{-b*}"))
    assert errors == []
    for name in ("a b", "a()b", "a(b c)", "%a"):
        assert len(read({"macros": {name: "x"}})[1]) == 1


def test_another_word_is_an_error() -> None:
    assert read({"source": "comitted"})[1] == [
        "  components.x.source: got 'comitted'; did you mean committed?"
    ]


@pytest.mark.parametrize(
    ("template", "fields"),
    [("a{b}{c}", ["b", "c"]), ("a", []), ("{a", None), ("{a!r}", None), ("{a:>9}", None)],
)
def test_fields_of_templates(template: str, fields: list[str] | None) -> None:
    assert list_template_fields(template) == fields


def test_submodules_that_the_archive_does_not_need() -> None:
    settings, errors = read({"exclude_submodules": ["3rdparty/*", "docs"]})
    assert (settings.exclude_submodules, errors) == (("3rdparty/*", "docs"), [])
    assert read({})[0].exclude_submodules == ()
