"""Results on stdout: JSON documents and tables."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from altai_build.errors import escape_control_characters


def print_json(result: Any) -> None:
    """Print one JSON document on stdout; records become objects, enum members their values."""
    unicode = sys.stdout.encoding.lower() in ("utf-8", "utf8")
    import json

    json.dump(_to_json(result), sys.stdout, indent=2, ensure_ascii=not unicode, default=str)
    sys.stdout.write("\n")


def _to_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: _to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if isinstance(value, str):
        # Names in git are bytes; JSON must be UTF-8, so other bytes are escaped.
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return value


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on stdout: aligned on a terminal, tab-separated into a pipe."""
    if not sys.stdout.isatty():
        sys.stdout.writelines(
            "\t".join(escape_control_characters(cell, keep="") for cell in row) + "\n" for row in rows
        )
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(escape_control_characters(cell, keep="")) for cell in row))
    Console().print(table)


NO_COMPONENTS = (
    "there are no components: at this commit no submodule is pinned below superproject.components, and the root has "
    "no spec"
)


def print_rows(
    rows: Sequence[Any],
    as_json: bool,
    headers: Sequence[str],
    cells: Callable[[Any], Sequence[str]],
    *,
    to_json: Callable[[Any], object],
    none: str = NO_COMPONENTS,
) -> None:
    """Print rows as JSON or as a table; `none` says why there are no rows."""
    if not rows:
        print(f"altai-build: {none}", file=sys.stderr)
    if as_json:
        print_json([to_json(row) for row in rows])
    else:
        print_table(headers, [cells(row) for row in rows])
