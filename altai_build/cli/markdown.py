"""Markdown in which commits, names and other foreign text never become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

# ASCII punctuation with a meaning within a line; a backslash removes it (CommonMark, backslash escapes).
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!])")

# GitHub and GitLab tell whoever is named like this, for GitLab's `@all` everybody; no backslash removes it. A space
# without a width does.
_MENTION = re.compile(r"(?<!\w)@(?=\w)")

# What begins a list, a rule or a heading at the start of a line.
_LINE_START = re.compile(r"^(\d*)([-+=.)])(?=\s|[-=]*$)")


def escape(text: str) -> str:
    """Text that is shown as it is, and notifies nobody."""
    shown = _LINE_START.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", _one_line(text)))
    return _MENTION.sub("@&#8203;", shown)


def code(text: str) -> str:
    """Text in a code span; it may contain backquotes and, in a table, bars."""
    line = _one_line(text)
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}" if line else ""


def section(title: str, *, level: int = 2) -> Iterator[str]:
    """A heading with the empty lines around it."""
    yield from ("", f"{'#' * level} {title}", "")


def document(lines: Iterable[str]) -> str:
    """The whole text, without two empty lines in a row."""
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table (GitHub's flavour); the cells are Markdown already."""
    yield f"| {' | '.join(headers)} |"
    yield f"|{'---|' * len(headers)}"
    for row in rows:
        cells = (re.sub(r"(?<!\\)\|", r"\\|", cell) for cell in row)
        yield f"| {' | '.join(cells)} |"


def _one_line(text: str) -> str:
    """Text without line breaks, control characters and bytes that are not UTF-8."""
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in clean).strip()
