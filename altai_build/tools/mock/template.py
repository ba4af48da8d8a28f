"""The templates in mock's configuration values, expanded as mock does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from altai_build.errors import InputError

_MAX_SIZE = 1 << 16  # characters; what gets larger is Jinja's to refuse
MAX_EXPANSIONS = 5  # templated_dictionary's jinja_max_recursion: values may name values that name values
_PLAIN_NAME = re.compile(r"\{\{ ([A-Za-z_][A-Za-z0-9_]*) \}\}")
_CONSTANTS = {
    "true",
    "false",
    "none",
    "True",
    "False",
    "None",
}  # Jinja's, whatever is given under their names


def expand(text: str, values: Mapping[str, Any], *, where: str) -> str:
    """Expand a value until it no longer changes, as templated_dictionary does for mock.

    `where` names the value in errors. Raises InputError for a template that is wrong or asks for too much.
    """
    if "{{" not in text and "{%" not in text and "{#" not in text:
        return text
    last = text
    for _ in range(MAX_EXPANSIONS):
        expanded = _fill_plain_names(last, values)
        if expanded is None:
            from altai_build.tools.mock.jinja import render

            expanded = render(last, values, where=where)
        if expanded == last:
            return expanded
        last = expanded
    raise InputError(f"{where} still changes after {MAX_EXPANSIONS} expansions", why=text.strip()[:200])


def _fill_plain_names(text: str, values: Mapping[str, Any]) -> str | None:
    """A template that does nothing but name text, as most do, or None: loading Jinja takes longer than all the rest."""
    names = _PLAIN_NAME.findall(text)
    if len(names) != text.count("{{") or any(sign in text for sign in ("{{{", "{%", "{#", "\r")):
        return None
    words = [values.get(name) if name not in _CONSTANTS else None for name in names]
    texts = [word for word in words if isinstance(word, str)]
    if len(texts) != len(names) or len(text) + sum(map(len, texts)) > _MAX_SIZE:
        return None
    return _PLAIN_NAME.sub(lambda found: str(values[found[1]]), text)


def expand_nested(value: Any, values: Mapping[str, Any], *, where: str) -> Any:
    """Expand strings inside lists and dictionaries too; mock leaves tuples as they are."""
    if isinstance(value, str):
        return expand(value, values, where=where)
    if isinstance(value, list):
        return [expand_nested(item, values, where=where) for item in value]
    if isinstance(value, dict):
        return {key: expand_nested(item, values, where=f"{where}[{key!r}]") for key, item in value.items()}
    return value
