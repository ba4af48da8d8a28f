"""Values as YAML text, which every reader reads as the same text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

# Text that YAML reads as text without quotes. Values that only look like text begin otherwise, or are in _YAML_WORDS.
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./+()~^-]*")
_YAML_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def format_list(values: Iterable[str]) -> str:
    """A list on one line, every value in quotes."""
    return "[" + ", ".join(quote_text(value) for value in values) + "]"


def quote_text(text: str) -> str:
    """Text in double quotes; as in JSON, but without surrogates, which YAML does not join to one character."""
    if text.isascii():
        return json.dumps(text)
    escaped = "".join(f"\\U{ord(char):08x}" if char > "\uffff" else json.dumps(char)[1:-1] for char in text)
    return f'"{escaped}"'


def format_scalar(text: str) -> str:
    """Text without quotes where YAML reads it as text, else in quotes."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS
    return text if plain else quote_text(text)
