"""The %changelog of a spec as rpm reads it (build/parseChangelog.c), and one more entry on top of it.

rpm prints an error and goes on with exit status 0 where it does not take an entry, and drops all entries behind it.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass

from altai_build.model.spec_text import count_open_conditions, get_section_name

# What rpm takes for white space.
_SPACE = " \t\r\f\v"
_BLANKS = re.compile(r"[ \t\r\f\v]+")
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# The years that rpm takes, and the last day whose noon headers can hold.
_FIRST_DAY = datetime.date(1990, 1, 1)
_LAST_DAY = datetime.date(2106, 2, 6)
_END_YEAR = 3000
# Of the name of a time zone.
_LONGEST_ZONE = 7


@dataclass(frozen=True)
class Changelog:
    """What rpm takes of a spec's own %changelog."""

    exists: bool
    # The earliest day that an entry on top may have; None: rpm takes no entry.
    newest: datetime.date | None


@dataclass(frozen=True)
class UnknownChangelog:
    """Only rpm knows which %changelog counts, or what its first entry says."""


def has_changelog(text: str) -> bool:
    """True when a spec has a %changelog, even if a condition leaves it out."""
    return bool(_find_starts(text.split("\n")))


def read_changelog(text: str) -> Changelog | UnknownChangelog:
    """What rpm takes of the %changelog of a spec as it is written."""
    lines = text.split("\n")
    starts = _find_starts(lines)
    if len(starts) > 1 or (starts and count_open_conditions(lines[: starts[0]])):
        return UnknownChangelog()
    content = _list_content(lines, starts)
    date, _ = _split_head(content[0] if content else "")
    return UnknownChangelog() if any("%" in word for word in date) else _read_first_entry(starts, content)


def read_expanded_changelog(text: str) -> Changelog:
    """What rpm takes of the %changelog of a text that it has expanded."""
    lines = text.split("\n")
    starts = _find_starts(lines)
    return _read_first_entry(starts, _list_content(lines, starts))


def _find_starts(lines: Sequence[str]) -> list[int]:
    return [index for index, line in enumerate(lines) if get_section_name(line) == "changelog"]


def _list_content(lines: Sequence[str], starts: Sequence[int]) -> list[str]:
    """The lines of the first %changelog, without blank ones and comments."""
    content: list[str] = []
    for line in lines[starts[0] + 1 :] if starts else ():
        if get_section_name(line):
            break
        stripped = line.strip(_SPACE)
        if stripped and ("%" in stripped or not stripped.startswith("#")):
            content.append(stripped)
    return content


def _read_first_entry(starts: Sequence[int], content: Sequence[str]) -> Changelog:
    """The first entry, which rpm takes or does not take whatever those behind it say."""
    date, author = _split_head(content[0] if content else "")
    taken = content and content[0].startswith("*") and author and len(content) > 1
    return Changelog(exists=bool(starts), newest=_read_day(date) if taken else None)


def _split_head(line: str) -> tuple[list[str], list[str]]:
    """The words of the date of an entry, and those behind it; a line that is none is all date."""
    if not line.startswith("*"):
        return [line], []
    words = _BLANKS.split(line[1:].strip(_SPACE))
    end = 6 if len(words) > 3 and ":" in words[3][1:3] else 4
    return words[:end], words[end:]


def _read_day(words: Sequence[str]) -> datetime.date | None:
    """The first day whose noon is not before a date; None for a date that rpm does not take."""
    if len(words) not in (4, 6):
        return None
    weekday, month, day = words[:3]
    year = words[-1]
    if weekday not in _DAYS or month not in _MONTHS or not _NUMBER.fullmatch(day):
        return None
    if not _NUMBER.fullmatch(year) or not _FIRST_DAY.year <= int(year) < _END_YEAR:
        return None
    number = _MONTHS.index(month)
    if not 0 <= int(day) <= _LENGTHS[number]:
        return None
    # rpm takes day 0, and day 29 of each February, as mktime(3) does.
    found = datetime.date(int(year), number + 1, 1) + datetime.timedelta(days=int(day) - 1)
    if len(words) == 4:
        return found
    clock = _CLOCK.fullmatch(words[3])
    if clock is None or len(words[4]) > _LONGEST_ZONE:
        return None
    hour, minute, second = map(int, clock.groups())
    # It may be the evening of a time zone far in the west.
    return found + datetime.timedelta(days=1) if hour < 24 and minute < 60 and second < 60 else None


def add_changelog_entry(
    text: str, own: Changelog, *, time: int, author: str, version: str, lines: Sequence[str]
) -> str:
    """The spec with one more changelog entry, dated by the commit, but never earlier than the newest `own` one.

    The entry is written into each %changelog, of which rpm takes only one. `time` is in seconds since the epoch, UTC;
    `version` is what stands behind the author, with macros; it may be empty.
    """
    day = datetime.datetime.fromtimestamp(time, tz=datetime.timezone.utc).date()
    day = max(min(day, _LAST_DAY), own.newest or _FIRST_DAY, _FIRST_DAY)
    date = f"{_DAYS[day.weekday()]} {_MONTHS[day.month - 1]} {day.day:02d} {day.year}"
    head = f"* {date} {author}".replace("%", "%%") + (f" - {version}" if version else "")
    entry = "\n".join([head, *(f"- {line}".replace("%", "%%") for line in lines), ""])
    if not own.exists:
        return f"{text.rstrip()}\n\n%changelog\n{entry}"
    result: list[str] = []
    for line in text.split("\n"):
        result.append(line)
        if get_section_name(line) == "changelog":
            result.append(entry)
    return "\n".join(result)
