"""Pages: values are escaped, a missing value is an error, sizes and counts have filters."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from jinja2 import Environment, UndefinedError

from altai_build.model.unknown import Unknown
from altai_build.tools import html_page


@pytest.fixture(autouse=True)
def _templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_page, "TEMPLATE_DIR", tmp_path)
    (tmp_path / "page.html").write_text(
        '<p title="{{ name }}">{{ name }}</p>\n{% if name %}\n  shown\n{% endif %}\n'
    )
    (tmp_path / "units.html").write_text(
        "{{ size|bytes }}, {{ 1|count('package') }}, {{ 2|count('package') }}"
    )
    (tmp_path / "link.html").write_text("{{ path|path_url }}")


def test_values_are_escaped_and_statements_leave_no_lines() -> None:
    text = html_page.render_template("page.html", name='<b> & "q"')
    assert text == '<p title="&lt;b&gt; &amp; &#34;q&#34;">&lt;b&gt; &amp; &#34;q&#34;</p>\n  shown\n'


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'name' is undefined"):
        html_page.render_template("page.html")


def test_sizes_and_counts_have_filters() -> None:
    assert html_page.render_template("units.html", size=1_700_000) == "1.7 MB, 1 package, 2 packages"


def test_a_path_of_any_bytes_is_a_link() -> None:
    path = b"report/logs/a b\xff.gz".decode("utf-8", "surrogateescape")
    assert html_page.render_template("link.html", path=path) == "report/logs/a%20b%FF.gz"


def test_a_page_allows_only_its_own_style_and_script(tmp_path: Path) -> None:
    (tmp_path / "base.css").write_text("a{}")
    (tmp_path / "own.css").write_text("b{}")
    (tmp_path / "own.js").write_text("1 < 2")
    (tmp_path / "own.html").write_text(
        '<meta content="{{ policy }}"><style>{{ style | safe }}</style><script>{{ script | safe }}</script>{{ name }}'
    )
    page = html_page.render_page("own", name="<\N{RIGHT-TO-LEFT OVERRIDE}\udcff").decode()
    assert "<style>a{}b{}</style><script>1 < 2</script>&lt;\\u202e\\xff" in page
    digest = base64.b64encode(hashlib.sha256(b"a{}b{}").digest()).decode()
    assert f"default-src &#39;none&#39;; style-src &#39;sha256-{digest}&#39;; script-src &#39;sha256-" in page
    (tmp_path / "own.js").unlink()
    assert "script-src &#39;none&#39;" in html_page.render_page("own", name="").decode()


def test_words_of_a_shell_are_quoted_and_what_is_unknown_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "w.html").write_text("{{ word | shell_quote }} {{ one is unknown }} {{ word is unknown }}")
    assert html_page.render_template("w.html", word="a b", one=Unknown("-")) == "&#39;a b&#39; True False"


def test_a_template_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    first = html_page.render_template("page.html", name="x")
    (compiled,) = (tmp_path / "__pycache__").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(Environment, "compile", lambda *words, **more: pytest.fail("compiled again"))
        assert html_page.render_template("page.html", name="x") == first
    (tmp_path / "page.html").write_text("other {{ name }}")
    assert html_page.render_template("page.html", name="x") == "other x"
    # cut off or of another program
    for content in (compiled.read_bytes()[:-9], compiled.read_bytes()[:20], b"", b"x"):
        compiled.write_bytes(content)
        assert html_page.render_template("page.html", name="x") == "other x"


def test_compiled_templates_are_optional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    assert html_page.render_template("page.html", name="x")
    assert not (tmp_path / "__pycache__").exists()
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    # a folder in which nothing can be made, also by root
    (tmp_path / "__pycache__").write_text("")
    assert html_page.render_template("page.html", name="x")
