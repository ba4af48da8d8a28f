"""The static content of a spec file, and changes of its Release: and %changelog."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tar", ".zip")
_SECTION = re.compile(
    r"%(package|prep|generate_buildrequires|conf|build|install|check|clean|preun|postun|pretrans|posttrans|pre|post"
    r"|files|changelog|description|triggerpostun|triggerprein|triggerun|triggerin|trigger|verifyscript|sepolicy"
    r"|filetriggerin|filetriggerun|filetriggerpostun|filetrigger|transfiletriggerin|transfiletriggerun"
    r"|transfiletriggerpostun|transfiletrigger|end|patchlist|sourcelist)(?=\s|$)",
    re.IGNORECASE | re.ASCII,
)
_RELEASE = re.compile(
    r"^(?P<head>\s*Release\s*:[ \t]*)(?P<value>.*?)(?P<tail>(?:[ \t]*%\{?dnl\b.*)?[ \t\r]*)$", re.IGNORECASE
)
_DIST = re.compile(r"%(?:\{[?!]*dist[:}]|[?!]*dist(?!\w))")
_FREE_CALL = re.compile(r"[?!]*\w+|%")
_IF = re.compile(r"\s*%if")
_ENDIF = re.compile(r"\s*%endif\b")
_SOURCE = re.compile(r"(?:Source|Patch)\s*\d*\s*:", re.IGNORECASE)
_INCLUDE = re.compile(
    r"^[ \t]*%include[ \t]+(?:%\{?S(?:OURCE|:)(?P<number>\d+)\}?|\S*?/?(?P<name>[^/\s%{}]+))[ \t\r]*$",
    re.MULTILINE,
)
_CHANGELOG = re.compile(r"^%changelog(?=\s|$).*$", re.MULTILINE | re.IGNORECASE)
_ENTRY = re.compile(
    r"^\*\s+[A-Za-z]{3}\s+([A-Za-z]{3})\s+(\d{1,2})\s+(?:\d\d:\S+\s+\S+\s+)?(\d{4})\b", re.MULTILINE
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class SourceTag:
    """One SourceN: or PatchN: tag, its macros expanded."""

    number: int
    value: str

    @property
    def file(self) -> str:
        """The name of the file in SOURCES/: what is behind the last slash, and behind a `=` after that."""
        name = self.value.rpartition("/")[2]
        return name.rpartition("=")[2] if "/" in self.value else name

    @property
    def is_url(self) -> bool:
        """True for a source that names where it comes from, not only what it is called."""
        return "://" in self.value


@dataclass(frozen=True)
class SpecInfo:
    """What a spec says for one target; dependencies are names without versions."""

    name: str
    epoch: str | None  # None: it has none
    version: str
    release: str
    # Release expanded but for dist, which NUL stands for, when dist comes in through another macro.
    hidden_dist: str | None
    sources: tuple[SourceTag, ...]
    patches: tuple[SourceTag, ...]
    # The folder in the archive of Source0 that %setup enters; empty where %setup makes the folder itself.
    prefix: str
    # The binary packages that it makes.
    packages: tuple[str, ...]
    # What they provide, their own names included.
    provides: tuple[str, ...]
    build_requires: tuple[str, ...]
    # What any of its packages needs when it is installed.
    requires: tuple[str, ...]
    # Files beside the spec that it reads, and no SourceN: names.
    unlisted: tuple[str, ...] = ()


@dataclass(frozen=True)
class UnknownSpec:
    """A spec whose content only rpm knows, and the first construct for which that is so."""

    reason: str


def is_archive(name: str) -> bool:
    """True for the file name of a source archive."""
    return name.endswith(ARCHIVE_SUFFIXES)


def find_archive_source(info: SpecInfo) -> SourceTag | None:
    """The source that stands for the repository: Source0 if it is an archive, else the first archive without a URL."""
    first = next((source for source in info.sources if source.number == 0), None)
    if first is not None and is_archive(first.file):
        return first
    return next((one for one in info.sources if is_archive(one.file) and not one.is_url), None)


def get_section_name(line: str) -> str | None:
    """The section that a spec line starts (`description`, `files`…), or None."""
    match = _SECTION.match(line)
    return match.group(1).lower() if match else None


def has_release(text: str) -> bool:
    """True when the main preamble has a Release: line."""
    return any(_RELEASE.match(line) for line in _preamble(text.split("\n")))


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
        own, dist, suffix = _split_release(value, info.hidden_dist if len(found) == 1 else None)
        release = template.format(release=own, count=count, commit=commit[:7]) + dist + suffix
        lines[index] = match.group("head") + release + match.group("tail")
    return "\n".join(lines)


def add_sources(text: str, sources: Iterable[SourceTag]) -> str:
    """The spec with more SourceN: lines, behind the others and under no condition.

    Raises ValueError where the preamble has no such place.
    """
    lines = text.split("\n")
    preamble = _preamble(lines)
    place, depth = None, 0
    for index, line in enumerate([*preamble, ""]):
        if depth == 0 and (index == 0 or not preamble[index - 1].endswith("\\")):
            place = index
        depth += (_IF.match(line) is not None) - (_ENDIF.match(line) is not None)
        if _SOURCE.match(line):
            place = None
    if place is None:
        raise ValueError("no place for another Source: line that is under no condition")
    added = [f"Source{source.number}: {source.value}" for source in sources]
    return "\n".join([*lines[:place], *added, *lines[place:]])


def inline_includes(text: str, files: Mapping[str, str], sources: Sequence[SourceTag]) -> str:
    """The spec with the `files` in it that it includes, by name or as one of its sources; others stay included."""
    names = {str(source.number): source.file for source in sources}

    def inline(match: re.Match[str]) -> str:
        number = match["number"]
        content = files.get(names.get(number, "") if number else match["name"])
        if content is None:
            return match[0]
        others = {name: other for name, other in files.items() if other is not content}
        return inline_includes(content.rstrip("\n"), others, sources)

    return _INCLUDE.sub(inline, text)


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
            pass  # rpmbuild will report the impossible date itself
    date = f"{_DAYS[day.weekday()]} {_MONTHS[day.month - 1]} {day.day:02d} {day.year}"
    head = f"* {date} {author} - {info.version}-{info.release}"
    entry = "\n".join([head, *(f"- {line}" for line in lines), ""])
    entry = entry.replace("%", "%%")
    if match is None:
        return f"{text.rstrip()}\n\n%changelog\n{entry}"
    return f"{text[: match.end()]}\n{entry}{text[match.end() :]}"
