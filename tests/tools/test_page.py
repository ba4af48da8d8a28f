"""Pages are made of escaped values, and of nothing that was forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from altai_build.tools import page
from altai_build.tools.page import render_template


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(page, "TEMPLATE_DIR", tmp_path)
    return tmp_path


def test_values_are_escaped(templates: Path) -> None:
    (templates / "a.html").write_text("<p title='{{ value }}'>{{ value }}</p>\n")
    assert render_template("a.html", value="<script>'&") == (
        "<p title='&lt;script&gt;&#39;&amp;'>&lt;script&gt;&#39;&amp;</p>\n"
    )


def test_a_missing_value_is_an_error(templates: Path) -> None:
    (templates / "a.html").write_text("{{ forgotten }}")
    with pytest.raises(UndefinedError, match="forgotten"):
        render_template("a.html")


def test_sizes_have_units(templates: Path) -> None:
    (templates / "a.html").write_text("{{ size|bytes }}")
    assert render_template("a.html", size=9_540_000) == "9.5 MB"
