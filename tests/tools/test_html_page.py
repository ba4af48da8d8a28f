"""Pages: values are escaped, a missing value is an error, sizes and counts have filters."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

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
