"""Results on stdout: JSON documents and tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any

from altai_build.errors import escape_control_characters

# Of the results that verbs print; raised when a key is removed or gets another meaning.
SCHEMA_VERSION = 1

_printed: list[bool] = []


def is_json_printed() -> bool:
    """True when this process has printed a JSON document: there is never a second one."""
    return bool(_printed)


def print_json(result: Any) -> None:
    """Print one JSON document on stdout."""
    _printed.append(True)
    sys.stdout.write(format_json(result, ascii_only=sys.stdout.encoding.lower() not in ("utf-8", "utf8")))


def format_json(result: Any, *, ascii_only: bool = True) -> str:
    """A JSON document; records become objects, enum members their values.

    An object says which version of its form it has, and so does each object of a list. Characters that could control a
    terminal or turn the text around are escaped as JSON has it, so that the values stay the same.
    """
    import json

    document = _to_json(result)
    document = list(map(_add_version, document)) if isinstance(document, list) else _add_version(document)
    text = json.dumps(document, indent=2, ensure_ascii=ascii_only, default=str)
    if not text.replace("\n", "").isprintable():
        text = "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
    return f"{text}\n"


def _add_version(document: Any) -> Any:
    return {"schema_version": SCHEMA_VERSION, **document} if isinstance(document, dict) else document


def _to_json(value: Any) -> Any:
    names = _list_field_names(value)
    if names:
        return {name: _to_json(getattr(value, name)) for name in names}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {_to_json(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if isinstance(value, str):
        # Names in git are bytes; JSON must be UTF-8, so other bytes are escaped.
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return value


def _list_field_names(value: Any) -> tuple[str, ...]:
    """The fields of a record: a dataclass's object or a named tuple."""
    fields = getattr(value, "__dataclass_fields__", None) or getattr(value, "_fields", None)
    return () if fields is None or isinstance(value, type) else tuple(fields)


def print_path(path: os.PathLike[str]) -> None:
    """Print a path on stdout: its very bytes into a pipe, so that programs can open it; escaped on a terminal."""
    if sys.stdout.isatty():
        print(escape_control_characters(os.fspath(path), keep=""))
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(path) + b"\n")
    sys.stdout.buffer.flush()


def print_text(line: str) -> None:
    """Print a line on stdout whose control characters are escaped: it contains names that others chose."""
    print(escape_control_characters(line, keep=""))


def count_table_lines(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """How many lines of this terminal a table takes."""
    from rich.console import Console

    return len(
        _lay_out(
            headers,
            [[escape_control_characters(cell, keep="") for cell in row] for row in rows],
            Console().width,
        )
    )


class TableFormat(str, Enum):
    """What --format can be."""

    TABLE = "table"
    CSV = "csv"
    MARKDOWN = "markdown"


_formats: list[TableFormat] = []


def choose_format(chosen: TableFormat | None) -> None:
    """Set the form of the tables that `print_table` prints; None: the one that suits where they go."""
    _formats[:] = [] if chosen is None else [chosen]


def is_csv() -> bool:
    """True when tables are printed as CSV."""
    return _formats == [TableFormat.CSV]


class Cell(str):
    """The text of a cell for people; CSV has the whole value."""

    whole: str

    def __new__(cls, text: str, whole: str) -> Cell:
        """A cell with both."""
        cell = super().__new__(cls, text)
        cell.whole = whole
        return cell


def digest_cell(digest: str | None) -> Cell:
    """A cell with a commit or another digest: its beginning for people."""
    return Cell((digest or NO_VALUE)[:12], digest or "")


def size_cell(size: int) -> Cell:
    """A cell with a number of bytes: rounded, with a unit, for people."""
    from altai_build.model.quantity import format_size

    return Cell(format_size(size), str(size))


# A cell without a value; in CSV it is empty.
NO_VALUE = "-"


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on stdout in the form of --format.

    Without one it is aligned on a terminal and tab-separated into a pipe, and nothing where there are no rows.
    """
    if _formats == [TableFormat.CSV]:
        print_csv(headers, [[_value_of(cell) for cell in row] for row in rows])
    elif _formats == [TableFormat.MARKDOWN]:
        from altai_build.cli.markdown import code, escape, table

        lines = table([escape(header) for header in headers], [[code(cell) for cell in row] for row in rows])
        sys.stdout.writelines(f"{line}\n" for line in lines)
    elif not sys.stdout.isatty() and not _formats:
        sys.stdout.writelines(
            "\t".join(escape_control_characters(cell, keep="") for cell in row) + "\n" for row in rows
        )
    elif rows:
        _print_aligned(headers, rows)


def _value_of(cell: str) -> str:
    if isinstance(cell, Cell):
        return cell.whole
    return "" if cell == NO_VALUE else cell


# A spreadsheet takes a cell for a formula by its first character; the wide ones too, where Japanese is the language.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def print_csv(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print CSV on stdout (RFC 4180) with a line of headers.

    Names in it are chosen by others: text that a spreadsheet would run as a formula gets an apostrophe in front, and
    control characters are escaped. Numbers are as they are.
    """
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(headers)
    for row in rows:
        writer.writerow([cell if isinstance(cell, (int, float)) else _disarm(str(cell)) for cell in row])


def _disarm(cell: str) -> str:
    cell = escape_control_characters(cell, keep="")
    if not cell.startswith(_FORMULA_STARTS) or _is_number(cell):
        return cell
    return f"'{cell}"


def _is_number(cell: str) -> bool:
    digits = cell[1:]
    return cell[0] in "+-" and digits.isascii() and digits.isdigit()


def _print_aligned(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    shown = [[escape_control_characters(cell, keep="") for cell in row] for row in rows]
    header, *lines = _lay_out(headers, shown, console.width)
    console.print(Text(header, style="bold"), soft_wrap=True)
    for line in lines:
        console.print(Text(line), soft_wrap=True)


# A column of sentences is not made narrower than this.
_NARROWEST = 24


def _lay_out(headers: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """The lines of a table, the headers' first.

    A cell is broken between words only: names and paths are copied whole, even where a line is then wider than `width`.
    """
    import textwrap

    from rich.cells import cell_len

    columns = list(zip(headers, *rows))
    widths = [max(map(cell_len, column)) for column in columns]
    words = [max(map(cell_len, " ".join(column).split()), default=0) for column in columns]
    least = [max(word, min(size, _NARROWEST)) for word, size in zip(words, widths)]
    # The widest columns give up what does not fit.
    for index in sorted(range(len(widths)), key=widths.__getitem__, reverse=True):
        excess = sum(widths) + 2 * (len(widths) - 1) - width
        widths[index] = max(least[index], widths[index] - max(0, excess))
    lines = []
    for row in (headers, *rows):
        cells = [
            textwrap.wrap(cell, max(1, size), break_long_words=False, break_on_hyphens=False)
            for cell, size in zip(row, widths)
        ]
        for number in range(max(map(len, cells), default=1) or 1):
            parts = [cell[number] if number < len(cell) else "" for cell in cells]
            padded = [part + " " * (size - cell_len(part)) for part, size in zip(parts, widths)]
            lines.append("  ".join(padded).rstrip())
    return lines


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
    room: int | None = None,
) -> None:
    """Print rows as JSON or as a table; `none` says why there are no rows.

    A terminal gets no table that takes more than `room` lines, where the caller prints what is in it otherwise.
    """
    if not rows:
        print(f"altai-build: {none}", file=sys.stderr)
    if as_json:
        print_json([to_json(row) for row in rows])
    else:
        table = [cells(row) for row in rows]
        if room is None or not sys.stdout.isatty() or count_table_lines(headers, table) <= room:
            print_table(headers, table)
