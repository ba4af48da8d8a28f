"""Dependency lists as rpm reads them in a spec: `a >= 1, b (c or d(x))` (rpm's build/parseReqs.c, lib/rpmds.c)."""

from __future__ import annotations

import re
from collections.abc import Callable

_COMPARISONS = frozenset({"<=", "=<", "<", "==", "=", ">=", "=>", ">"})
_RICH_OPERATORS = frozenset({"and", "or", "if", "unless", "else", "with", "without"})
# An operator, and the one that may follow it between the same brackets.
_CHAINS = {("and", "and"), ("or", "or"), ("with", "with"), ("if", "else"), ("unless", "else")}
_OPERATOR = re.compile(r"[^\s)]*", re.ASCII)
_SEPARATORS = re.compile(r"[\s,]*", re.ASCII)
_WORD = re.compile(r"[^\s,]+", re.ASCII)
# Letters of other alphabets are left to the build system.
_FIRST = re.compile(r"[A-Za-z0-9_/]|[^\x00-\x7f]")
_DIGITS = "0123456789"
_VERSION = re.compile(r"[A-Za-z0-9._+%{}~^:-]+")


def list_dependency_names(text: str, *, may_be_rich: bool = True) -> list[str]:
    """The names in a dependency list, in order, without their versions; those of rich dependencies one by one.

    Raises ValueError for what rpm refuses: there may be no rich dependencies in Provides:, for example.
    """
    names: list[str] = []
    at = _skip_separators(text, 0)
    while at < len(text):
        is_rich = text[at] == "(" and may_be_rich
        at = _read_rich(text, at, names) if is_rich else _read_dependency(text, at, names, _read_word)
        at = _skip_separators(text, at)
    return names


def _skip_separators(text: str, at: int) -> int:
    found = _SEPARATORS.match(text, at)
    assert found is not None  # it matches nothing too
    return found.end()


def _read_word(text: str, at: int) -> str:
    found = _WORD.match(text, at)
    return found.group() if found else ""


def _read_dependency(text: str, at: int, names: list[str], read_word: Callable[[str, int], str]) -> int:
    """Read a name with its comparison, where there is one; returns where the text after it begins."""
    name = read_word(text, at)
    at = _skip_separators(text, at + len(name))
    comparison = read_word(text, at)
    version = None
    if comparison in _COMPARISONS:
        at = _skip_separators(text, at + len(comparison))
        version = read_word(text, at)
        at += len(version)
    names.append(_check(name, version))
    return at


def _read_rich(text: str, at: int, names: list[str]) -> int:
    """Read one rich dependency, which begins with a bracket; returns where the text after it begins."""
    chained: list[str] = []  # the operator before, of each open bracket
    expects_operand = True
    while True:
        at = _skip_separators(text, at)
        character = text[at : at + 1]
        if not character:
            raise ValueError("an unterminated rich dependency")
        if character == "(" and expects_operand:
            chained.append("")
            at += 1
        elif character == ")":
            if expects_operand:
                raise ValueError("a rich dependency without an operand")
            chained.pop()
            at += 1
            if not chained:
                return at
        elif expects_operand:
            at, expects_operand = _read_dependency(text, at, names, _read_rich_word), False
        else:
            found = _OPERATOR.match(text, at)
            assert found is not None  # it matches nothing too
            chained[-1] = _chain(chained[-1], found.group())
            at, expects_operand = found.end(), True


def _chain(before: str, operator: str) -> str:
    """The operator that counts for the next one (rpm's rpmrichParseInternal)."""
    if operator not in _RICH_OPERATORS:
        raise ValueError(f"{operator} is no operator of rich dependencies")
    if before and (before, operator) not in _CHAINS:
        raise ValueError(f"{operator} behind {before}")
    return operator


def _read_rich_word(text: str, at: int) -> str:
    """A word up to a separator or the bracket that closes its group; brackets of its own belong to it: `perl(A::B)`."""
    depth = 0
    for end in range(at, len(text)):
        character = text[end]
        if character == "(":
            depth += 1
        elif character == ")":
            if depth == 0:
                return text[at:end]
            depth -= 1
        elif character == "," or character in " \t\n\r\f\v":
            return text[at:end]
    return text[at:]


def _check(name: str, version: str | None) -> str:
    if not _FIRST.match(name):
        raise ValueError("dependency tokens must begin with alpha-numeric, '_' or '/'")
    if version is not None:
        if name.startswith("/"):
            raise ValueError("versioned file name not permitted")
        separators = max(version.count("-"), version.count(":"))
        epoch = version.partition(":")[0] if ":" in version else "0"
        if not _VERSION.fullmatch(version) or ".." in version or separators > 1 or epoch.strip(_DIGITS):
            raise ValueError(f"an illegal version {version!r}" if version else "version required")
    return name
