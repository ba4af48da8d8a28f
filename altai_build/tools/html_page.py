"""HTML pages from this program's own templates: every value is escaped, and a missing value is an error."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from altai_build.model.quantity import format_count, format_size

TEMPLATE_DIR = Path(__file__).resolve().parents[1] / "templates"


def render_template(template: str, **values: object) -> str:
    """The text of altai_build/templates/`template` with the values filled in."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE_DIR),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["bytes"] = format_size
    environment.filters["count"] = format_count
    environment.filters["path_url"] = lambda path: quote(os.fsencode(path))
    return environment.get_template(template).render(**values)
