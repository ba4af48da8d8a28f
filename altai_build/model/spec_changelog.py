"""The %changelog of a spec with one more entry."""

from __future__ import annotations

import datetime
import re

from altai_build.model.spec import SpecInfo

_CHANGELOG = re.compile(r"^%changelog(?=\s|$).*$", re.MULTILINE | re.IGNORECASE)
_ENTRY = re.compile(
    r"^\*\s+[A-Za-z]{3}\s+([A-Za-z]{3})\s+(\d{1,2})\s+(?:\d\d:\S+\s+\S+\s+)?(\d{4})\b", re.MULTILINE
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def add_changelog_entry(text: str, info: SpecInfo, *, time: int, author: str, lines: tuple[str, ...]) -> str:
    """The spec with one more changelog entry, dated by the commit but never earlier than the entry after it.

    rpmbuild refuses a changelog whose dates ascend; `time` is in seconds since the epoch, UTC.
    """
    day = datetime.datetime.fromtimestamp(time, tz=datetime.timezone.utc).date()
    match = _CHANGELOG.search(text)
    newest = _ENTRY.search(text, match.end()) if match else None
    if newest and newest.group(1).title() in _MONTHS:
        month = _MONTHS.index(newest.group(1).title()) + 1
        try:
            day = max(day, datetime.date(int(newest.group(3)), month, int(newest.group(2))))
        except ValueError:
            pass  # rpmbuild will report the impossible date itself
    date = f"{_DAYS[day.weekday()]} {_MONTHS[day.month - 1]} {day.day:02d} {day.year}"
    head = f"* {date} {author} - {info.version}-{info.release}"
    entry = "\n".join([head, *(f"- {line}" for line in lines), ""])
    entry = entry.replace("%", "%%")
    if match is None:
        return f"{text.rstrip()}\n\n%changelog\n{entry}"
    return f"{text[: match.end()]}\n{entry}{text[match.end() :]}"
