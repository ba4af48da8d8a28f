"""The Release: of a spec with the suffix of its commit (`release.stamp` of repos.yaml)."""

from __future__ import annotations

import re

from altai_build.model.spec import SpecInfo
from altai_build.model.spec_text import list_preamble_lines

_RELEASE = re.compile(
    r"^(?P<head>\s*Release\s*:[ \t]*)(?P<value>.*?)(?P<tail>(?:[ \t]*%\{?dnl\b.*)?[ \t\r]*)$", re.IGNORECASE
)
_DIST = re.compile(r"%(?:\{[?!]*dist[:}]|[?!]*dist(?!\w))")
_FREE_CALL = re.compile(r"[?!]*\w+|%")


def has_release(text: str) -> bool:
    """True when the main preamble has a Release: line."""
    return any(_RELEASE.match(line) for line in list_preamble_lines(text.split("\n")))


def append_release_suffix(text: str, info: SpecInfo, template: str, *, count: int, commit: str) -> str:
    """The spec with every Release: of its main preamble replaced by `template` (`release.stamp` of repos.yaml).

    {release} in the template is the spec's own value without dist; `%{?dist}` follows the template's text, also where
    the spec has none. Raises ValueError when there is no Release: line, or an empty one.
    """
    lines = text.split("\n")
    found = [index for index, line in enumerate(list_preamble_lines(lines)) if _RELEASE.match(line)]
    if not found:
        raise ValueError("no Release: tag")
    for index in found:
        match = _RELEASE.match(lines[index])
        assert match is not None
        value = match.group("value")
        if not value:
            raise ValueError("its Release: is empty")
        own, dist, suffix = _split_release(value, info.hidden_dist if len(found) == 1 else None)
        release = template.format(release=own, count=count, commit=commit[:7]) + dist + suffix
        lines[index] = match.group("head") + release + match.group("tail")
    return "\n".join(lines)


def _split_release(value: str, hidden_dist: str | None) -> tuple[str, str, str]:
    """A Release: in three parts: the spec's own value, dist, and what follows."""
    plain = _find_dist(value)
    if plain is not None:
        return plain
    own, _, suffix = (hidden_dist or f"{value}\0").partition("\0")
    return own.rstrip("."), f"{'.' if own.endswith('.') else ''}%{{?dist}}", suffix


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
        if call is not None:
            text = value[at:end]
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
