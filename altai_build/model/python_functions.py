"""The functions of a Python file by their lines, and what differs between two versions of the file.

Files are taken apart into tokens only, so that those for Python 2 can be read too, and nothing that is nested deeply is
a danger. Nothing of them is run.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, replace

_LAYOUT = frozenset({tokenize.NEWLINE, tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT})
# Names of decorators that keep a result of one test for the next.
_KEEPING = re.compile(r"cache|memo|lazy|once|singleton", re.IGNORECASE)


@dataclass(frozen=True)
class Function:
    """The body of a function that is in no other one, without its docstring: its first and last line.

    `keeps_state`: a result of one call may be used by later ones (a decorator that caches, `global`).
    """

    name: str
    first: int
    last: int
    keeps_state: bool = False


@dataclass(frozen=True)
class FileDifference:
    """What differs between two versions of a file.

    `outside`: something outside of the bodies of functions does; then the rest is empty. `changed` are functions of
    the earlier version with another body; `moved` the lines that are the same, as first line before, first line now,
    number of lines.
    """

    outside: bool
    changed: tuple[Function, ...] = ()
    moved: tuple[tuple[int, int, int], ...] = ()


def find_functions(text: str) -> list[Function]:
    """The functions of a file, in their order. Raises ValueError where its tokens cannot be told apart."""
    try:
        return list(_Reader(text).read())
    except (tokenize.TokenError, SyntaxError) as error:
        raise ValueError(str(error)) from error


class _Reader:
    """Reads the tokens of a file."""

    def __init__(self, text: str) -> None:
        self._tokens = tokenize.generate_tokens(io.StringIO(text, newline=None).readline)
        self._token = tokenize.TokenInfo(tokenize.NL, "", (0, 0), (0, 0), "")

    def _advance(self) -> tokenize.TokenInfo:
        self._token = next(self._tokens, tokenize.TokenInfo(tokenize.ENDMARKER, "", (0, 0), (0, 0), ""))
        if self._token.type == tokenize.ERRORTOKEN and self._token.string.strip():
            raise ValueError(f"line {self._token.start[0]}: {self._token.string[:20]!r} is no token")
        return self._token

    def read(self) -> Iterator[Function]:
        """Every statement; those in classes and conditions too."""
        keeps_state = False
        is_start = True
        while self._advance().type != tokenize.ENDMARKER:
            token = self._token
            if token.type in _LAYOUT:
                is_start = True
                continue
            if is_start and token.string == "@":
                keeps_state |= self._skip_decorator()
                continue
            if is_start and token.string == "async":
                continue
            if is_start and token.string == "def":
                function = self._read_function(keeps_state)
                if function is not None:
                    yield function
                is_start, keeps_state = True, False
                continue
            if is_start and token.string == "class":
                keeps_state = False
            is_start = False

    def _skip_decorator(self) -> bool:
        found = False
        while self._advance().type not in (tokenize.NEWLINE, tokenize.ENDMARKER):
            found |= bool(self._token.type == tokenize.NAME and _KEEPING.search(self._token.string))
        return found

    def _read_function(self, keeps_state: bool) -> Function | None:
        """A function, up to the end of its body; None where it has no body of its own lines."""
        name = self._advance().string
        depth = 0
        while True:
            token = self._advance()
            if token.type in (tokenize.ENDMARKER, tokenize.NEWLINE):
                return None
            if token.string in ("(", "[", "{"):
                depth += 1
            elif token.string in (")", "]", "}"):
                depth -= 1
            elif token.string == ":" and depth == 0:
                break
        if self._skip_to(tokenize.COMMENT).type != tokenize.NEWLINE:
            while self._token.type not in (tokenize.NEWLINE, tokenize.ENDMARKER):
                self._advance()
            return None
        if self._skip_to(tokenize.COMMENT, tokenize.NL).type != tokenize.INDENT:
            return None
        return self._read_body(name, keeps_state)

    def _skip_to(self, *skipped: int) -> tokenize.TokenInfo:
        """The next token that is of no such type."""
        while self._advance().type in skipped:
            pass
        return self._token

    def _read_body(self, name: str, keeps_state: bool) -> Function | None:
        """The statements up to the end of the body; the first one, of nothing but strings, is the docstring."""
        level = 1
        first = last = statement = 0
        is_start = is_docstring = True
        while level and self._advance().type != tokenize.ENDMARKER:
            token = self._token
            if token.type not in _LAYOUT:
                if is_start:
                    statement = token.start[0]
                    keeps_state |= token.string == "global"
                is_start = False
                is_docstring &= token.type == tokenize.STRING
                if not is_docstring:
                    first = first or statement
                    last = token.end[0]
                continue
            level += {tokenize.INDENT: 1, tokenize.DEDENT: -1}.get(token.type, 0)
            if token.type == tokenize.NEWLINE:
                is_start, is_docstring = True, False
        return Function(name, first, last, keeps_state) if first else None


def compare_files(before: str, now: str) -> FileDifference:
    """What differs between two versions of a file. Raises ValueError where one of them cannot be read."""
    old_lines, new_lines = _split(before), _split(now)
    old, new = find_functions(before), find_functions(now)
    if len(old) != len(new):
        return FileDifference(outside=True)
    changed = []
    moved: list[tuple[int, int, int]] = []
    old_place = new_place = 1
    for then, today in zip((*old, None), (*new, None)):
        old_end = then.first if then is not None else len(old_lines) + 1
        new_end = today.first if today is not None else len(new_lines) + 1
        if old_lines[old_place - 1 : old_end - 1] != new_lines[new_place - 1 : new_end - 1]:
            return FileDifference(outside=True)
        moved.append((old_place, new_place, old_end - old_place))
        if then is None or today is None:
            break
        old_place, new_place = then.last + 1, today.last + 1
        if old_lines[then.first - 1 : then.last] == new_lines[today.first - 1 : today.last]:
            moved.append((then.first, today.first, then.last - then.first + 1))
        else:
            changed.append(replace(then, keeps_state=then.keeps_state or today.keeps_state))
    return FileDifference(False, tuple(changed), _join(moved))


def _split(text: str) -> list[str]:
    """Lines as Python counts them."""
    return io.StringIO(text, newline=None).readlines()


def _join(ranges: list[tuple[int, int, int]]) -> tuple[tuple[int, int, int], ...]:
    joined: list[tuple[int, int, int]] = []
    for before, now, count in ranges:
        if joined and joined[-1][0] + joined[-1][2] == before and joined[-1][1] + joined[-1][2] == now:
            joined[-1] = (*joined[-1][:2], joined[-1][2] + count)
        elif count:
            joined.append((before, now, count))
    return tuple(joined)
