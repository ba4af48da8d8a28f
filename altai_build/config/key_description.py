"""How a key of repos.yaml is described: for its reader, for the reference, and for the JSON Schema of the file."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

_LINK = re.compile(r"\[([^]]+)\]\([^)]*\)")


class Form(NamedTuple):
    """The kind of value that a key takes: in words, and as JSON Schema, in which sections stand for theirs."""

    label: str
    schema: Any


# Tuples, because many are made whenever a definition is read.
class KeyDescription(NamedTuple):
    """A key: its name, what it takes and means (Markdown), and an example of its value.

    `default` is the value that counts where the key is absent, and `usual` says it in words where no value does. A
    `needed` key has neither. `read_by` names, for a key at the top, the commands that read what is below it.
    """

    name: str
    form: Form
    meaning: str
    example: Any = None
    default: Any = None
    usual: str = ""
    needed: bool = False
    read_by: str = ""


class Section(NamedTuple):
    """The keys of one mapping in repos.yaml. Of those in `one_of` exactly one must be given."""

    keys: tuple[KeyDescription, ...]
    one_of: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all keys."""
        return tuple(key.name for key in self.keys)

    @property
    def needed(self) -> tuple[str, ...]:
        """The names of the keys that must be given."""
        return tuple(key.name for key in self.keys if key.needed)

    def example(self) -> dict[str, Any]:
        """A mapping with the examples of the keys that have one."""
        return {key.name: key.example for key in self.keys if key.example is not None}

    def without(self, *names: str) -> Section:
        """The section without some of its keys."""
        return Section(tuple(key for key in self.keys if key.name not in names), self.one_of)

    def to_schema(self) -> dict[str, Any]:
        """The JSON Schema of the mapping."""
        schema: dict[str, Any] = {"type": "object", "additionalProperties": False}
        if self.needed:
            schema["required"] = list(self.needed)
        if self.one_of:
            schema["oneOf"] = [{"required": [name]} for name in self.one_of]
        schema["properties"] = {key.name: _describe(key) for key in self.keys}
        return schema


def _describe(key: KeyDescription) -> dict[str, Any]:
    described: dict[str, Any] = {"description": _LINK.sub(r"\1", key.meaning).replace("\\|", "|")}
    if key.default is not None:
        described["default"] = key.default
    return {**described, **_resolve(key.form.schema)}


def _resolve(schema: Any) -> Any:
    """A schema with those of sections in their place: they are needed only where a schema is printed."""
    if isinstance(schema, Section):
        return schema.to_schema()
    if isinstance(schema, list):
        return [_resolve(part) for part in schema]
    return {key: _resolve(part) for key, part in schema.items()} if isinstance(schema, dict) else schema


# One line without control characters, as `YamlNode.read_text` wants it.
TEXT = Form("text", {"type": "string", "pattern": r"^(?=.*\S)[^\u0000-\u001f\u007f]+$"})
FLAG = Form("`true` or `false`", {"type": "boolean"})
TEXTS = Form("list of texts", {"type": "array", "items": TEXT.schema})
URL = Form("URL", {"type": "string", "pattern": "^(https?|file)://"})
URLS = Form("list of URLs", {"type": "array", "items": URL.schema})
DAY = Form("day", {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"})


def choice(*words: str) -> Form:
    """One of some words."""
    return Form(" or ".join(f"`{word}`" for word in words), {"enum": list(words)})


def number(minimum: int, maximum: int | None = None) -> Form:
    """A whole number."""
    schema: dict[str, Any] = {"type": "integer", "minimum": minimum}
    if maximum is not None:
        schema["maximum"] = maximum
    return Form(
        f"number, {minimum} or more" if maximum is None else f"number, {minimum} to {maximum}", schema
    )


def mapping(label: str, value: Any) -> Form:
    """Entries with names that the definition chooses, and values of one form."""
    return Form(label, {"type": "object", "additionalProperties": value})


def nested(section: Section, label: str = "mapping, see below") -> Form:
    """A mapping with keys of its own."""
    return Form(label, section)


def either(first: Form, second: Form) -> Form:
    """One of two forms."""
    return Form(f"{first.label}, or {second.label}", {"anyOf": [first.schema, second.schema]})
