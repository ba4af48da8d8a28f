"""The lines of a spec that rpm reads: macros expanded, branches chosen by %if (rpm's build/parseSpec.c)."""

from __future__ import annotations

import re

from altai_build.tools.spec.calls import has_open_brackets
from altai_build.tools.spec.expression import evaluate_expression, is_true
from altai_build.tools.spec.macros import MacroExpander
from altai_build.tools.spec.tags import split_words
from altai_build.tools.spec.undecided import UNKNOWN, OnlyRpmKnows

_DIRECTIVE = re.compile(
    r"[ \t\r\f\v]*%(?:(endif|else)(?![A-Za-z])"
    r"|(if|ifarch|ifnarch|ifos|ifnos|include|elif|elifarch|elifos)(?:[ \t]|\Z))"
)


class _Branch:
    """The innermost open %if."""

    def __init__(self, reads: bool, may_read: bool, undecided: bool = False) -> None:
        self.reads = reads  # the lines of this branch
        self.may_read = may_read  # a later branch
        self.undecided = undecided  # whether the lines are read is for rpm to tell
        self.after_else = False


class SpecLines:
    """Hands out one line after another; without macros, the lines of a text that rpm has expanded.

    Raises OnlyRpmKnows where what follows is not certain.
    """

    def __init__(self, text: str, macros: MacroExpander | None) -> None:
        self._lines = text.split("\n")
        if self._lines[-1] == "":
            self._lines.pop()
        self._next = 0
        self._macros = macros
        self._expanded = ""  # of which lines are still to be handed out
        self._at = 0
        self._branches = [_Branch(reads=True, may_read=True)]
        self.place = ""  # the last line; with its number, where it is one of the file

    @property
    def undecided(self) -> bool:
        """Whether rpm reads the last line depends on what only rpm knows."""
        return self._macros is not None and self._macros.undecided_branch

    def read(self) -> str | None:
        """The next line, without its end; empty for one that is not read. None behind the last."""
        if self._macros is None:
            if self._next == len(self._lines):
                return None
            line = self._lines[self._next]
            self._next += 1
            self.place = _shorten(line)
            return line
        if self._at >= len(self._expanded):
            chunk = self._read_chunk()
            if chunk is None:
                if len(self._branches) > 1:
                    raise OnlyRpmKnows("an %if without %endif")
                return None
            if "%" not in chunk and chunk.find("\n") == len(chunk) - 1:
                return chunk[:-1] if self._branches[-1].reads else ""
            self._expanded, self._at = self._expand(chunk, self._macros), 0
        return self._take_line(self._macros)

    def _read_chunk(self) -> str | None:
        """The next line of the file, with those that brackets and backslashes join to it."""
        if self._next == len(self._lines):
            return None
        start = self._next
        chunk = self._lines[start] + "\n"
        self._next += 1
        if "%" in chunk or chunk.endswith("\\\n"):
            while _is_continued(chunk):
                if self._next == len(self._lines):
                    raise OnlyRpmKnows(f"line {start + 1}: unclosed macro or bad line continuation")
                chunk += self._lines[self._next] + "\n"
                self._next += 1
        self.place = f"line {start + 1}: {_shorten(chunk)}"
        return chunk

    def _expand(self, chunk: str, macros: MacroExpander) -> str:
        found = _DIRECTIVE.match(chunk)
        branch = self._branches[-1]
        is_elif = found is not None and (found.group(2) or "").startswith("elif")
        if not (branch.may_read if is_elif else branch.reads):
            return chunk
        expanded = macros.expand(chunk)
        return expanded or "\n"

    def _take_line(self, macros: MacroExpander) -> str:
        text, at = self._expanded, self._at
        found = _DIRECTIVE.match(text, at)
        end = text.find("\n", at)
        while found and end > at and text[end - 1] == "\\":  # a condition of several lines
            text = f"{text[: end - 1]}  {text[end + 1 :]}"
            end = text.find("\n", at)
        self._expanded = text
        self._at = len(text) if end < 0 else end + 1
        line = text[at:] if end < 0 else text[at:end]
        if found is None:
            return line if self._branches[-1].reads else ""
        keyword = found.group(1) or found.group(2)
        if keyword == "include":
            if self._branches[-1].reads:
                raise OnlyRpmKnows(line.strip())
            return ""
        self._enter_branch(keyword, line[found.end() - at :], macros)
        macros.undecided_branch = any(branch.undecided for branch in self._branches)
        return ""

    def _enter_branch(self, keyword: str, argument: str, macros: MacroExpander) -> None:
        outer = self._branches[-1]
        if keyword.startswith("if"):
            holds = self._evaluate(keyword, argument, macros) if outer.reads else False
            undecided = holds is None
            reads = outer.reads and holds is not False
            self._branches.append(
                _Branch(reads, may_read=outer.reads and (undecided or not reads), undecided=undecided)
            )
            return
        if len(self._branches) == 1 or (outer.after_else and keyword != "endif"):
            raise OnlyRpmKnows(f"%{keyword} without %if")
        if keyword == "endif":
            self._branches.pop()
        elif keyword == "else":
            outer.after_else = True
            outer.reads = outer.may_read
        else:
            holds = self._evaluate(keyword[2:], argument, macros) if outer.may_read else False
            outer.undecided = outer.undecided or holds is None
            outer.reads = outer.may_read and (holds is not False or outer.undecided)
            outer.may_read = outer.may_read and (outer.undecided or not outer.reads)

    def _evaluate(self, keyword: str, argument: str, macros: MacroExpander) -> bool | None:
        """Whether a condition holds; None where only rpm knows."""
        if UNKNOWN in argument:
            return None
        if keyword == "if":
            value = evaluate_expression(argument)
            return None if value == UNKNOWN else is_true(value)
        words = split_words(argument.lower())
        if not words:
            raise OnlyRpmKnows(f"%{keyword} without an argument")
        wanted = macros.expand("%{_target_cpu}" if keyword.endswith("arch") else "%{_target_os}").lower()
        return (wanted in words) is not keyword.startswith("ifn")


def _shorten(line: str) -> str:
    return " ".join(line.split())[:100]


def _is_continued(chunk: str) -> bool:
    if has_open_brackets(chunk):
        return True
    # An escaped end of line joins the next line, which ends with one that is not escaped.
    return re.search(r"(?:^|[^\\])(?:\\\\)*\\\n$", chunk) is not None
