"""JSON that strangers wrote: whatever it holds, it is read or refused with a reason."""

from __future__ import annotations

import json
import re
from typing import Any

_MAX_DIGITS = (
    19  # of a whole number: more than a size or a time ever has, and few enough for every later step
)
_MAX_DEPTH = 100  # of lists and objects in one another; our own documents have about 10
# UTF-16 has pairs of these, and UTF-8 none. U+DC80 to U+DCFF alone stand for bytes that are not UTF-8, as in Python.
_LONE_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str) -> Any:
    """The document. Raises ValueError for text that is not JSON, or that no program should be given.

    That is: numbers that are not finite or have very many digits, lists nested very deeply, and halves of characters.
    """
    try:
        document = json.loads(text, parse_int=_parse_int, parse_float=_parse_float, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("lists or objects are nested too deeply") from error
    with_texts = bool(_ESCAPED_SURROGATE.search(text))
    # Small documents cannot be nested deeply.
    if with_texts or text.count("[") + text.count("{") > _MAX_DEPTH:
        _check(document, with_texts=with_texts)
    return document


def _parse_int(digits: str) -> int:
    count = len(digits.lstrip("-"))
    if count > _MAX_DIGITS:
        raise ValueError(f"a number has {count} digits")
    return int(digits)


def _parse_float(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return number


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _check(document: Any, *, with_texts: bool) -> None:
    """Raise ValueError for deep nesting and, where the text may have such, for halves of characters."""
    level, depth = [document], 0
    while level:
        if depth > _MAX_DEPTH:
            raise ValueError("lists or objects are nested too deeply")
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.values()
                if with_texts:
                    below += value.keys()
            elif isinstance(value, list):
                below += value
            elif with_texts and isinstance(value, str) and _LONE_SURROGATE.search(value):
                raise ValueError("a text has half of a character (a lone surrogate)")
        level, depth = below, depth + 1
