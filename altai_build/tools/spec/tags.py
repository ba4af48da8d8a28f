"""Lines of a spec taken apart: tags, and the options of %setup and %files (rpm's build/parsePreamble.c)."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

# What rpm takes for white space.
SPACE = " \t\n\r\f\v"
# Tags that define the macro of their name.
MACRO_TAGS = frozenset({
    "name", "version", "release", "epoch", "summary", "license", "sourcelicense", "distribution", "disturl", "vendor",
    "group", "packager", "url", "vcs", "prefixes", "prefix", "disttag", "bugurl", "translationurl", "upstreamreleases",
    "removepathpostfixes", "modularitylabel",
})  # fmt: skip
_OTHER_TAGS = frozenset({
    "source", "patch", "nosource", "nopatch", "excludearch", "exclusivearch", "excludeos", "exclusiveos", "icon",
    "provides", "requires", "recommends", "suggests", "supplements", "enhances", "prereq", "conflicts", "obsoletes",
    "buildroot", "buildarchitectures", "buildarch", "buildconflicts", "buildprereq", "buildrequires", "autoreqprov",
    "autoreq", "autoprov", "docdir", "orderwithrequires",
})  # fmt: skip
# Where a spec says which architectures and systems it is for, with the usual spelling.
PLATFORM_TAGS = {
    "excludearch": "ExcludeArch",
    "exclusivearch": "ExclusiveArch",
    "excludeos": "ExcludeOS",
    "exclusiveos": "ExclusiveOS",
}
# The longest first: of tags that begin alike, rpm takes that one.
_TAG = re.compile(
    rf"({'|'.join(sorted(MACRO_TAGS | _OTHER_TAGS, key=len, reverse=True))})\s*", re.IGNORECASE | re.ASCII
)
_NUMBER = re.compile(r"[0-9]*")
# Tags whose value is one word.
SINGLE_WORD_TAGS = frozenset({
    "name", "version", "release", "epoch", "url", "disttag", "bugurl", "modularitylabel", "vcs", "docdir", "icon",
})  # fmt: skip
_WITH_QUALIFIER = frozenset({"summary", "group", "requires", "prereq", "orderwithrequires"})
_QUALIFIER = re.compile(r"\(\s*([^\s)]*)\s*\)\s*(?=:)", re.ASCII)
_QUALIFIERS = frozenset(
    {"interp", "meta", "preun", "pre", "postun", "post", "rpmlib", "verify", "pretrans", "posttrans"}
)
_LEGAL = {
    "name": re.compile(r"[A-Za-z0-9_%{][A-Za-z0-9._+%{}-]*"),
    "version": re.compile(r"[A-Za-z0-9._+~^]+"),
    "release": re.compile(r"[A-Za-z0-9._+~^]+"),
    "epoch": re.compile(r"[0-9]+"),
}


class Tag(NamedTuple):
    """A line `Tag: value`; the name is in lower case."""

    name: str
    # Of Source and Patch: None for the next one.
    number: int | None
    value: str


def parse_tag(line: str) -> Tag:
    """The tag of a line in a preamble. Raises ValueError for what is none to rpm."""
    found = _TAG.match(line)
    if found is None:
        raise ValueError("unknown tag")
    name, at = found.group(1).lower(), found.end()
    if name in _WITH_QUALIFIER and line[at : at + 1] == "(":
        bracket = _QUALIFIER.match(line, at)
        if bracket is None:
            raise ValueError("unknown tag")
        qualifiers = set(filter(None, bracket.group(1).split(",")))
        if name not in ("summary", "group") and not qualifiers <= _QUALIFIERS:
            raise ValueError("unknown qualifier")
        at = bracket.end()
    is_numbered = name in ("source", "patch")
    if not is_numbered and line[at : at + 1] != ":":
        raise ValueError("unknown tag")
    head, colon, value = line.partition(":")
    value = value.strip(SPACE)
    if not colon or not value:
        raise ValueError("empty tag")
    number = re.split("[ \t]", head[len(name) :])[0] if is_numbered else ""
    if not _NUMBER.fullmatch(number) or len(number.lstrip("0")) > 9:
        raise ValueError("bad number")
    return Tag(name=name, number=int(number) if number else None, value=value)


def split_words(text: str) -> list[str]:
    """The words of a text; rpm knows no white space but that of ASCII."""
    return re.findall(f"[^{SPACE}]+", text)


def is_legal(tag: str, value: str) -> bool:
    """Whether rpm takes a value for a Name, Epoch, Version or Release."""
    if _LEGAL[tag].fullmatch(value) is None or ".." in value:
        return False
    return tag != "epoch" or (len(value.lstrip("0")) <= 10 and int(value.lstrip("0") or "0") < 1 << 32)


def strip_comment(line: str) -> str:
    """A line of a preamble without the blanks at its end; empty for a comment."""
    line = line.rstrip(SPACE)
    return "" if line.lstrip(SPACE).startswith("#") else line


def split_quoted_words(value: str) -> list[str]:
    """The words of a tag's value, which quotes hold together; none, as to rpm, where a quote is not closed."""
    try:
        return shlex.split(value) if re.search(r"[\\'\"]", value) else split_words(value)
    except ValueError:
        return []
