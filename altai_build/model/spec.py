"""The static content of a spec file, and changes of its Release: and %changelog."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tar", ".zip")
_SECTION = re.compile(
    r"^%(description|package|prep|build|install|check|clean|pre|post|preun|postun|pretrans|posttrans|trigger\w*"
    r"|file\w*|files|changelog|generate_buildrequires|conf|verifyscript|sepolicy|sourcelist|patchlist)\b"
)
_RELEASE = re.compile(r"^(?P<head>\s*Release\s*:[ \t]*)(?P<value>.*?)(?P<tail>[ \t\r]*)$", re.IGNORECASE)
_DIST = re.compile(r"%\{\??dist\}|%\??dist\b")
_CHANGELOG = re.compile(r"^%changelog\b.*$", re.MULTILINE)
_ENTRY = re.compile(
    r"^\*\s+[A-Za-z]{3}\s+([A-Za-z]{3})\s+(\d{1,2})\s+(?:\d\d:\S+\s+\S+\s+)?(\d{4})\b", re.MULTILINE
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class SourceTag:
    """One SourceN: or PatchN: tag; `value` is expanded, or None when only rpmbuild could expand it."""

    number: int
    raw: str
    value: str | None

    @property
    def file(self) -> str | None:
        """The file name that rpmbuild expects in SOURCES (a `#/name` fragment replaces it, as in rpm)."""
        if self.value is None:
            return None
        value = self.value.rpartition("#/")[2] if "#/" in self.value else self.value
        return value.rpartition("/")[2]

    @property
    def is_url(self) -> bool:
        """True for a URL, false for a file name."""
        return self.value is not None and "://" in self.value


@dataclass(frozen=True)
class SpecInfo:
    """The static content of a spec; None stands for what only rpmbuild could expand."""

    name: str
    epoch: str | None
    version: str | None
    release: str | None
    # The expanded Release with a NUL character for dist, where dist comes from another macro.
    hidden_dist: str | None
    sources: tuple[SourceTag, ...]
    patches: tuple[SourceTag, ...]
    # The folder that %setup or %autosetup enters.
    prefix: str | None
    # Names of binary packages.
    packages: tuple[str, ...]
    # Names that its packages provide, their own included.
    provides: tuple[str, ...]
    # Names without versions, as in `requires`.
    build_requires: tuple[str, ...]
    # Of all its packages.
    requires: tuple[str, ...]
    # The tags that cannot be read statically.
    unknown: tuple[str, ...]


def is_archive(name: str) -> bool:
    """True for the file name of a source archive."""
    return name.endswith(ARCHIVE_SUFFIXES)


def find_archive_source(info: SpecInfo) -> SourceTag | None:
    """The source that stands for the repository: Source0 if it is an archive, else the first archive without a URL."""
    first = next((source for source in info.sources if source.number == 0), None)
    if first is not None and first.file is not None and is_archive(first.file):
        return first
    archives = (source for source in info.sources if source.file is not None and is_archive(source.file))
    return next((source for source in archives if not source.is_url), None)


def get_section_name(line: str) -> str | None:
    """The section that a spec line starts (`description`, `files`…), or None."""
    match = _SECTION.match(line)
    return match.group(1) if match else None


def append_release_suffix(text: str, info: SpecInfo, template: str, *, count: int, commit: str) -> str:
    """The spec with every Release: of its main preamble replaced by `template` (`release.stamp` of repos.yaml).

    {release} in the template is the spec's own value without dist; `%{?dist}` follows the template's text, also where
    the spec has none. Raises ValueError when there is no Release: line, or an empty one.
    """
    lines = text.split("\n")
    found = [index for index, line in enumerate(_preamble(lines)) if _RELEASE.match(line)]
    if not found:
        raise ValueError("no Release: tag")
    for index in found:
        match = _RELEASE.match(lines[index])
        assert match is not None
        value = match.group("value")
        if not value:
            raise ValueError("its Release: is empty")
        dist = "%{?dist}"
        literal = _DIST.search(value)
        if literal:
            value = value[: literal.start()] + "\0" + value[literal.end() :]
        elif info.hidden_dist is not None and len(found) == 1:
            value = info.hidden_dist
        else:
            value += "\0"
        own, _, suffix = value.partition("\0")
        release = template.format(release=own, count=count, commit=commit[:7]) + dist + suffix
        lines[index] = match.group("head") + release + match.group("tail")
    return "\n".join(lines)


def has_hidden_dist(text: str) -> bool:
    """True when a Release: line may contain dist through another macro."""
    values = [match.group("value") for match in map(_RELEASE.match, text.split("\n")) if match]
    return any("%" in value and not _DIST.search(value) for value in values)


def _preamble(lines: list[str]) -> list[str]:
    """The lines before the first section; tags after it belong to subpackages."""
    for index, line in enumerate(lines):
        if get_section_name(line):
            return lines[:index]
    return lines


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
            # rpmbuild reports the impossible date itself.
            pass
    evr = "-".join(part for part in (info.version, info.release) if part)
    head = f"* {_DAYS[day.weekday()]} {_MONTHS[day.month - 1]} {day.day:02d} {day.year} {author}"
    entry = "\n".join([f"{head} - {evr}" if evr else head, *(f"- {line}" for line in lines), ""])
    entry = entry.replace("%", "%%")
    if match is None:
        return f"{text.rstrip()}\n\n%changelog\n{entry}"
    return f"{text[: match.end()]}\n{entry}{text[match.end() :]}"
