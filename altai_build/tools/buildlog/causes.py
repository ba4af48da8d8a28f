"""The lines of a build log that say why the build failed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from altai_build.model.build import FailureKind
from altai_build.tools.buildlog.build_tool_rules import BUILD_TOOL_RULES
from altai_build.tools.buildlog.language_rules import LANGUAGE_RULES
from altai_build.tools.buildlog.reading import read_lines
from altai_build.tools.buildlog.rule import Rank, Rule, find_rules
from altai_build.tools.buildlog.system_rules import COMMON_RULES, DEPENDENCY_RULES, SYSTEM_RULES

# In this order they are compared with a line: what any tool may say comes last.
RULES = (*BUILD_TOOL_RULES, *LANGUAGE_RULES, *SYSTEM_RULES, *COMMON_RULES)
# Lines that are shown of a log.
MAX_CAUSES = 3
# Characters of such a line.
LINE_LIMIT = 300

_SECTION = re.compile(r"^(?:Executing\(%\w+\)|Processing files: )")
_BAD_EXIT = re.compile(r"^\s*(?:error: )?Bad exit status from \S+ \((%\w+)\)")
_COMPLAINT = re.compile(r"^error: Bad (?:source|file): ")
_SCRIPT_END = re.compile(r"^(?:\+ exit |RPM build (?:errors|warnings):|error:$)")
_FAILED_EXIT = re.compile(r"^\+ exit [1-9]")
# Commands that a script says its own words with.
_WRITES = re.compile(r"^\++ (?:echo|printf|cat)\b")
_COMMAND_LIMIT = 100  # characters
_COMMAND = re.compile(r"^\++ ")  # rpmbuild's scripts run under `sh -x`
# What differs in one message from build to build, and from place to place: times, addresses, lines, temporary names.
_VARIABLE = re.compile(r"0x[0-9a-fA-F]+|\d+|(?<=tmp)[.\w]+")
# The beginning of messages that mock and dnf repeat.
_REPEATED = re.compile(r"^(?:ERROR: |CRITICAL: |error: |- |\s)+")


@dataclass(frozen=True)
class _Message:
    rank: Rank
    number: int  # of its line
    text: str


def find_causes(
    log_path: Path,
    failure: FailureKind | None,
    *,
    also: Sequence[Path] = (),
    good_log: Path | None = None,
) -> tuple[str, ...]:
    """Up to three lines of a log that name the cause of a failure, the most telling first, cleaned for display.

    What follows from the first error comes after it: a compiler's message, make's, rpmbuild's.
    `failure` says which part failed: for missing dependencies and buildroots, messages of the package manager are
    looked for first, otherwise those of compilers and rpmbuild. `also` are logs to read when the first names no cause.
    Messages that `good_log` has too, the log of a build that succeeded, are left out: they stopped nothing.
    Without a known message the result is the last line that is not empty; () only when the logs are missing or empty.
    """
    logs = [lines for lines in map(read_lines, (log_path, *also)) if lines]
    known = _list_keys(good_log) if good_log is not None and logs else frozenset()
    searches = [_find_build_causes, _find_dependency_causes]
    if failure in (FailureKind.DEPENDENCIES, FailureKind.BUILDROOT):
        searches.reverse()
    found = (search(lines, known) for lines in logs for search in searches)
    causes = next((causes for causes in found if causes), logs[0][-1:] if logs else ())
    # Outside of rpmbuild it is mock that says so.
    level = "" if failure is FailureKind.BUILD else "ERROR: "
    return tuple(
        line.strip().removeprefix(level).removeprefix("- ")[:LINE_LIMIT] for line in causes[:MAX_CAUSES]
    )


def _find_dependency_causes(lines: list[str], known: Collection[str]) -> list[str]:
    """The package manager's messages about packages that are missing, not available or in conflict."""
    return _choose(_find_messages(lines, DEPENDENCY_RULES, known), newest_first=False)


def _find_build_causes(lines: list[str], known: Collection[str]) -> list[str]:
    """The messages that stopped the build: in the output of the last command, else in the last section.

    Earlier commands and sections succeeded, whatever they printed.
    """
    section = lines[_find_failing_section(lines) :]
    end = next((number for number, line in enumerate(section) if _BAD_EXIT.match(line)), len(section))
    bad_exit = [line.strip() for line in section[end : end + 1]]
    # mock reads rpmbuild's stdout and stderr in turns: a line of stdout may stand too early, or within another line.
    script = [line for line in section[:end] if not _SCRIPT_END.match(line)] if bad_exit else section
    messages = _find_messages(script, RULES, known)
    if not bad_exit:
        return _choose(messages)
    last = max((number for number, line in enumerate(script) if _COMMAND.match(line)), default=-1)
    printed = [message for message in messages if message.number > last]
    if any(message.rank <= Rank.SYMPTOM for message in printed):
        return [*_list_complaints(lines), *_choose(printed), *bad_exit]
    # A script that ends itself: what its earlier commands printed did not stop it.
    own_exit = next((line for line in reversed(section[:end]) if _COMMAND.match(line)), "")
    ends_itself = bool(_FAILED_EXIT.match(own_exit))
    earlier = [] if ends_itself else _choose(messages)
    if printed or last < 0:
        return [*(earlier or _choose(printed) or script[-1:]), *bad_exit]
    output = script[last + 1 :]
    if output and _WRITES.match(script[last]):
        return [output[-1], *earlier, *bad_exit]
    if earlier and not output:
        return [*earlier, *bad_exit]
    command = _COMMAND.sub("", own_exit if ends_itself else script[last])
    where = _name_section(bad_exit[0])
    if not output:
        return [f"{command}: failed without a message ({where})"]
    # Whatever a program prints last need not be why it failed, and not why a script ends itself behind it.
    failed = f"{command[:_COMMAND_LIMIT]}: failed ({where}); the last output before that: {output[-1]}"
    return [failed, *earlier]


def _list_complaints(lines: list[str]) -> list[str]:
    """What rpmbuild found wrong before its first section: it goes on, until a script needs what is missing."""
    before = takewhile(lambda line: not _SECTION.match(line), lines)
    return list(filter(_COMPLAINT.match, before))[:1]


def _name_section(bad_exit: str) -> str:
    """The section that failed according to rpmbuild: %build."""
    match = _BAD_EXIT.match(bad_exit)
    return match[1] if match else ""


def _find_failing_section(lines: list[str]) -> int:
    """The line where rpmbuild's last section begins: a script, or the processing of %files after them."""
    start = 0
    for number, line in enumerate(lines):
        if _SECTION.match(line) and not (
            line.startswith("Processing") and lines[start].startswith("Processing")
        ):
            start = number
    return start


def _choose(messages: Sequence[_Message], *, newest_first: bool = True) -> list[str]:
    """The texts of messages, the most telling first: causes in their order, then one of each kind that follows.

    Without a cause the symptoms, the newest first: what the build ended with says more than what it went on after.
    make's first message ends the search, for all that comes later belongs to other targets.
    """
    made = next((message.number for message in messages if message.rank is Rank.MAKE), None)
    for rank in (Rank.CAUSE, Rank.SYMPTOM):
        same = [message for message in messages if message.rank is rank]
        before = [message for message in same if made is None or message.number < made]
        shown = before or same
        if shown:
            if rank is Rank.SYMPTOM and newest_first:
                shown = shown[::-1]
            return [message.text for message in (*shown[:MAX_CAUSES], *_list_results(messages, shown[0]))]
    return [message.text for message in _list_results(messages, None)]


def _list_results(messages: Sequence[_Message], cause: _Message | None) -> Iterator[_Message]:
    """One message of each rank that only follows from others, after the cause."""
    for rank in (Rank.RESULT, Rank.MAKE, Rank.PACKAGE):
        later = (
            message
            for message in messages
            if message.rank is rank and (cause is None or message.number > cause.number)
        )
        yield from (message for message in [next(later, None)] if message is not None)


def _find_messages(lines: list[str], rules: Sequence[Rule], known: Collection[str]) -> list[_Message]:
    """The messages of tools in a log, each once; where all of them are known, they are as telling as before."""
    messages: list[_Message] = []
    ordinary: list[_Message] = []
    seen = set()
    for number, rule in find_rules(lines, rules).items():
        key = _make_key(lines[number])
        if key not in seen and not _COMMAND.match(lines[number]):
            seen.add(key)
            message = _Message(rule.rank, number, _append_detail(lines, number, rule))
            (ordinary if key in known else messages).append(message)
    return messages or ordinary


def _make_key(line: str) -> str:
    """What is the same in two messages of one kind about one thing."""
    return _VARIABLE.sub("", _REPEATED.sub("", line))


def _list_keys(path: Path) -> frozenset[str]:
    """The messages in the log of a build that succeeded."""
    lines = read_lines(path)
    return frozenset(_make_key(lines[number]) for number in find_rules(lines, (*RULES, *DEPENDENCY_RULES)))


def _append_detail(lines: list[str], number: int, rule: Rule) -> str:
    """A message with the lines after it that belong to it; a line that ends in a colon always needs the next."""
    parts = [lines[number].strip()]
    following = lines[number + 1 : number + 1 + rule.within]
    if rule.detail is not None:
        for line in following:
            if len(parts) > rule.limit or rule.pattern.match(line):
                break
            if rule.detail.match(line):
                parts.append(line.strip())
    for line in lines[number + len(parts) : number + len(parts) + 2]:
        if not parts[-1].endswith(":"):
            break
        parts.append(line.strip())
    return " ".join(parts)
