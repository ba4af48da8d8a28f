"""Texts of rpm's macro language taken apart: calls, their arguments, bodies of definitions (rpm's rpmio/macro.c)."""

from __future__ import annotations

import re
from typing import NamedTuple

from altai_build.tools.spec.undecided import OnlyRpmKnows

# What %{quote:…} puts around its argument.
QUOTE = "\x1f"
_FREE_CALL = re.compile(r"[?!]*-?[A-Za-z0-9_]*(?:\*\*|\*|#)?")
_NAME_IN_BRACES = re.compile(r"[^ :}]*")
_QUOTED_WORD = re.compile(rf"(?:[^ \t{QUOTE}]|{QUOTE}[^{QUOTE}]*(?:{QUOTE}|$))+")
# What counts for whether a text is complete; what a backslash precedes does not.
_SYMBOL = re.compile(r"\\.?|%[{(\[%]?|[{}()\[\]]|[\n\r]", re.DOTALL)
_IN_BRACKETS = {
    opening: re.compile(rf"\\.|[{re.escape(opening + closing)}]", re.DOTALL)
    for opening, closing in ("()", "{}", "[]")
}


class MacroCall(NamedTuple):
    """A macro call, taken apart."""

    name: str
    # Where the text after it begins; behind the name, where there are no brackets.
    end: int
    # `!` and `?`
    is_negated: bool
    is_test: bool
    # What stands behind a colon, and behind a blank.
    text: str | None
    words: str | None
    has_brackets: bool
    # Where reading goes on if no such macro is defined.
    resume: int

    def end_of_arguments(self, text: str) -> int:
        """Where the text behind the arguments begins: the rest of the line, for a call without brackets."""
        if self.has_brackets or self.words is None:
            return self.end
        end = self.end + len(self.words)
        return end + 1 if text[end - 1] == "\\" and end < len(text) else end


def parse_call(text: str, at: int, end: int) -> MacroCall:
    """The call `%name …` or `%{name …}` whose `%` is just before `at`, and which ends at `end`."""
    has_brackets = text[at] == "{"
    start = at + 1 if has_brackets else at
    is_negated = is_test = False
    while text[start : start + 1] in ("?", "!"):
        is_negated ^= text[start] == "!"
        is_test |= text[start] == "?"
        start += 1
    inner = words = None
    if not has_brackets:
        name = text[start:end]
        if text[end : end + 1] in (" ", "\t"):
            line_end = text.find("\n", end)
            words = text[end : len(text) if line_end < 0 else line_end]
        return MacroCall(name, end, is_negated, is_test, None, words, has_brackets, start)
    found = _NAME_IN_BRACES.match(text, start)
    assert found is not None  # it matches nothing too
    behind = text[found.end() : found.end() + 1]
    if behind == ":":
        inner = text[found.end() + 1 : end - 1]
    elif behind == " ":
        words = text[found.end() : end - 1]
    return MacroCall(found.group(), end, is_negated, is_test, inner, words, has_brackets, at)


def find_call_end(text: str, at: int) -> int | None:
    """Where the call ends whose `%` is just before `at`; None for a bracket that is not closed."""
    opening = text[at : at + 1]
    if opening not in _IN_BRACKETS:
        found = _FREE_CALL.match(text, at)
        assert found is not None  # it matches nothing too
        return found.end()
    depth = 0
    for found in _IN_BRACKETS[opening].finditer(text, at):
        if found.group() == opening:
            depth += 1
        elif len(found.group()) == 1:
            depth -= 1
            if depth <= 0:
                return found.end()
    return None


class _OpenBrackets:
    """How many brackets of macro calls are open: those of `%{`, `%(`, `%[`, and within one, others of its kind."""

    def __init__(self) -> None:
        self._open = {"{": 0, "(": 0, "[": 0}

    def count(self, symbol: str) -> None:
        """Take a symbol of the text into account."""
        if len(symbol) == 2 and symbol[1] in self._open and symbol[0] == "%":
            self._open[symbol[1]] += 1
        elif self._open.get(symbol):
            self._open[symbol] += 1
        elif symbol in "})]":
            opening = {"}": "{", ")": "(", "]": "["}[symbol]
            self._open[opening] = max(0, self._open[opening] - 1)

    def holds_lines(self) -> bool:
        """True while the end of a line does not end a definition."""
        return self._open["{"] > 0 or self._open["("] > 0

    def __bool__(self) -> bool:
        return any(self._open.values())


def has_open_brackets(text: str) -> bool:
    """True when a text is not complete: a bracket of a macro call is not closed in it."""
    brackets = _OpenBrackets()
    for symbol in _SYMBOL.findall(text):
        brackets.count(symbol)
    return bool(brackets)


def take_body(text: str, at: int, name: str) -> tuple[str, int]:
    """The body of a definition of `name` that begins at `at`, and where its line ends."""
    out: list[str] = []
    brackets = _OpenBrackets()
    while True:
        found = _SYMBOL.search(text, at)
        if found is None:
            out.append(text[at:])
            at = len(text)
            break
        out.append(text[at : found.start()])
        symbol, at = found.group(), found.end()
        if symbol in "\n\r" and not brackets.holds_lines():
            at = found.start()
            break
        if symbol[0] == "\\":
            out.append(symbol[1:] or symbol)
            continue
        out.append(symbol)
        brackets.count(symbol)
    if brackets:
        raise OnlyRpmKnows(f"%{name} has an unterminated body")
    return "".join(out).rstrip(" \t\n\r"), at


def split_quoted(text: str) -> list[str]:
    """The words of a text, between blanks that no %{quote:…} holds together."""
    return [word.replace(QUOTE, "") for word in _QUOTED_WORD.findall(text)]
