"""The content of a commit is asked of git once, and only if it is used."""

from __future__ import annotations

from pathlib import Path

from altai_build.tools.git.component_source import LoadedContent, SpecContent
from tests.kit.sourced import make_component_spec


def test_it_is_loaded_once_and_on_request(tmp_path: Path) -> None:
    source = make_component_spec(tmp_path, {"x.spec": "text", "y": ""}, "x.spec")
    loads: list[int] = []

    def load() -> LoadedContent:
        loads.append(1)
        return source.content.loaded

    content = SpecContent(load, files=2)
    assert (content.files, source.content.files, loads) == (2, 2, [])
    assert content.loaded.text == content.loaded.text == "text" and loads == [1]
    assert [entry.path for entry in content.loaded.tree] == ["x.spec", "y"]
