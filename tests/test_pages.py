"""docs/hooks.py: what pages become when mkdocs builds them."""

from __future__ import annotations

from hooks import indent_items, make_anchor
from markdown import markdown  # type: ignore[import-untyped]

PAGE = """\
1. Do this:

   <!-- not run: why -->
   ```sh
   if true; then
     echo one
   fi
   ```

   Then read on.

2. And that,
   or not.

The end.

```sh
   echo two
```
"""


def test_numbered_items_keep_their_paragraphs_and_blocks() -> None:
    html = markdown("\n".join(indent_items(PAGE)), extensions=["fenced_code"])
    assert html.count("<ol>") == html.count("</ol>") == 1
    assert "<pre><code>if true; then\n  echo one\nfi\n</code></pre>\n<p>Then read on.</p>\n</li>" in html
    assert '<p>The end.</p>\n<pre><code class="language-sh">   echo two\n</code></pre>' in html
    assert "not run" not in html


def test_lines_outside_of_numbered_items_stay() -> None:
    page = "# A\n\n- b\n  c\n\n```yaml\n1. x:\n   y\n```\n"
    assert "\n".join(indent_items(page)) == page.rstrip("\n")


def test_anchors_are_those_of_the_repositorys_server() -> None:
    assert make_anchor("A second look: `verify --remember`", "-") == "a-second-look-verify---remember"
