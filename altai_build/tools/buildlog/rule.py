"""What a rule about a tool's messages is, and the messages that rules find in lines."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate


class Rank(IntEnum):
    """How much a message says about the cause; of several in a log the lowest rank is shown first."""

    CAUSE = 0  # a tool says what is wrong with its input
    SYMPTOM = 1  # may be the cause, where nothing of the rank above was printed
    RESULT = 2  # a tool says that another tool failed, or how many errors there were
    MAKE = 3  # make says which target failed
    PACKAGE = 4  # rpmbuild says which section failed


@dataclass(frozen=True)
class Rule:
    """A form of message. `detail` are lines after it that belong to it: within so many lines, at most `limit`."""

    tool: str
    words: tuple[
        str, ...
    ]  # every such message has one of them: only lines with it are compared with the pattern
    pattern: re.Pattern[str]  # matched from the start of a line on
    rank: Rank
    detail: re.Pattern[str] | None = None
    within: int = 1
    limit: int = 1


def make_rule(
    tool: str,
    words: str,
    pattern: str,
    rank: Rank = Rank.CAUSE,
    *,
    detail: str = "",
    within: int = 1,
    limit: int = 1,
) -> Rule:
    """A rule of a table; `words` are separated by bars."""
    followed = re.compile(detail) if detail else None
    return Rule(tool, tuple(words.split("|")), re.compile(pattern), rank, followed, within, limit)


# What looks like a message and is none: warnings, tests of configure scripts, lines of source code beside a message,
# libtool's commands.
_NO_MESSAGE = re.compile(
    r"(?i)^(?:\s*(?:checking |provides\b|requires(?:\(| ?:)|\d*\s*\|)|-- (?:performing|looking|check|found)"
    r"|\S*libtool: (?:compile|link): )"
    r"|\bwarning: |\(ignored\)|# (?:TODO|SKIP)\b"
    r"|\.\.\. *(?:ok|yes|no|none|found|not found|done|skipped|passed)\b"
)


def find_rules(lines: Sequence[str], rules: Iterable[Rule]) -> dict[int, Rule]:
    """The number of each line that is a message → the first rule that it matches, in the order of the lines.

    Words are looked for in all lines at once: most lines of a log have none, and are never looked at one by one.
    """
    candidates: dict[int, set[int]] = {}
    table = tuple(rules)
    text = "\n".join(lines)
    ends = list(accumulate(len(line) + 1 for line in lines))
    for word, numbers in _index_words(table).items():
        place = text.find(word)
        while place >= 0:
            line = bisect_right(ends, place)
            candidates.setdefault(line, set()).update(numbers)
            place = text.find(word, ends[line])
    found = {}
    for line in sorted(candidates):
        if not _NO_MESSAGE.search(lines[line]):
            for number in sorted(candidates[line]):
                if table[number].pattern.match(lines[line]):
                    found[line] = table[number]
                    break
    return found


def _index_words(rules: Sequence[Rule]) -> Mapping[str, Sequence[int]]:
    """Each word → the places in the table of the rules that name it."""
    index: dict[str, list[int]] = {}
    for number, rule in enumerate(rules):
        for word in rule.words:
            index.setdefault(word, []).append(number)
    return index
