"""The Release: of a spec with the suffix of its commit (`release.stamp` of repos.yaml)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from altai_build.model.spec import SpecInfo
from altai_build.model.spec_text import get_section_name, list_preamble_lines

# The value ends before `%dnl` and before the last blanks. Each character is read once, however long the line is.
_RELEASE = re.compile(
    r"^(?P<head>\s*Release\s*:[ \t]*)"
    r"(?P<value>(?:[^ \t\r\n%]|%(?!\{?dnl\b)|[ \t\r]+(?=[^ \t\r\n])(?!%\{?dnl\b))*)"
    r"(?P<tail>(?:[ \t\r]*%\{?dnl\b.*)?[ \t\r]*)$",
    re.IGNORECASE,
)
_VERSION_LINE = re.compile(_RELEASE.pattern.replace("Release", "Version"), re.IGNORECASE)
_COMPUTED = re.compile(r"%\(|%\{?[?!]*(?:lua:|autorelease\b)")
_VERSION = re.compile(r"\s*(?:Version|Release)\s*:", re.IGNORECASE)
# The main package's Release: as a macro, which has the commit in it already.
_MAIN_RELEASE = re.compile(r"%\{?[?!]*release\b", re.IGNORECASE)
_RELEASE_CALL = re.compile(r"%(?:\{\??release\}|\??release\b)")
_OWN_RELEASE = re.compile(r"%(?:define|global)\s+release\s")
_OWN_DIST = re.compile(r"%(?:define|global)\s+dist\s")
_DIST = re.compile(r"%(?:\{[?!]*dist[:}]|[?!]*dist(?!\w))")
# `%{?dist:1}` is a part of the spec's own value, `%{?dist:.%{dist}}` and `%{!?dist:.el6}` stand for dist.
_IS_NO_SUFFIX = re.compile(r"%\{[?!]*dist:(?![._~^+-])(?!.*dist).*\}")
_FREE_CALL = re.compile(r"[?!]*\w+|%")


def has_release(text: str) -> bool:
    """True when the main preamble has a Release: line."""
    return any(_RELEASE.match(line) for line in list_preamble_lines(text.split("\n")))


def append_release_suffix(
    text: str, info: SpecInfo, template: str, *, count: int, commit: str, dist: str = ""
) -> str:
    """The spec with every Release: replaced by `template` (`release.stamp` of repos.yaml), those of %package too.

    {release} in the template is the spec's own value without dist; `%{?dist}` follows the template's text, also where
    the spec has none; there the target's `dist` follows instead if the spec uses the macro for something of its own. A
    subpackage whose Release: is made from the macro `release` has the template's text by that.
    Raises ValueError when the main preamble has no Release: line, or when one is empty.
    """
    lines = text.split("\n")
    main = [index for index, line in enumerate(list_preamble_lines(lines)) if _RELEASE.match(line)]
    if not main:
        raise ValueError("no Release: tag")
    added = dist if _OWN_DIST.search(text) else "%{?dist}"
    for index in (*main, *_list_subpackage_releases(lines)):
        match = _RELEASE.match(lines[index])
        assert match is not None
        value = match.group("value")
        if not value:
            raise ValueError("its Release: is empty")
        own, end, suffix = _split_release(value, info.hidden_dist if main == [index] else None, added)
        release = template.format(release=own, count=count, commit=commit[:7]) + end + suffix
        lines[index] = match.group("head") + release + match.group("tail")
    return "\n".join(lines)


def _list_subpackage_releases(lines: Sequence[str]) -> list[int]:
    """The lines of %package sections with a Release: of their own."""
    found = []
    section = None
    for index, line in enumerate(lines):
        section = get_section_name(line) or section
        match = _RELEASE.match(line) if section == "package" else None
        if match is not None and not _MAIN_RELEASE.search(match.group("value")):
            found.append(index)
    return found


def write_given_release(text: str, release: str) -> str:
    """The spec with a `release` that its macros have from outside written into the Release: tags that ask for it.

    rpm gives the macro the value of the tag once it has read that. It reads a spec with BuildArch: twice, and all that
    was added to the macro in the tag would be in the value twice.
    """
    if _OWN_RELEASE.search(text):
        return text
    lines = text.split("\n")
    for index, line in enumerate(list_preamble_lines(lines)):
        match = _RELEASE.match(line)
        if match:
            value = _RELEASE_CALL.sub(lambda _: release, match["value"])
            lines[index] = match["head"] + value + match["tail"]
    return "\n".join(lines)


def write_computed_values(text: str, info: SpecInfo, dist: str) -> str:
    """The spec with the values that a program or %autorelease gave to its Version: and Release: written into it.

    So the packages have the version of their source package, whenever and wherever they are built. `dist` is the
    target's. Values on several lines (under conditions), and such around dist, stay.
    """
    lines = text.split("\n")
    preamble = list_preamble_lines(lines)
    for pattern in (_VERSION_LINE, _RELEASE):
        found = [index for index, line in enumerate(preamble) if pattern.match(line)]
        match = pattern.match(lines[found[0]]) if len(found) == 1 else None
        if match is None or not _COMPUTED.search(match["value"]):
            continue
        value = (
            info.version if pattern is _VERSION_LINE else _get_computed_release(match["value"], info, dist)
        )
        lines[found[0]] = match["head"] + (value or match["value"]) + match["tail"]
    return "\n".join(lines)


def _get_computed_release(value: str, info: SpecInfo, dist: str) -> str:
    """The value of Release: with the macro dist at its place; empty where that is not known."""
    plain = _find_dist(value)
    if plain is None:
        return (info.hidden_dist or info.release).replace("\0", "%{?dist}", 1)
    if plain[2] or not info.release.endswith(dist):
        return ""
    return info.release[: len(info.release) - len(dist)] + plain[1]


def has_subpackage_versions(text: str) -> bool:
    """True when a subpackage has a Version: or Release: of its own, or may have one in an included file."""
    section = None
    for line in text.split("\n"):
        section = get_section_name(line) or section
        if section == "package" and _VERSION.match(line):
            return True
    return "%include" in text


def shows_commit(release: str, template: str, commit: str) -> bool:
    """True for a Release: that `template` was written into for a commit."""
    start = commit[:7]
    # One pattern for all commits is enough, unless the rest of the release has the same text.
    if _make_suffix_pattern(template, "\2").search(release.replace(start, "\2")):
        return True
    return _make_suffix_pattern(template, start).search(release) is not None


@lru_cache(maxsize=64)
def _make_suffix_pattern(template: str, commit: str) -> re.Pattern[str]:
    marks = {"release": "\0", "count": "\1", "commit": commit}
    return re.compile(re.escape(template.format(**marks)).replace("\0", ".+").replace("\1", "[0-9]+"))


def _split_release(value: str, hidden_dist: str | None, added: str) -> tuple[str, str, str]:
    """A Release: in three parts: the spec's own value, dist (`added` where it has none), and what follows."""
    plain = _find_dist(value)
    if plain is not None:
        return plain
    own, _, suffix = (hidden_dist or f"{value}\0").partition("\0")
    dist = added if hidden_dist is None else "%{?dist}"
    return own.rstrip("."), f"{'.' if own.endswith('.') else ''}{dist}", suffix


def has_hidden_dist(text: str) -> bool:
    """True when a Release: line may contain dist through another macro."""
    values = [match.group("value") for match in map(_RELEASE.match, text.split("\n")) if match]
    return any("%" in value and _find_dist(value) is None for value in values)


def _find_dist(value: str) -> tuple[str, str, str] | None:
    """A Release: around the call of the macro dist in it; None where it has none, or only within another call."""
    at = 0
    while (at := value.find("%", at)) >= 0:
        call = _DIST.match(value, at)
        end = _find_call_end(value, at + 1)
        text = value[at:end]
        if call is not None and not _IS_NO_SUFFIX.fullmatch(text):
            # It may be undefined.
            dist = text if text.startswith("%{") and text != "%{dist}" else "%{?dist}"
            return value[:at], dist, value[end:]
        at = end
    return None


def _find_call_end(value: str, at: int) -> int:
    """Where a macro call ends whose `%` is just before `at`."""
    if value[at : at + 1] != "{":
        found = _FREE_CALL.match(value, at)
        return found.end() if found else at + 1
    depth = 0
    for end in range(at, len(value)):
        depth += {"{": 1, "}": -1}.get(value[end], 0)
        if depth == 0:
            return end + 1
    return len(value)
