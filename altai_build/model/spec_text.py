"""The text of a spec file: its sections, and more sources and included files in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from altai_build.model.spec import SourceTag

_SECTION = re.compile(
    r"%(package|prep|generate_buildrequires|conf|build|install|check|clean|preun|postun|pretrans|posttrans|pre|post"
    r"|files|changelog|description|triggerpostun|triggerprein|triggerun|triggerin|trigger|verifyscript|sepolicy"
    r"|filetriggerin|filetriggerun|filetriggerpostun|filetrigger|transfiletriggerin|transfiletriggerun"
    r"|transfiletriggerpostun|transfiletrigger|end|patchlist|sourcelist)(?=\s|$)",
    re.IGNORECASE | re.ASCII,
)
# Sections whose lines do not matter to who reads what rpm has expanded.
_COMMANDS = frozenset({"build", "install", "check", "clean", "conf", "generate_buildrequires", "end"})
_IF = re.compile(r"\s*%if")
_ENDIF = re.compile(r"\s*%endif\b")
_SOURCE = re.compile(r"(?:Source|Patch)\s*\d*\s*:", re.IGNORECASE)
_INCLUDE = re.compile(
    r"^[ \t]*%include[ \t]+(?:%\{?S(?:OURCE|:)(?P<number>\d+)\}?|(?:\S*[/%{}])?(?P<name>[^/\s%{}]+))[ \t\r]*$",
    re.MULTILINE,
)


# Characters of all included files.
_MAX_INLINED = 4 << 20
# A shell command of a spec in which git is a program.
_GIT_QUESTION = re.compile(r"%\((?:[^()\n]*[\s;&|({!`])?(git[ \t]+[a-z-][^()\n|;]*)")


def find_git_question(text: str) -> str:
    """What a text of a spec asks git, by its first command; "" for nothing."""
    lines = (line for line in text.split("\n") if not line.lstrip().startswith("#"))
    found = next(filter(None, map(_GIT_QUESTION.search, lines)), None)
    return found[1].strip() if found else ""


def get_section_name(line: str) -> str | None:
    """The section that a spec line starts (`description`, `files`…), or None."""
    match = _SECTION.match(line)
    return match.group(1).lower() if match else None


def count_open_conditions(lines: Iterable[str]) -> int:
    """How many %if are open behind these lines."""
    return sum((_IF.match(line) is not None) - (_ENDIF.match(line) is not None) for line in lines)


def add_sources(text: str, sources: Iterable[SourceTag]) -> str:
    """The spec with more SourceN: lines, behind the others and under no condition.

    Raises ValueError where the preamble has no such place.
    """
    lines = text.split("\n")
    preamble = list_preamble_lines(lines)
    place, depth = None, 0
    for index, line in enumerate([*preamble, ""]):
        if depth == 0 and (index == 0 or not preamble[index - 1].endswith("\\")):
            place = index
        depth += count_open_conditions([line])
        if _SOURCE.match(line):
            place = None
    if place is None:
        raise ValueError("no place for another Source: line that is under no condition")
    added = [f"Source{source.number}: {source.value}" for source in sources]
    return "\n".join([*lines[:place], *added, *lines[place:]])


def inline_includes(text: str, files: Mapping[str, str], sources: Sequence[SourceTag]) -> str:
    """The spec with the `files` in it that it includes, by name or as one of its sources; others stay included.

    Raises ValueError where that would be longer than any spec: files that include others several times.
    """
    names = {str(source.number): source.file for source in sources}
    left = _MAX_INLINED

    def inline_all(text: str, files: Mapping[str, str]) -> str:
        def inline(match: re.Match[str]) -> str:
            nonlocal left
            number = match["number"]
            content = files.get(names.get(number, "") if number else match["name"])
            if content is None:
                return match[0]
            left -= len(content)
            if left < 0:
                raise ValueError(f"the files that it includes have more than {_MAX_INLINED} characters")
            others = {name: other for name, other in files.items() if other is not content}
            return inline_all(content.rstrip("\n"), others)

        return _INCLUDE.sub(inline, text)

    return inline_all(text, files)


def close_prep(text: str) -> str:
    """The spec with %end where a section other than %build follows %prep.

    `rpmspec --parse` leaves out the line behind %prep that starts the next section: `%files`, `%package x`.
    """
    lines: list[str] = []
    is_open, depth = False, 0
    for line in text.split("\n"):
        section = get_section_name(line)
        if is_open and section is not None:
            lines += [] if section in _COMMANDS else ["%end"]
            # Under a condition that may not hold, the next one may be it.
            is_open = depth > 0
        if section == "prep":
            is_open, depth = True, 0
        depth += count_open_conditions([line])
        lines.append(line)
    return "\n".join(lines)


def list_preamble_lines(lines: list[str]) -> list[str]:
    """The lines before the first section; tags after it belong to subpackages."""
    for index, line in enumerate(lines):
        if get_section_name(line):
            return lines[:index]
    return lines
