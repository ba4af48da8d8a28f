"""rpm's expressions: `%if …`, `%[…]`, `%{expr:…}` (rpm's rpmio/expression.c)."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import zip_longest
from typing import NamedTuple, Union

from altai_build.tools.spec.calls import find_call_end
from altai_build.tools.spec.undecided import UNKNOWN, OnlyRpmKnows

_OPERATOR = re.compile(r"[+\-*/()?:,]|==|!=|<=|>=|&&|\|\||[!<>]")
_CALL = re.compile(r"[A-Za-z][A-Za-z0-9_.:]*\(")
_COMPARISONS: dict[str, Callable[[int], bool]] = {
    "==": lambda order: order == 0,
    "!=": lambda order: order != 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}
_DIGITS = "0123456789"
_SPACE = " \t\n\r\f\v"
_LARGEST = 2**31 - 1  # rpm calculates with C's int


class Version(NamedTuple):
    """A version literal: `v"1:2.0-3"`."""

    text: str

    def __str__(self) -> str:
        return self.text

    def compare(self, other: Version) -> int:
        """Negative, zero or positive, as rpm compares versions."""
        pairs = zip(_split_version(self.text), _split_version(other.text))
        for number, (left, right) in enumerate(pairs):
            if number == 2 and not (left and right):
                break  # a release counts only where both have one
            order = compare_versions(left, right)
            if order:
                return order
        return 0


Value = Union[int, str, Version]


class _UnknownValue(Exception):
    """A part of the expression is text that only rpm knows."""


def evaluate_expression(text: str, expand: Callable[[str], str] | None = None) -> Value:
    """The value of an expression; UNKNOWN where it depends on text that only rpm knows.

    With `expand` macros are expanded as they are met, as in `%[…]`. Raises OnlyRpmKnows for what rpm refuses.
    """
    if expand is None and UNKNOWN in text:
        return UNKNOWN
    try:
        return _Parser(text, expand).parse()
    except _UnknownValue:
        return UNKNOWN
    except RecursionError as error:
        raise OnlyRpmKnows(f"a deep expression: {text[:60]}") from error


def is_true(value: Value) -> bool:
    """What a condition makes of a value; a version counts as false."""
    return not isinstance(value, Version) and bool(value)


class _Parser:
    """A recursive descent; `_discard` is set where the value of what follows is not used."""

    def __init__(self, text: str, expand: Callable[[str], str] | None) -> None:
        self._text = text
        self._at = 0
        self._expand = expand
        self._discard = False
        self._symbol = ""  # an operator, "value" or "end"
        self._value: Value = 0

    def parse(self) -> Value:
        self._read_symbol()
        value = self._parse_ternary()
        if self._symbol != "end":
            raise self._refuse("syntax error in expression")
        return value

    def _refuse(self, why: str) -> OnlyRpmKnows:
        return OnlyRpmKnows(f"{why}: {self._text.strip()[:80]}")

    def _read_symbol(self) -> None:
        text, at = self._text, self._at
        while at < len(text) and text[at] in _SPACE:
            at += 1
        if at == len(text):
            self._symbol, self._at = "end", at
            return
        operator = _OPERATOR.match(text, at)
        if operator:
            self._symbol, self._at = operator.group(), operator.end()
            return
        self._symbol = "value"
        first = text[at]
        if first in _DIGITS or (first == "%" and self._expand):
            self._read_number(at)
        elif first == '"':
            self._value = self._read_string(at + 1)
        elif text.startswith('v"', at):
            string = self._read_string(at + 2)
            self._value = Version("0" if self._discard else string)
            if not self._value.text:
                raise self._refuse("invalid version")
        elif _CALL.match(text, at):
            raise self._refuse("a function in an expression")
        else:
            raise self._refuse("parse error in expression")

    def _bound(self, value: int) -> int:
        if abs(value) > _LARGEST:
            raise self._refuse("a large number")
        return value

    def _find_end(self, at: int, is_end: Callable[[str], bool]) -> int:
        text = self._text
        while at < len(text):
            if text[at] == "%" and self._expand:
                at = self._skip_macro(at + 1)
            elif is_end(text[at]):
                break
            else:
                at += 1
        return at

    def _skip_macro(self, at: int) -> int:
        text = self._text
        if text[at : at + 1] == "%":
            return at + 1
        end = find_call_end(text, at)
        return len(text) if end is None else end

    def _get_text(self, start: int, end: int) -> str:
        if self._discard:
            return ""
        text = self._text[start:end]
        if self._expand and "%" in text:
            text = self._expand(text)
            if UNKNOWN in text:
                raise _UnknownValue
        return text

    def _read_number(self, at: int) -> None:
        end = self._find_end(at, lambda character: character not in _DIGITS)
        digits = self._get_text(at, end)
        if digits and not re.fullmatch(r"-?[0-9]*", digits):
            raise self._refuse("macro expansion did not return an integer")
        # Python refuses to read thousands of digits.
        size = int(digits.lstrip("-0")[:11] or "0")
        self._value = self._bound(-size if digits.startswith("-") else size)
        self._at = end

    def _read_string(self, at: int) -> str:
        end = self._find_end(at, lambda character: character == '"')
        if end >= len(self._text):
            raise self._refuse("unterminated string in expression")
        self._at = end + 1
        return self._get_text(at, end)

    def _parse_ternary(self) -> Value:
        condition = self._parse_logical()
        if self._symbol != "?":
            return condition
        before, chosen = self._discard, is_true(condition)
        self._discard = before or not chosen
        self._read_symbol()
        first = self._parse_ternary()
        if self._symbol != ":":
            raise self._refuse("syntax error in expression")
        self._discard = before or chosen
        self._read_symbol()
        second = self._parse_ternary()
        self._discard = before
        self._require_same_type(first, second)
        return first if chosen else second

    def _parse_logical(self) -> Value:
        left = self._parse_relational()
        while self._symbol in ("&&", "||"):
            before, truth = self._discard, is_true(left)
            takes_right = truth if self._symbol == "&&" else not truth
            self._discard = before or not takes_right
            self._read_symbol()
            right = self._parse_relational()
            self._require_same_type(left, right)
            self._discard = before
            left = right if takes_right else left
        return left

    def _parse_relational(self) -> Value:
        left = self._parse_sum()
        while self._symbol in _COMPARISONS:
            holds = _COMPARISONS[self._symbol]
            self._read_symbol()
            right = self._parse_sum()
            self._require_same_type(left, right)
            if isinstance(left, Version) and isinstance(right, Version):
                order = left.compare(right)
            else:
                order = (left > right) - (left < right)  # type: ignore[operator]
            left = int(holds(order))
        return left

    def _parse_sum(self) -> Value:
        left = self._parse_product()
        while self._symbol in ("+", "-"):
            operator = self._symbol
            self._read_symbol()
            right = self._parse_product()
            self._require_same_type(left, right)
            if isinstance(left, str) and isinstance(right, str) and operator == "+":
                left += right
            elif isinstance(left, int) and isinstance(right, int):
                left = self._bound(left + right if operator == "+" else left - right)
            else:
                raise self._refuse(f"{operator} is for numbers")
        return left

    def _parse_product(self) -> Value:
        left = self._parse_primary()
        while self._symbol in ("*", "/"):
            operator = self._symbol
            self._read_symbol()
            right = self._parse_primary()
            if not (isinstance(left, int) and isinstance(right, int)):
                raise self._refuse(f"{operator} is for numbers")
            if self._discard:
                continue
            if operator == "*":
                left = self._bound(left * right)
            elif right == 0:
                raise self._refuse("division by zero")
            else:
                left = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return left

    def _parse_primary(self) -> Value:
        symbol = self._symbol
        if symbol == "(":
            self._read_symbol()
            value = self._parse_ternary()
            if self._symbol != ")":
                raise self._refuse("unmatched (")
            self._read_symbol()
            return value
        if symbol == "value":
            value = self._value
            self._read_symbol()
            return value
        if symbol not in ("-", "!"):
            raise self._refuse("syntax error in expression")
        self._read_symbol()
        value = self._parse_primary()
        if symbol == "!":
            return int(not is_true(value))
        if not isinstance(value, int):
            raise self._refuse("- is for numbers")
        return -value

    def _require_same_type(self, left: Value, right: Value) -> None:
        if type(left) is not type(right):
            raise self._refuse("types must match")


def _split_version(text: str) -> tuple[str, str, str]:
    """Epoch, version and release; "0" where there is no epoch."""
    epoch, colon, rest = text.partition(":")
    if not colon or not re.fullmatch("[0-9]*", epoch):
        epoch, rest = "0", text
    version, _, release = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return epoch or "0", version, release


def compare_versions(left: str, right: str) -> int:
    """Negative, zero or positive: rpm's rpmvercmp."""
    if left == right:
        return 0
    pattern = re.compile("[0-9]+|[A-Za-z]+|~|\\^")
    for one, two in zip_longest(pattern.findall(left), pattern.findall(right), fillvalue=""):
        if one == two:
            continue
        if "~" in (one, two):
            return -1 if one == "~" else 1
        if "^" in (one, two):  # it is later than nothing, and earlier than anything else
            caret = 1 if (two if one == "^" else one) == "" else -1
            return caret if one == "^" else -caret
        if not one or not two:
            return 1 if one else -1
        if one.isdigit() != two.isdigit():
            return 1 if one.isdigit() else -1
        if one.isdigit():
            one, two = one.lstrip("0"), two.lstrip("0")
            if one != two:
                return 1 if (len(one), one) > (len(two), two) else -1
            continue
        return 1 if one > two else -1
    return 0
