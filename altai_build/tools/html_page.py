"""HTML pages from this program's own templates: every value is escaped, and a missing value is an error.

A page is one file that loads nothing: the style sheets and the script of a template are written into it, and its
Content-Security-Policy allows these and nothing else, by their digests. So a text of a release that would become a
script, a style or a picture of another server, by a mistake in a template, would still have no effect.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import jinja2
from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket

from altai_build import errors
from altai_build.errors import escape_control_characters
from altai_build.model import quantity
from altai_build.model.quantity import format_count, format_size, format_size_change
from altai_build.model.unknown import Unknown
from altai_build.regular_files import read_regular_file

# By this text a page of this program is known from others.
GENERATOR = '<meta name="generator" content="altai-build">'
TEMPLATE_DIR = Path(__file__).resolve().parents[1] / "templates"


def render_page(name: str, /, **values: object) -> bytes:
    """The page of altai_build/templates/NAME.html with the values filled in, as UTF-8.

    Its style sheets are base.css and NAME.css, its script is NAME.js; those that exist.
    """
    style, script = _join_files("base.css", f"{name}.css"), _join_files("base.js", f"{name}.js")
    policy = "; ".join(
        [
            "default-src 'none'",
            f"style-src {_allow(style)}",
            f"script-src {_allow(script)}",
            # The empty icon: without one browsers ask the server for /favicon.ico.
            "img-src data:",
            # Build logs of the same release.
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    html = render_template(
        f"{name}.html", style=style, script=script, policy=policy, generator=GENERATOR, **values
    )
    return html.encode("utf-8")


def render_template(template: str, **values: object) -> str:
    """The text of altai_build/templates/`template` with the values filled in."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE_DIR),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_make_visible,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=_TemplateCache(TEMPLATE_DIR),
    )
    environment.filters["bytes"] = format_size
    environment.filters["bytes_change"] = format_size_change
    environment.filters["count"] = format_count
    environment.filters["shell_quote"] = shlex.quote
    environment.tests["unknown"] = lambda value: isinstance(value, Unknown)
    environment.filters["path_url"] = lambda path: quote(os.fsencode(path))
    return environment.get_template(template).render(**values)


class _TemplateCache(FileSystemBytecodeCache):
    """Compiled templates in `__pycache__` beside them, as Python has its own modules.

    Compiling takes as long as a tenth of a release in which nothing changed. Like Python's, the files are as trusted as
    the program's code, which is in the same folders; a folder that cannot be written has none.
    """

    def __init__(self, templates: Path) -> None:
        folder = os.path.dirname(importlib.util.cache_from_source(os.fspath(templates / "page.py")))
        # what compiling does with the constants of a template; jinja2 compares the text of the template itself
        compilers = [os.stat(str(module.__file__)) for module in (sys.modules[__name__], errors, quantity)]
        versions = repr([jinja2.__version__, *((found.st_mtime_ns, found.st_size) for found in compilers)])
        digest = hashlib.sha256(versions.encode()).hexdigest()[:16]
        super().__init__(folder, f"{sys.implementation.cache_tag}-{digest}-%s.pyc")

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what is there; what cannot be read is compiled again."""
        try:
            super().load_bytecode(bucket)
        except Exception:
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled, where that is possible and allowed."""
        if sys.dont_write_bytecode:
            return
        with suppress(OSError):
            os.makedirs(self.directory, exist_ok=True)
            super().dump_bytecode(bucket)


def _make_visible(value: object) -> object:
    """Text with its control characters and bytes that are not UTF-8 escaped.

    Some characters make a browser show other text than there is (U+202E).
    """
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return escape_control_characters(value)
    return value


def _join_files(*names: str) -> str:
    texts = []
    for name in names:
        with suppress(FileNotFoundError):
            texts.append(read_regular_file(TEMPLATE_DIR / name).decode())
    return "".join(texts)


def _allow(text: str) -> str:
    """The source of a Content-Security-Policy for one inline text."""
    if not text:
        return "'none'"
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
